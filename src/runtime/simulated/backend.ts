import { activationBytes, secondsOf } from "../../core/batch-cost.js";
import type { ModelShape } from "../../schema/device-types.js";
import type { SimulatedGpu } from "../../schema/simulated-types.js";
import type { Backend, DenseBatch, EncoderOptions, SparseBatch, TokenBatch } from "../types.js";
import { allocationFailed, openArena } from "./arena.js";
import { crash, DEVICE_ERROR, faultAt, hangsAtLoad, outOfMemoryWords } from "./faults.js";
import { hashOutput } from "./hash-outputs.js";
import { type Ledger, openLedger, sharedClock } from "./ledger.js";
import { pause } from "./pause.js";

/** What a process has of a GPU, whatever sessions come and go in it. */
interface Context {
  readonly ledger: Ledger;
  /** A kernel went astray: nothing works any more. */
  lost: boolean;
}

/** This process's context, made with its first session and kept until it ends, as CUDA's is. */
let context: Context | null = null;

/**
 * A model on a simulated GPU; see {@link ../../schema/simulated-types.js}. Its memory is that of the process's context, the
 * weights, and an arena that batches make grow; closing the session gives back all but the first.
 *
 * @throws Error in onnxruntime's own words where memory does not do
 */
export async function openSimulatedBackend(options: EncoderOptions): Promise<Backend> {
  const { provider, shape } = options;
  if (provider.kind !== "simulated" || !shape)
    throw new RangeError("a simulated device needs to know the shape of the model");
  const { gpu, index, stateDir } = provider;
  context ??= openContext(gpu, stateDir, index);
  const mine = context;
  const { ledger } = mine;
  if (mine.lost) throw new Error(DEVICE_ERROR);
  if (hangsAtLoad(gpu.faults, ledger.nextLoad())) pause(Number.POSITIVE_INFINITY);
  const take = (bytes: number) => ledger.hold(ledger.heldBytes + bytes);
  if (!take(shape.weightBytes)) throw new RangeError(allocationFailed(shape.weightBytes));
  const arena = openArena(take);
  const compute = await computeOf(options, gpu, shape).catch((error: unknown) => {
    ledger.hold(ledger.heldBytes - shape.weightBytes);
    throw error;
  });
  return {
    placement: null,
    async run(batch) {
      const start = performance.now();
      if (mine.lost) throw new Error(DEVICE_ERROR);
      const buffers = buffersOf(gpu, shape, batch);
      goWrong(mine, gpu, buffers);
      ledger.busy(true);
      try {
        for (const bytes of buffers) arena.allocate(bytes);
        const output = await compute.run(batch);
        const end = start + (1000 * secondsOf(gpu, shape, batch.rows, batch.length)) / gpu.speedup;
        // Written while the time passes that the batch takes: afterwards it would be time that no GPU needs.
        ledger.busy(true, sharedClock() + end - performance.now());
        pause(end);
        return { output, runSeconds: (performance.now() - start) / 1000 };
      } catch (error) {
        ledger.busy(false);
        throw error;
      } finally {
        arena.reset();
      }
    },
    async close() {
      await compute.close();
      ledger.hold(ledger.heldBytes - shape.weightBytes - arena.heldBytes);
    },
  };
}

function openContext(gpu: SimulatedGpu, stateDir: string, index: number): Context {
  const ledger = openLedger(stateDir, index, gpu.memoryBytes);
  if (!ledger.hold(gpu.contextBytes)) throw new RangeError(outOfMemoryWords(2, gpu.contextBytes));
  return { ledger, lost: false };
}

/** Does what is to go wrong at the next batch. */
function goWrong(mine: Context, gpu: SimulatedGpu, buffers: readonly number[]): void {
  const number = mine.ledger.nextBatch();
  const fault = faultAt(gpu.faults, number);
  if (fault?.kind === "crash") crash(number);
  if (fault?.kind === "crash" || fault?.kind === "hang") pause(Number.POSITIVE_INFINITY);
  if (fault?.kind === "out_of_memory") throw new RangeError(outOfMemoryWords(number, Math.max(...buffers)));
  if (fault?.kind === "device_error") {
    mine.lost = true;
    throw new Error(DEVICE_ERROR);
  }
  const leaked = fault?.bytes ?? 0;
  if (fault?.kind === "leak" && !mine.ledger.hold(mine.ledger.heldBytes + leaked))
    throw new RangeError(outOfMemoryWords(number, leaked));
}

/** Buffers of a batch that live at the same time. */
function buffersOf({ memoryFactor }: SimulatedGpu, shape: ModelShape, { rows, length }: TokenBatch): number[] {
  const { linear, square, words } = activationBytes(shape, rows, length);
  const pieces = (bytes: number, count: number) =>
    bytes === 0 ? [] : Array<number>(count).fill((memoryFactor * bytes) / count);
  return [...pieces(linear, 8), ...pieces(square, 2), ...pieces(words, 3)];
}

interface Compute {
  run(batch: TokenBatch): Promise<DenseBatch | SparseBatch>;
  close(): Promise<void>;
}

async function computeOf(options: EncoderOptions, gpu: SimulatedGpu, shape: ModelShape): Promise<Compute> {
  if (gpu.compute === "hash") return { run: async (batch) => hashOutput(options, shape, batch), close: async () => {} };
  const { openOnnxBackend } = await import("../onnx-backend.js");
  const real = await openOnnxBackend({ ...options, provider: { kind: "cpu" }, probe: false });
  return { run: async (batch) => (await real.run(batch)).output, close: () => real.close() };
}
