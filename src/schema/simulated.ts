import { z } from "zod";
import type { SimulatedGpu, Simulation } from "./simulated-types.js";

const FaultSchema = z.strictObject({
  batch: z.int().min(0),
  kind: z.enum(["out_of_memory", "crash", "hang", "device_error", "leak", "load_hang"]),
  times: z.int().positive().optional(),
  bytes: z.int().positive().optional(),
});

const GpuSchema = z.strictObject({
  /** Stands in a line of values with commas between them. */
  product: z.string().regex(/^[\x20-\x2b\x2d-\x7e]{1,80}$/, "must be 1 to 80 printable characters without a comma"),
  memoryBytes: z.int().min(2 ** 20),
  computeCapability: z.string().regex(/^\d{1,2}\.\d$/, "must be a number such as 7.5"),
  contextBytes: z.int().min(0),
  flops: z.number().positive(),
  halfTokens: z.number().min(0),
  launchSeconds: z.number().min(0),
  speedup: z.number().positive(),
  compute: z.enum(["model", "hash"]),
  memoryFactor: z.number().positive(),
  faults: z.array(FaultSchema),
});

const SimulationSchema = z.strictObject({ gpus: z.array(GpuSchema).min(1).max(16) });

/**
 * A Tesla T4 as Kaggle has it. Memory is what nvidia-smi says of it; the context is that of CUDA with cuBLAS and cuDNN. Its
 * data sheet promises 65 TFLOP/s in fp16; within its 70 W the clock falls under load, and beside matrices an encoder waits for
 * memory: a third of it is taken, an estimate that no measurement of ours confirms yet. So are the last two of its figures of speed.
 */
const T4: SimulatedGpu = {
  product: "Tesla T4 (simulated)",
  memoryBytes: 15_360 * 2 ** 20,
  computeCapability: "7.5",
  contextBytes: 400 * 2 ** 20,
  flops: 22e12,
  halfTokens: 1000,
  launchSeconds: 0.004,
  speedup: 1,
  compute: "model",
  memoryFactor: 1,
  faults: [],
};

/** Simulations that have a name. */
export const namedSimulations: ReadonlyMap<string, Simulation> = new Map([
  ["t4", { gpus: [T4] }],
  ["t4x2", { gpus: [T4, T4] }],
]);

/** Checks a simulation that comes from a file. */
export function checkSimulation(value: unknown): { readonly ok: Simulation } | { readonly problem: string } {
  const parsed = SimulationSchema.safeParse(value);
  if (parsed.success) return { ok: parsed.data as Simulation };
  const { path, message } = parsed.error.issues[0] as z.core.$ZodIssue;
  return { problem: `${path.join(".") || "the file"}: ${message}` };
}
