/**
 * The inference process: loads one model, computes batches one after another and
 * sends back pooled vectors, never token states. Started by encoder.ts with
 * `child_process.fork`.
 *
 * A micro-batch is computed synchronously: nothing here can be interrupted, so the
 * parent kills the process to stop it.
 */
import { setImmediate } from "node:timers/promises";
import { giveResults, takeMicroBatch } from "./exchange.js";
import { peakResidentBytes, residentBytes } from "./memory.js";
import type { FromWorker, ToWorker } from "./messages.js";
import { joinOutputs } from "./outputs.js";
import { packOutput } from "./row-bytes.js";
import type { Backend, DenseBatch, EncoderOptions, SparseBatch } from "./types.js";

// An interrupt goes to the whole process group; the parent decides what it means.
process.on("SIGINT", () => {});
// The parent closed the channel or died. During a micro-batch this is noticed right after it.
process.on("disconnect", () => process.exit());

let backend: Backend | undefined;
let last = Promise.resolve();
process.on("message", (message: ToWorker) => {
  last = last.then(() => (message.kind === "load" ? load(message.options) : run(message)));
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
async function run({ slot, microBatches }: Extract<ToWorker, { kind: "run" }>): Promise<void> {
  const outputs: (DenseBatch | SparseBatch)[] = [];
  const microBatchSeconds: number[] = [];
  let runSeconds = 0;
  let words: string | null = null;
  try {
    for (const place of microBatches) {
      // The channel's end is noticed in a turn of the event loop.
      if (outputs.length > 0) await setImmediate();
      if (!backend) throw new Error("no model is loaded");
      const from = performance.now();
      const result = await backend.run(takeMicroBatch(slot, place));
      microBatchSeconds.push((performance.now() - from) / 1000);
      runSeconds += result.runSeconds;
      outputs.push(result.output);
    }
  } catch (error) {
    words = wordsOf(error);
  }
  if (outputs.length === 0) {
    send({ kind: "failed", words: words ?? "the batch is empty" });
    return;
  }
  const joined = joinOutputs(outputs);
  const payload = packOutput(joined);
  try {
    giveResults(payload);
  } catch (error) {
    send({ kind: "failed", words: `its results could not be handed over: ${wordsOf(error)}` });
    return;
  }
  const rows = microBatches.slice(0, outputs.length).reduce((sum, place) => sum + place.rows, 0);
  const output = { kind: joined.kind, rows, dim: joined.dim, bytes: payload.byteLength };
  const report = { runSeconds, microBatchSeconds, rssBytes: residentBytes(), peakRssBytes: peakResidentBytes() };
  send({ kind: "done", output, report, words });
}

/** A channel that has closed meanwhile is no error: the process is about to exit. */
function send(message: FromWorker): void {
  process.send?.(message, undefined, undefined, () => {});
}

function wordsOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
