import { fixedTokens } from "../budget/fixed.js";
import { limitsOf } from "../budget/limits.js";
import { CPU_TOKEN_BUDGET, rowsWithin } from "../core/batches.js";
import type { DeviceKind } from "../schema/device-types.js";
import type { PassInput } from "./input.js";
import type { BatchRule } from "./plan.js";
import type { BatchSeconds } from "./take.js";

/** Most rows of a batch on the CPU, where more gain nothing. */
const CPU_ROWS = 256;

/**
 * How long a GPU's batch is to take: what passes between two, some 10 ms, is then a small share, and what a kill costs is
 * small too. Where it is not known yet what it takes, little more than a reading of memory needs to come.
 */
const ON_GPU: BatchSeconds = { known: 1.5, unread: 0.3 };
/** One micro-batch in each: a kill costs the least. */
const ON_CPU: BatchSeconds = { known: 0, unread: 0 };

/** How long a batch is to take on a device. */
export function batchSecondsOn(kind: DeviceKind): BatchSeconds {
  return kind === "cpu" ? ON_CPU : ON_GPU;
}

/**
 * How the batches of a pass are made. A `tokenBudget` that is set is kept to. On the
 * CPU the budget is fixed anyway. On a GPU batches are as large as the devices find
 * best, unless the plan is to be the same each time.
 */
export function batchRule(
  kind: DeviceKind,
  { model, settings, maxRows }: Pick<PassInput, "model" | "settings" | "maxRows">,
): BatchRule {
  const { tokenBudget, deterministic, memoryCapBytes } = settings;
  if (kind === "cpu")
    return { rowsFor: rowsWithin(tokenBudget ?? CPU_TOKEN_BUDGET), maxRows: Math.min(maxRows, CPU_ROWS) };
  if (tokenBudget !== null) return { rowsFor: rowsWithin(tokenBudget), maxRows };
  if (!deterministic) return { rowsFor: null, maxRows };
  const limits = limitsOf(memoryCapBytes);
  return {
    rowsFor: (length) => rowsWithin(fixedTokens(model.shape, limits, length))(length),
    maxRows,
  };
}
