/**
 * The inference process: loads one model, computes batches one after another and
 * sends back pooled vectors, never token states. Started by encoder.ts with
 * `child_process.fork`.
 *
 * A batch is computed synchronously: nothing here can be interrupted, so the
 * parent kills the process to stop it.
 */
import { peakResidentBytes, residentBytes } from "./memory.js";
import type { FromWorker, ToWorker } from "./messages.js";
import type { Backend, EncoderOptions, TokenBatch } from "./types.js";

// An interrupt goes to the whole process group; the parent decides what it means.
process.on("SIGINT", () => {});
// The parent closed the channel or died. During a run this is noticed right after it.
process.on("disconnect", () => process.exit());

let backend: Backend | undefined;
let last = Promise.resolve();
process.on("message", (message: ToWorker) => {
  last = last.then(() => (message.kind === "load" ? load(message.options) : run(message.id, message.batch)));
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

async function run(id: number, batch: TokenBatch): Promise<void> {
  try {
    if (!backend) throw new Error("no model is loaded");
    const { output, runSeconds } = await backend.run(batch);
    const report = { runSeconds, rssBytes: residentBytes(), peakRssBytes: peakResidentBytes() };
    send({ kind: "done", id, output, report });
  } catch (error) {
    send({ kind: "failed", id, words: wordsOf(error) });
  }
}

/** A channel that has closed meanwhile is no error: the process is about to exit. */
function send(message: FromWorker): void {
  process.send?.(message, undefined, undefined, () => {});
}

function wordsOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
