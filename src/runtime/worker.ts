/**
 * The inference process: loads one model, computes batches one after another and
 * sends back pooled vectors, never token states. Started by encoder.ts with
 * `child_process.fork`; the only file that knows onnxruntime.
 *
 * `InferenceSession.run` is synchronous: nothing here can be interrupted, so the
 * parent kills the process to stop it.
 */
import { InferenceSession, Tensor } from "onnxruntime-node";
import { checkInputs, feedsOf } from "./feeds.js";
import { peakResidentBytes, residentBytes } from "./memory.js";
import type { FromWorker, ToWorker } from "./messages.js";
import { readModel } from "./model-file.js";
import { denseOutput, sparseOutput } from "./outputs.js";
import type { EncoderOptions, TokenBatch } from "./types.js";

interface Loaded {
  readonly session: InferenceSession;
  readonly output: string;
  readonly sparse: boolean;
}

// An interrupt goes to the whole process group; the parent decides what it means.
process.on("SIGINT", () => {});
// The parent closed the channel or died. During a run this is noticed right after it.
process.on("disconnect", () => process.exit());

let loaded: Loaded | undefined;
let last = Promise.resolve();
process.on("message", (message: ToWorker) => {
  last = last.then(() => (message.kind === "load" ? load(message.options) : run(message.id, message.batch)));
});

async function load(options: EncoderOptions): Promise<void> {
  try {
    loaded = await openModel(options);
    // The file's bytes are garbage now; uncollected they would count as the model's memory.
    globalThis.gc?.();
    send({ kind: "loaded", rssBytes: residentBytes() });
  } catch (error) {
    send({ kind: "unusable", words: wordsOf(error) });
  }
}

async function openModel(options: EncoderOptions): Promise<Loaded> {
  const model = readModel(options);
  const session = await InferenceSession.create(model.bytes, {
    executionProviders: [options.device],
    graphOptimizationLevel: "all",
    intraOpNumThreads: options.threads,
    // A pattern per shape reserves the whole batch once more: half as much memory again for SPLADE, for no time.
    enableMemPattern: false,
    // Threads that wait by spinning take the cores from the notebook and from each other: on a busy machine a batch
    // takes half as long again.
    extra: { session: { intra_op: { allow_spinning: "0" } } },
    logSeverityLevel: options.verbose ? 0 : 3,
    externalData: model.externalData,
  });
  checkInputs(session.inputMetadata);
  return { session, output: model.output, sparse: options.pooling === "splade" };
}

async function run(id: number, batch: TokenBatch): Promise<void> {
  try {
    if (!loaded) throw new Error("no model is loaded");
    const { session, output, sparse } = loaded;
    const inputs: Record<string, Tensor> = {};
    for (const { name, type, data, dims } of feedsOf(session.inputMetadata, batch))
      inputs[name] = new Tensor(type, data, dims);
    const start = performance.now();
    const result = (await session.run(inputs, [output]))[output] as Tensor;
    const runSeconds = (performance.now() - start) / 1000;
    const report = { runSeconds, rssBytes: residentBytes(), peakRssBytes: peakResidentBytes() };
    // `send` has copied the values when it returns.
    send({ kind: "done", id, output: (sparse ? sparseOutput : denseOutput)(result, batch.rows), report });
    result.dispose();
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
