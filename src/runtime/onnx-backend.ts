/** The only file that knows onnxruntime. Loaded in an inference process alone: `InferenceSession.run` is synchronous. */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { InferenceSession, Tensor } from "onnxruntime-node";
import { checkInputs, feedsOf } from "./feeds.js";
import { type ModelBytes, readModel } from "./model-file.js";
import { denseOutput, sparseOutput } from "./outputs.js";
import { misplacedNodes, nodesOf, placementOf } from "./placement.js";
import type { Backend, EncoderOptions, TokenBatch } from "./types.js";

/** One short row of token ids that every vocabulary has. */
const PROBE: TokenBatch = {
  rows: 1,
  length: 4,
  ids: Int32Array.of(1, 2, 3, 1),
  mask: Uint8Array.of(1, 1, 1, 1),
  types: new Uint8Array(4),
};

/**
 * Makes a session of a model file on the options' provider.
 *
 * @throws Error in onnxruntime's own words, or ours about the file; for a GPU's provider and a probe, one that begins with `MISPLACED`
 */
export async function openOnnxBackend(options: EncoderOptions): Promise<Backend> {
  const model = readModel(options);
  // Only this user sees it; a profile names the graph's nodes.
  const folder = options.probe ? mkdtempSync(join(tmpdir(), "rag-cells-probe-")) : null;
  try {
    const session = await openSession(options, model, folder);
    checkInputs(session.inputMetadata);
    const run = (batch: TokenBatch) => runOnce(session, model.output, batch);
    const read = options.pooling === "splade" ? sparseOutput : denseOutput;
    return {
      placement: folder === null ? null : await probe(session, run, folder, options),
      async run(batch) {
        const start = performance.now();
        const result = await run(batch);
        const runSeconds = (performance.now() - start) / 1000;
        try {
          return { output: read(result, batch.rows), runSeconds };
        } finally {
          result.dispose();
        }
      },
      close: () => session.release(),
    };
  } finally {
    if (folder !== null) rmSync(folder, { recursive: true, force: true });
  }
}

/**
 * Version 1.26.0 breaks while it optimises some fp16 graphs for the CPU
 * (https://github.com/microsoft/onnxruntime/issues/29153); one level lower it does not, and
 * loses nothing there but layouts for convolutions.
 *
 * @param folder where a profile is written; null for none
 */
async function openSession(
  options: EncoderOptions,
  { bytes, externalData }: ModelBytes,
  folder: string | null,
): Promise<InferenceSession> {
  const open = (level: "all" | "extended") =>
    InferenceSession.create(bytes, {
      ...sessionOptions(options),
      graphOptimizationLevel: level,
      externalData,
      ...(folder === null ? {} : { enableProfiling: true, profileFilePrefix: join(folder, level) }),
    });
  try {
    return await open("all");
  } catch (error) {
    if (!(error instanceof Error && error.message.includes("SimplifiedLayerNormFusion"))) throw error;
    return open("extended");
  }
}

function sessionOptions({ provider, threads, verbose }: EncoderOptions): InferenceSession.SessionOptions {
  const onGpu = provider.kind === "cuda" || provider.kind === "webgpu";
  return {
    // A provider that can't be loaded is an error also with the CPU behind it, which takes the nodes that compute shapes.
    executionProviders:
      provider.kind === "cuda"
        ? [{ name: "cuda", deviceId: 0 }, "cpu"]
        : provider.kind === "webgpu"
          ? [{ name: "webgpu" }, "cpu"]
          : ["cpu"],
    intraOpNumThreads: threads,
    // A pattern per shape reserves the whole batch once more: half as much memory again for SPLADE, for no time.
    enableMemPattern: false,
    extra: {
      session: {
        // Threads that wait by spinning take the cores from the notebook and from each other: on a busy machine a batch
        // takes half as long again.
        intra_op: { allow_spinning: "0" },
        // Weights are allocated exactly; in the arena, which grows by doubling, they could take twice their size.
        ...(onGpu ? { use_device_allocator_for_initializers: "1" } : {}),
      },
    },
    logSeverityLevel: verbose ? 0 : 3,
  };
}

async function runOnce(session: InferenceSession, output: string, batch: TokenBatch): Promise<Tensor> {
  const inputs: Record<string, Tensor> = {};
  for (const { name, type, data, dims } of feedsOf(session.inputMetadata, batch))
    inputs[name] = new Tensor(type, data, dims);
  return (await session.run(inputs, [output]))[output] as Tensor;
}

/**
 * Runs one short row under the profiler and counts nodes by provider: the only proof of
 * what computes, since the list of providers holds what was built and not what works.
 * The profiler ends with it, so later batches pay nothing.
 */
async function probe(
  session: InferenceSession,
  run: (batch: TokenBatch) => Promise<Tensor>,
  folder: string,
  { provider }: EncoderOptions,
): Promise<Readonly<Record<string, number>>> {
  (await run(PROBE)).dispose();
  session.endProfiling();
  // A session that could not be opened has left one too, under a name that comes first.
  const file = readdirSync(folder).sort().at(-1);
  if (file === undefined) throw new Error("the runtime wrote no profile of the probe");
  const counts = nodesOf(readFileSync(join(folder, file), "utf8"));
  const misplaced = provider.kind === "cpu" ? null : misplacedNodes(counts);
  if (misplaced !== null) {
    await session.release();
    throw new Error(misplaced);
  }
  return placementOf(counts);
}
