import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { atExit } from "../../core/at-exit.js";
import { sha256 } from "../../core/hash.js";
import { pidNamespace, processRuns, processStart } from "../../core/process-start.js";
import type { SimulatedGpu, Simulation } from "../../schema/simulated-types.js";
import { gpuFolder } from "./ledger.js";

/** A simulated GPU as its nvidia-smi shows it. */
export interface ShownGpu extends Pick<SimulatedGpu, "product" | "memoryBytes" | "computeCapability"> {
  readonly uuid: string;
}

/** Name of the file that says which GPUs there are. */
export const GPUS_FILE = "gpus.json";

const NAME = /^rag-cells-simulated-(\d+)-(\d*)-(\d*)-/;

/**
 * Makes the folder where the processes on simulated GPUs write down what they hold, readable by this user alone, with an nvidia-smi
 * that reads it. It goes when this process exits; those of processes that were killed go now.
 */
export function makeStateFolder(simulation: Simulation): {
  readonly stateDir: string;
  /** Absolute path of the stand-in for nvidia-smi. */
  readonly smi: string;
  readonly uuids: readonly string[];
} {
  const root = tmpdir();
  const ours = pidNamespace();
  for (const name of readdirSync(root)) {
    const [, pid, started, namespace] = NAME.exec(name) ?? [];
    if (pid !== undefined && namespace === ours && !processRuns(Number(pid), started ?? "")) remove(join(root, name));
  }
  const stateDir = mkdtempSync(join(root, `rag-cells-simulated-${process.pid}-${processStart(process.pid)}-${ours}-`));
  atExit(() => remove(stateDir));
  const gpus: ShownGpu[] = simulation.gpus.map((gpu, index) => ({ ...gpu, uuid: uuidOf(stateDir, index) }));
  writeFileSync(join(stateDir, GPUS_FILE), JSON.stringify(gpus));
  for (const index of gpus.keys()) mkdirSync(gpuFolder(stateDir, index));
  const smi = join(stateDir, "nvidia-smi");
  // By the path of this Node: there need not be one on the PATH.
  const main = fileURLToPath(new URL("./smi-main.js", import.meta.url));
  const words = [process.execPath, main, stateDir].map((word) => `'${word.replaceAll("'", "'\\''")}'`);
  writeFileSync(smi, `#!/bin/sh\nexec ${words.join(" ")} "$@"\n`, { mode: 0o700 });
  return { stateDir, smi, uuids: gpus.map(({ uuid }) => uuid) };
}

/** Another user's folder stays. */
function remove(path: string): void {
  try {
    rmSync(path, { recursive: true, force: true });
  } catch {
    // Not ours, or in use until its process has ended.
  }
}

/** In the form of NVIDIA's; another for every folder, so that processes that can't see each other's GPUs don't wait for them. */
function uuidOf(stateDir: string, index: number): string {
  const hex = sha256(`${stateDir} ${index}`);
  return `GPU-${[hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20, 32)].join("-")}`;
}
