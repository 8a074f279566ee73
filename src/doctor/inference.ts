import { existsSync } from "node:fs";
import { join } from "node:path";
import { openEncoder } from "../runtime/encoder.js";
import { type Check, missing, note, ok, reasonOf } from "./check.js";

const AGAIN = "Run npm ci, or npm install, again; on Kaggle run the bootstrap's cell again";

/** The smallest of the models that come with the package. */
const SAMPLE = ["notebooks", "sample", "models", "rag-cells-sample-dense", "onnx", "model.onnx"];

/**
 * Computes one vector with a small model, in a process of its own, as a stage does: the
 * proof that the inference runtime's native code works here.
 *
 * @param root the package's folder
 */
export async function checkInference(root: string): Promise<Check> {
  const onnxFile = join(root, ...SAMPLE);
  if (!existsSync(onnxFile)) return note("inference", "not tried: the package has no sample model");
  const began = performance.now();
  const options = { model: "sample-dense", onnxFile, externalData: [], pooling: "mean", normalize: true } as const;
  try {
    const encoder = await openEncoder({ ...options, threads: 1, provider: { kind: "cpu" } });
    try {
      const ids = Int32Array.of(2, 7, 3);
      const { output } = await encoder.encode({
        rows: 1,
        length: ids.length,
        ids,
        mask: Uint8Array.of(1, 1, 1),
        types: new Uint8Array(ids.length),
      });
      const length = output.kind === "dense" ? Math.hypot(...output.data) : 0;
      if (!(Math.abs(length - 1) < 1e-3)) throw new Error(`a vector of length ${length} came back, it should be 1`);
    } finally {
      await encoder.close();
    }
    return ok(
      "inference",
      `a small model computed a vector on the CPU (${((performance.now() - began) / 1000).toFixed(1)} s)`,
    );
  } catch (error) {
    return missing("inference", `a small model could not compute: ${reasonOf(error)}`, AGAIN);
  }
}
