import { limitsOf } from "../budget/limits.js";
import { openBudget } from "../budget/open.js";
import type { BatchBudget, RememberedBudget } from "../budget/types.js";
import type { UsableDevice } from "../runtime/devices/types.js";
import type { PassInput } from "./input.js";

/** How devices find out how large their batches may be, and what they found in earlier passes. */
export interface Tuning {
  /** A budget for a device, from the bytes in use there before and after its model was loaded. */
  open(device: UsableDevice, baseBytes: number | null, loadedBytes: number | null): BatchBudget;
  remember(device: UsableDevice, found: RememberedBudget): void;
}

/** The budgets of one pass. @param longest tokens of its longest row */
export function tuningOf({ model, settings }: PassInput, longest: number): Tuning {
  const limits = limitsOf(settings.memoryCapBytes);
  const found = new Map<string, RememberedBudget>();
  return {
    open: (device, baseBytes, loadedBytes) =>
      openBudget({
        shape: model.shape,
        limits,
        baseBytes: baseBytes ?? 0,
        loadedBytes,
        longest,
        remembered: found.get(device.product) ?? null,
      }),
    remember: (device, budget) => void found.set(device.product, budget),
  };
}
