import { limitsOf } from "../budget/limits.js";
import { openBudget } from "../budget/open.js";
import type { BatchBudget, RememberedBudget } from "../budget/types.js";
import { RagError } from "../core/errors.js";
import type { UsableDevice } from "../runtime/devices/types.js";
import type { StageWork } from "../stage/work.js";
import type { PassInput } from "./input.js";

/** How devices find out how large their batches may be, and what they found in earlier passes. */
export interface Tuning {
  /** A budget for a device, from the bytes in use there before and after its model was loaded. */
  open(device: UsableDevice, baseBytes: number | null, loadedBytes: number | null): Promise<BatchBudget>;
  /** Keeps what a device found for the next pass. Where the disk refuses it, a note says so: no work is lost with it. */
  remember(device: UsableDevice, found: RememberedBudget): Promise<void>;
}

/** The budgets of one pass. Devices of one product share what was found. @param longest tokens of its longest row */
export function openTuning(work: StageWork, { model, settings }: PassInput, longest: number): Tuning {
  const { fingerprint, dtype, shape } = model;
  const keyOf = ({ product }: UsableDevice) => ({ product, fingerprint, dtype });
  let told = false;
  return {
    async open(device, baseBytes, loadedBytes) {
      const { budget, damaged } = await work.budgets.read(keyOf(device));
      if (damaged && !told) {
        told = true;
        work.note(
          "budgets_damaged",
          "What earlier passes had found about their batches can't be read; it is found anew.",
        );
      }
      // A GPU smaller than the cap is full before that.
      const limits = limitsOf(Math.min(settings.memoryCapBytes, device.memoryBytes ?? settings.memoryCapBytes));
      return openBudget({ shape, limits, baseBytes: baseBytes ?? 0, loadedBytes, longest, remembered: budget });
    },
    async remember(device, found) {
      if (found.buckets.length === 0) return;
      try {
        await work.budgets.write(keyOf(device), found);
      } catch (error) {
        if (!(error instanceof RagError) || error.code !== "store_write_failed") throw error;
        work.note(
          "budgets_not_kept",
          `What ${device.name} found about its batches is not kept, so the next pass finds it anew. ${error.message}`,
        );
      }
    },
  };
}
