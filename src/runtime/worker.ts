/**
 * The inference process: loads one model, computes batches one after another and
 * sends back pooled vectors, never token states. Started by encoder.ts with
 * `child_process.fork`.
 *
 * A micro-batch is computed synchronously: nothing here can be interrupted, so the
 * parent kills the process to stop it.
 */
import { setImmediate } from "node:timers/promises";
import { endWithParent } from "./end-with-parent.js";
import { giveResults, takeMicroBatch } from "./exchange.js";
import { peakResidentBytes, residentBytes } from "./memory.js";
import type { FromWorker, ToWorker } from "./messages.js";
import { packOutput } from "./row-bytes.js";
import type { Backend, EncoderOptions } from "./types.js";

// An interrupt goes to the whole process group; the parent decides what it means.
process.on("SIGINT", () => {});
// The parent closed the channel or died. During a micro-batch this is noticed right after it; on a GPU see below.
process.on("disconnect", () => process.exit());

/** The process that started this one. */
const parent = Number(process.argv[2]);
let watched = false;
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
  // A simulated device looks by itself; a CPU never hangs.
  if (options.provider.kind !== "cpu" && !watched) {
    watched = true;
    endWithParent(parent);
  }
  const { openOnnxBackend } = await import("./onnx-backend.js");
  return openOnnxBackend(options);
}

/** Computes micro-batches until one fails, and sends back each as it is computed. */
async function run({ slot, microBatches }: Extract<ToWorker, { kind: "run" }>): Promise<void> {
  let at = 0;
  try {
    for (const place of microBatches) {
      if (!backend) throw new Error("no model is loaded");
      const from = performance.now();
      const { output, runSeconds } = await backend.run(takeMicroBatch(slot, place));
      const payload = packOutput(output);
      giveResults(payload, at);
      const seconds = (performance.now() - from) / 1000;
      const report = { runSeconds, seconds, rssBytes: residentBytes(), peakRssBytes: peakResidentBytes() };
      const head = { kind: output.kind, rows: place.rows, dim: output.dim, bytes: payload.byteLength };
      send({ kind: "computed", output: head, at, report });
      at += payload.byteLength;
      // The message leaves, and the channel's end is noticed, in a turn of the event loop.
      await setImmediate();
    }
    send({ kind: "over", words: null });
  } catch (error) {
    send({ kind: "over", words: wordsOf(error) });
  }
}

/** A channel that has closed meanwhile is no error: the process is about to exit. */
function send(message: FromWorker): void {
  process.send?.(message, undefined, undefined, () => {});
}

function wordsOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
