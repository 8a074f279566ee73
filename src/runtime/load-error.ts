import {
  deviceNotUsable,
  dtypeNotForDevice,
  graphMisplaced,
  modelNotLoaded,
  outOfMemory,
  type RagError,
} from "../core/errors.js";
import { isOutOfMemory } from "./out-of-memory.js";
import { MISPLACED } from "./placement.js";
import type { EncoderOptions } from "./types.js";

/** What the runtime says where it is the device, and not the model, that can't be used; each with what to do. */
const DEVICE_TROUBLE: readonly { readonly words: RegExp; readonly remedy: string }[] = [
  {
    words: /WebGPU (adapter|device)|wgpu::|Vulkan/i,
    remedy:
      "WebGPU needs Vulkan: its loader libvulkan.so.1, and a driver for the GPU that has a file in /usr/share/vulkan/icd.d, or that VK_ICD_FILENAMES names",
  },
  {
    words:
      /ExecutionProvider_Cuda|Failed to load (shared )?library|libonnxruntime_providers_|libcu\w+\.so|no CUDA-capable device|CUDA driver version|cudaErrorNoDevice/i,
    remedy: "See what rag-cells doctor says of the driver, the CUDA provider and its libraries",
  },
];

/** What WebGPU says of fp16 weights on an adapter that has no such numbers. */
const NO_FP16 = /requires f16 but the device does not support it/;

/** What a model's failure to load means, from the words of the process that tried. */
export function loadError({ model, onnxFile, provider }: EncoderOptions, words: string): RagError {
  if (isOutOfMemory(words)) return outOfMemory(model, null, words);
  if (words.startsWith(MISPLACED)) return graphMisplaced(model, provider.kind, words);
  if (NO_FP16.test(words)) return dtypeNotForDevice(model, "fp16", provider.kind, `the runtime says: ${words}`);
  const trouble = DEVICE_TROUBLE.find((known) => known.words.test(words));
  if (provider.kind !== "cpu" && trouble)
    return deviceNotUsable(
      provider.kind,
      `The runtime says: ${words.slice(Math.max(0, words.lastIndexOf("Failed to"))).slice(0, 600)}`,
      trouble.remedy,
    );
  return modelNotLoaded(model, onnxFile, words);
}
