import { RagError } from "../../../dist/core/errors.js";
import type { UsableDevice } from "../../../dist/runtime/devices/types.js";
import { openEncoder } from "../../../dist/runtime/encoder.js";
import type { Reading, Sampler } from "../../../dist/runtime/sampler.js";
import type { Encoder, TokenBatch } from "../../../dist/runtime/types.js";
import type { ModelShape } from "../../../dist/schema/device-types.js";
import { between, seeded } from "../../runtime/lib/random.ts";

/** Where a device really runs out of memory, and what is left of the session then. */
export interface Limit {
  readonly length: number;
  /** Largest batch that ran, and the smallest that did not; null where none failed. */
  readonly ran: number;
  readonly failed: number | null;
  /** Memory in use: with the model loaded, at the largest batch that ran, and after the process was gone. */
  readonly loadedBytes: number | null;
  readonly fullBytes: number | null;
  readonly afterBytes: number | null;
  /** The runtime's words. */
  readonly words: string;
  /** What a small batch gives afterwards, beside what it gave before: in the same session, and in a new one of the same process. */
  readonly sameSession: string;
  readonly newSession: string;
}

/** Rows that are tried at most: beyond that a message to the process gets too large. */
const MOST_ROWS = 32_768;

/** Doubles batches of rows of `length` tokens until the device has no memory left, then narrows it down. */
export async function findLimit(
  device: UsableDevice,
  onnxFile: string,
  shape: ModelShape,
  vocabulary: number,
  length: number,
  sampler: Sampler,
  until: () => boolean,
): Promise<Limit> {
  const options = {
    model: "bench",
    onnxFile,
    externalData: [],
    pooling: "mean" as const,
    normalize: true,
    threads: 1,
    provider: device.provider,
    env: device.env,
    shape,
  };
  const encoder = await openEncoder(options);
  const small = batchOf(4, length, vocabulary);
  const before = await vectorsOf(encoder, small);
  const loadedBytes = await reading(sampler, device);
  let [ran, failed, words] = [4, null as number | null, ""];
  let [sameSession, newSession] = ["not tried", "not tried"];
  for (let rows = 8; rows <= MOST_ROWS && until(); rows = next(ran, failed)) {
    if (failed !== null && (rows >= failed || rows <= ran)) break;
    try {
      await vectorsOf(encoder, batchOf(rows, length, vocabulary));
      ran = rows;
    } catch (error) {
      if (!(error instanceof RagError) || error.code !== "out_of_memory") throw error;
      const first = failed === null;
      failed = rows;
      words = error.message.slice(0, 300);
      if (!first) continue;
      sameSession = await compare(encoder, small, before);
      newSession = await encoder.renew().then(
        () => compare(encoder, small, before),
        (cause: Error) => `can't be made: ${cause.message.slice(0, 120)}`,
      );
    }
  }
  const fullBytes = await reading(sampler, device);
  await encoder.close();
  return {
    length,
    ran,
    failed,
    loadedBytes,
    fullBytes,
    afterBytes: await reading(sampler, device),
    words,
    sameSession,
    newSession,
  };
}

/** Twice as many rows until one fails, then halfway between, as long as that is more than an eighth. */
function next(ran: number, failed: number | null): number {
  if (failed === null) return 2 * ran;
  return failed - ran > ran / 8 ? Math.floor((ran + failed) / 2) : Number.POSITIVE_INFINITY;
}

async function compare(encoder: Encoder, batch: TokenBatch, before: Float32Array): Promise<string> {
  try {
    const after = await vectorsOf(encoder, batch);
    const largest = after.reduce((most, value, i) => Math.max(most, Math.abs(value - (before[i] as number))), 0);
    return largest === 0 ? "the same bits" : `differs by up to ${largest.toExponential(1)}`;
  } catch (error) {
    return `fails: ${(error as Error).message.slice(0, 160)}`;
  }
}

async function vectorsOf(encoder: Encoder, batch: TokenBatch): Promise<Float32Array> {
  const { output } = await encoder.encode([batch], 120);
  if (output.kind !== "dense") throw new Error("not dense");
  return output.data;
}

function batchOf(rows: number, length: number, vocabulary: number): TokenBatch {
  const random = seeded(rows);
  const ids = Int32Array.from({ length: rows * length }, () => between(random, 5, vocabulary - 1));
  return { rows, length, ids, mask: new Uint8Array(rows * length).fill(1), types: new Uint8Array(rows * length) };
}

/** The next reading of the device; null where none comes. */
async function reading(sampler: Sampler, { name }: UsableDevice): Promise<number | null> {
  const old: Reading | null = sampler.latest(name);
  for (let waited = 0; waited < 3000; waited += 50) {
    await new Promise((resolve) => setTimeout(resolve, 50));
    const latest = sampler.latest(name);
    if (latest && latest.at > (old?.at ?? -1) + 0.3) return latest.usedBytes;
  }
  return old?.usedBytes ?? null;
}
