import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { glob } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { type Check, note, ok, reasonOf } from "./check.js";

type Env = Readonly<Record<string, string | undefined>>;

const ON_CPU = 'this version computes on the CPU: pass device: "cpu" to openSession';
const run = promisify(execFile);

/** The GPUs that the driver's tool tells of, or else the device file. Nothing is opened. */
export async function checkGpus(env: Env): Promise<Check> {
  const query = ["--query-gpu=name,memory.total,driver_version", "--format=csv,noheader"];
  const told = await run("nvidia-smi", query, { env: { ...env }, timeout: 20_000 }).catch(() => null);
  const gpus = parseGpus(told?.stdout ?? "");
  if (gpus.length > 0) return note("GPU", `${gpus.join("; ")}: ${ON_CPU}`);
  if (existsSync("/dev/nvidia0")) return note("GPU", `/dev/nvidia0 is there, nvidia-smi tells nothing: ${ON_CPU}`);
  return ok("GPU", "none: models compute on the CPU");
}

/** A line a GPU: `Tesla T4, 15360 MiB, 550.54`. */
export function parseGpus(csv: string): string[] {
  return csv
    .split("\n")
    .map((line) => line.split(",").map((part) => part.replace(/[\p{C}]+/gu, " ").trim()))
    .filter((parts) => parts.length === 3)
    .map(([name, memory, driver]) => `${name} (${memory}, driver ${driver})`);
}

/** Whether the CUDA provider's file is there, and whether the system finds every library that it needs. Nothing is loaded. */
export async function checkProvider(root: string, env: Env): Promise<Check> {
  const file = await findProvider(root);
  if (file === null) return note("CUDA provider", "not installed; this version does not use it");
  const told = await run("ldd", [file], { env: { ...env, LC_ALL: "C" }, timeout: 20_000 }).catch((error) => error);
  if (told instanceof Error) return note("CUDA provider", `${file}; ldd can't look at it: ${reasonOf(told)}`);
  const absent = absentLibraries(told.stdout);
  if (absent.length === 0)
    return ok("CUDA provider", "all libraries that it needs are found; this version does not use it");
  return note(
    "CUDA provider",
    `${absent.join(", ")} not found; this version does not use it`,
    "Put the folders of CUDA 12 and cuDNN 9 on LD_LIBRARY_PATH before the kernel starts; the bootstrap does so where there is a GPU",
  );
}

/** Names of libraries that `ldd` did not find. */
export function absentLibraries(ldd: string): string[] {
  return [...ldd.matchAll(/^\s*(\S+) => not found$/gm)].map(([, name]) => name as string);
}

async function findProvider(root: string): Promise<string | null> {
  let main: string;
  try {
    main = createRequire(join(root, "package.json")).resolve("onnxruntime-node");
  } catch {
    return null;
  }
  const found = glob("bin/*/linux/x64/libonnxruntime_providers_cuda.so", { cwd: dirname(dirname(main)) });
  for await (const name of found) return join(dirname(dirname(main)), name);
  return null;
}
