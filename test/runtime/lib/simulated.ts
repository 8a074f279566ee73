import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { UsableDevice } from "../../../dist/runtime/devices/types.js";
import { simulatedDevices } from "../../../dist/runtime/simulated/devices.js";
import type { EncoderOptions, TokenBatch } from "../../../dist/runtime/types.js";
import type { ModelShape } from "../../../dist/schema/device-types.js";
import type { SimulatedGpu } from "../../../dist/schema/simulated-types.js";
import { scratch } from "./table-model.ts";

export const MIB = 2 ** 20;
export const GIB = 2 ** 30;

/** BERT base in fp16. */
export const BASE: ModelShape = {
  layers: 12,
  hidden: 768,
  heads: 12,
  intermediate: 3072,
  vocabulary: 30_522,
  weightBytes: 220 * MIB,
  numberBytes: 2,
  vocabularyOutput: false,
  source: "config.json",
};

const GPU: SimulatedGpu = {
  product: "Tesla T4 (simulated)",
  memoryBytes: 15 * GIB,
  computeCapability: "7.5",
  contextBytes: 400 * MIB,
  flops: 22e12,
  halfTokens: 1000,
  launchSeconds: 0.002,
  speedup: 20,
  compute: "hash",
  memoryFactor: 1,
  faults: [],
};

let made = 0;

/** GPUs that no other test has, each as a T4 but for what is given. */
export async function gpus(...changes: readonly Partial<SimulatedGpu>[]): Promise<readonly UsableDevice[]> {
  return simulatedDevices({ simulation: simulationFile(...changes) });
}

/** A file that describes GPUs that no other test has, for the setting `simulation`. */
export function simulationFile(...changes: readonly Partial<SimulatedGpu>[]): string {
  const file = join(scratch(), "gpus.json");
  const product = (i: number) => `T4 number ${process.pid} ${made++} ${i}`;
  writeFileSync(
    file,
    JSON.stringify({ gpus: changes.map((change, i) => ({ ...GPU, product: product(i), ...change })) }),
  );
  return file;
}

/** What a model on a simulated GPU is opened with. */
export function optionsOn(device: UsableDevice, changes: Partial<EncoderOptions> = {}): EncoderOptions {
  return {
    model: "tiny",
    onnxFile: "no such file",
    externalData: [],
    pooling: "mean",
    normalize: true,
    threads: 1,
    provider: device.provider,
    env: device.env,
    shape: BASE,
    ...changes,
  };
}

/** Rows of so many tokens, padded to a length; the tokens of row `i` are drawn from `first + i`. */
export function batchOf(rows: number, length: number, tokens = length, first = 0): TokenBatch {
  const ids = new Int32Array(rows * length);
  const mask = new Uint8Array(rows * length);
  for (let row = 0; row < rows; row++) {
    for (let at = 0; at < tokens; at++) {
      ids[row * length + at] = 1 + (((first + row) * 7919 + at * 104729) % 30_000);
      mask[row * length + at] = 1;
    }
  }
  return { rows, length, ids, mask, types: new Uint8Array(rows * length) };
}
