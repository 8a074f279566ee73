import { bfloatNotForDevice, dtypeNotForDevice, noDtype } from "../../core/errors.js";
import type { Device, DeviceKind } from "../../schema/device-types.js";
import type { ModelCard } from "../../schema/model-types.js";
import type { Settings } from "../../schema/settings-types.js";

/** What `auto` takes on each kind of device, the first that a model has. */
const PREFERRED: Readonly<Record<DeviceKind, readonly string[]>> = {
  cuda: ["fp16", "fp32"],
  simulated: ["fp16", "fp32"],
  webgpu: ["fp32", "fp16"],
  cpu: ["fp32", "int8"],
};

/** Why a dtype is refused on a kind of device: it would run, and be slow or wrong without a word. */
const REFUSED: Readonly<Partial<Record<DeviceKind, Readonly<Record<string, string>>>>> = {
  cuda: { int8: "its matrix products have no CUDA kernels and fall back to the CPU node by node, 12 times slower" },
  simulated: {
    int8: "its matrix products have no CUDA kernels and fall back to the CPU node by node, 12 times slower",
  },
  webgpu: { int8: "its matrix products have no WebGPU kernels and fall back to the CPU node by node" },
};

/**
 * The weights of a model that a session loads on a kind of device.
 *
 * @throws RagError `no_dtype`, `dtype_not_for_device`
 */
export function dtypeFor(card: Pick<ModelCard, "key" | "onnx">, asked: Settings["dtype"], kind: DeviceKind): string {
  const has = Object.keys(card.onnx ?? {});
  if (asked === "auto") {
    const found = PREFERRED[kind].find((dtype) => has.includes(dtype));
    if (found === undefined && has.length > 0) throw noDtype(card.key, PREFERRED[kind].join(" or "), has);
    return found ?? "fp32";
  }
  const why = REFUSED[kind]?.[asked];
  if (why !== undefined) throw dtypeNotForDevice(card.key, asked, kind, why);
  return asked;
}

/**
 * Refuses weights in bfloat16 on a GPU that has none: before compute capability 8.0 every
 * operation on them is done in float32 and back.
 *
 * @throws RagError `dtype_not_for_device`
 */
export function requireDtype(card: Pick<ModelCard, "key" | "onnx">, dtype: string, device: Device): void {
  const file = card.onnx?.[dtype] ?? "";
  if (device.computeCapability === null || Number(device.computeCapability) >= 8) return;
  if (/bf16|bfloat16/i.test(file)) throw bfloatNotForDevice(card.key, file, device.name, device.computeCapability);
}
