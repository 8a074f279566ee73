import { existsSync } from "node:fs";
import { join } from "node:path";
import { missing, note, ok } from "../core/checks.js";
import { CPU, type UsableDevice } from "../runtime/devices/types.js";
import { openEncoder } from "../runtime/encoder.js";
import type { DoctorCheck } from "../schema/doctor-types.js";
import type { Settings } from "../schema/settings-types.js";
import { reasonOf } from "./check.js";

const AGAIN = "Run npm ci, or npm install, again; on Kaggle run the bootstrap's cell again";

const ON_DEVICE = 'See the lines above, or compute on the processor: device: "cpu"';

/** The smallest of the models that come with the package. */
const SAMPLE = ["notebooks", "sample", "models", "rag-cells-sample-dense", "onnx", "model.onnx"];

/**
 * Computes one vector with a small model, in a process of its own, as a stage does: the
 * proof that the inference runtime's native code works here, and of what computes.
 *
 * @param root the package's folder
 * @param device what computes; the processor by default
 * @param limits seconds that a GPU may take to load a model and for a batch; none by default
 */
export async function checkInference(
  root: string,
  device: UsableDevice = CPU,
  limits?: Pick<Settings, "loadTimeoutSeconds" | "batchTimeoutSeconds">,
): Promise<DoctorCheck> {
  const onCpu = device.kind === "cpu";
  const name = onCpu ? "inference" : `inference on ${device.name}`;
  const onnxFile = join(root, ...SAMPLE);
  if (!existsSync(onnxFile)) return note(name, "not tried: the package has no sample model");
  const began = performance.now();
  const options = { model: "sample-dense", onnxFile, externalData: [], pooling: "mean", normalize: true } as const;
  try {
    const { provider, env } = device;
    const encoder = await openEncoder(
      { ...options, threads: 1, provider, env, probe: !onCpu },
      undefined,
      limits?.loadTimeoutSeconds,
    );
    const placed = Object.entries(encoder.placement ?? {}).map(([provider, nodes]) => `${nodes} on ${provider}`);
    try {
      const ids = Int32Array.of(2, 7, 3);
      const row = { rows: 1, length: ids.length, ids, mask: Uint8Array.of(1, 1, 1), types: new Uint8Array(ids.length) };
      const { output } = await encoder.encode([row], limits?.batchTimeoutSeconds);
      const length = output.kind === "dense" ? Math.hypot(...output.data) : 0;
      if (!(Math.abs(length - 1) < 1e-3)) throw new Error(`a vector of length ${length} came back, it should be 1`);
    } finally {
      await encoder.close();
    }
    const seconds = ((performance.now() - began) / 1000).toFixed(1);
    const proof = placed.length === 0 ? "" : `; nodes of its graph: ${placed.join(", ")}`;
    return ok(name, `a small model computed a vector on ${onCpu ? "the CPU" : device.name} (${seconds} s)${proof}`);
  } catch (error) {
    return missing(name, `a small model could not compute: ${reasonOf(error)}`, onCpu ? AGAIN : ON_DEVICE);
  }
}
