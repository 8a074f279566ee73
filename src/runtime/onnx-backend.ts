/** The only file that knows onnxruntime. Loaded in an inference process alone: `InferenceSession.run` is synchronous. */
import { InferenceSession, Tensor } from "onnxruntime-node";
import { checkInputs, feedsOf } from "./feeds.js";
import { readModel } from "./model-file.js";
import { denseOutput, sparseOutput } from "./outputs.js";
import type { Backend, EncoderOptions } from "./types.js";

/**
 * Makes a session of a model file on the options' provider.
 *
 * @throws Error in onnxruntime's own words, or ours about the file
 */
export async function openOnnxBackend(options: EncoderOptions): Promise<Backend> {
  const model = readModel(options);
  const session = await InferenceSession.create(model.bytes, {
    executionProviders: ["cpu"],
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
  const read = options.pooling === "splade" ? sparseOutput : denseOutput;
  return {
    placement: null,
    async run(batch) {
      const inputs: Record<string, Tensor> = {};
      for (const { name, type, data, dims } of feedsOf(session.inputMetadata, batch))
        inputs[name] = new Tensor(type, data, dims);
      const start = performance.now();
      const result = (await session.run(inputs, [model.output]))[model.output] as Tensor;
      const runSeconds = (performance.now() - start) / 1000;
      try {
        return { output: read(result, batch.rows), runSeconds };
      } finally {
        result.dispose();
      }
    },
    close: () => session.release(),
  };
}
