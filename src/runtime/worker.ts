/**
 * The inference process: loads one model, computes batches one after another and
 * sends back pooled vectors, never token states. Started by encoder.ts with
 * `child_process.fork`.
 *
 * A micro-batch is computed synchronously: nothing here can be interrupted, so the
 * parent kills the process to stop it.
 */
import { setImmediate } from "node:timers/promises";
import { peakResidentBytes, residentBytes } from "./memory.js";
import type { FromWorker, ToWorker } from "./messages.js";
import { joinOutputs } from "./outputs.js";
import type { Backend, DenseBatch, EncoderOptions, SparseBatch, TokenBatch } from "./types.js";

// An interrupt goes to the whole process group; the parent decides what it means.
process.on("SIGINT", () => {});
// The parent closed the channel or died. During a micro-batch this is noticed right after it.
process.on("disconnect", () => process.exit());

let backend: Backend | undefined;
let last = Promise.resolve();
/** Sent ahead, while what was sent before it is computed. */
let batch: readonly TokenBatch[] = [];
process.on("message", (message: ToWorker) => {
  if (message.kind === "batch") batch = message.microBatches;
  else if (message.kind === "load") last = last.then(() => load(message.options));
  else {
    const mine = batch;
    last = last.then(() => run(message.id, mine));
  }
});

async function load(options: EncoderOptions): Promise<void> {
  try {
    const old = backend;
    backend = undefined;
    await old?.close();
    backend = await openBackend(options);
    // The file's bytes are garbage now; uncollected they would count as the model's memory.
    globalThis.gc?.();
    send({ kind: "loaded", rssBytes: residentBytes(), placement: backend.placement });
  } catch (error) {
    send({ kind: "unusable", words: wordsOf(error) });
  }
}

/** A simulated device loads no runtime, unless the model is to be computed for real. */
async function openBackend(options: EncoderOptions): Promise<Backend> {
  if (options.provider.kind === "simulated") {
    const { openSimulatedBackend } = await import("./simulated/backend.js");
    return openSimulatedBackend(options);
  }
  const { openOnnxBackend } = await import("./onnx-backend.js");
  return openOnnxBackend(options);
}

/** Computes micro-batches until one fails. What was computed before it is sent back with its words. */
async function run(id: number, microBatches: readonly TokenBatch[]): Promise<void> {
  const outputs: (DenseBatch | SparseBatch)[] = [];
  const microBatchSeconds: number[] = [];
  let runSeconds = 0;
  let words: string | null = null;
  try {
    for (const microBatch of microBatches) {
      // The channel's end is noticed in a turn of the event loop.
      if (outputs.length > 0) await setImmediate();
      if (!backend) throw new Error("no model is loaded");
      const from = performance.now();
      const result = await backend.run(microBatch);
      microBatchSeconds.push((performance.now() - from) / 1000);
      runSeconds += result.runSeconds;
      outputs.push(result.output);
    }
  } catch (error) {
    words = wordsOf(error);
  }
  if (outputs.length === 0) {
    send({ kind: "failed", id, words: words ?? "the batch is empty" });
    return;
  }
  const report = { runSeconds, microBatchSeconds, rssBytes: residentBytes(), peakRssBytes: peakResidentBytes() };
  send({ kind: "done", id, output: joinOutputs(outputs), report, words });
}

/** A channel that has closed meanwhile is no error: the process is about to exit. */
function send(message: FromWorker): void {
  process.send?.(message, undefined, undefined, () => {});
}

function wordsOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
