import type { SmiGpu } from "./nvidia-smi.js";
import type { Env } from "./tool.js";

/** The GPUs that CUDA would show to a process of ours, or why that can't be said. */
export type VisibleGpus = { readonly gpus: readonly SmiGpu[] } | { readonly problem: string };

/**
 * Reads CUDA_VISIBLE_DEVICES as CUDA does: numbers and beginnings of ids, up to the first
 * that names no GPU (CUDA C++ Programming Guide, "CUDA Environment Variables").
 *
 * @param all the GPUs as `nvidia-smi` counts them, by their place on the bus
 */
export function visibleGpus(all: readonly SmiGpu[], env: Env): VisibleGpus {
  const list = env["CUDA_VISIBLE_DEVICES"];
  if (list === undefined) return { gpus: all };
  const gpus: SmiGpu[] = [];
  for (const name of list.split(",").map((part) => part.trim())) {
    if (name.startsWith("MIG-")) return { problem: "it names a part of a GPU (MIG), whose memory can't be watched" };
    const byNumber = /^\d{1,6}$/.test(name);
    if (byNumber && !countsByBus(all, env))
      return {
        problem:
          "it counts GPUs of different products by their speed, which nvidia-smi does not; set CUDA_DEVICE_ORDER=PCI_BUS_ID beside it, or name them by their ids",
      };
    const found = all.filter(({ index, uuid }) =>
      byNumber ? index === Number(name) : name.startsWith("GPU-") && uuid?.startsWith(name),
    );
    const [gpu] = found;
    if (!gpu || found.length > 1) break;
    if (gpus.includes(gpu)) return { problem: "it names a GPU twice" };
    gpus.push(gpu);
  }
  return { gpus };
}

/** CUDA counts the fastest first unless it is told otherwise; equal GPUs stay in their order on the bus. */
function countsByBus(all: readonly SmiGpu[], env: Env): boolean {
  return env["CUDA_DEVICE_ORDER"] === "PCI_BUS_ID" || all.every(({ product }) => product === all[0]?.product);
}
