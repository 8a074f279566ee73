import type { RememberedBudget } from "../budget/types.js";
import { type Speed, secondsOf } from "../core/batch-cost.js";
import type { ModelShape } from "../schema/device-types.js";
import type { BatchRecord } from "../schema/types.js";

/** Seconds of a batch, and where they come from. */
export interface PlannedSpeed {
  readonly seconds: (rows: number, length: number) => number;
  /** In words. */
  readonly basis: string;
}

/**
 * A device's speed by its figures alone.
 *
 * @param whose such as `Tesla T4`
 */
export function byFigures(speed: Speed, shape: ModelShape, whose: string): PlannedSpeed {
  return {
    seconds: (rows, length) => secondsOf(speed, shape, rows, length),
    basis: `estimated from figures of ${whose}: nothing was measured there yet`,
  };
}

/** Speed by what passes found on such a device: between the lengths that were measured it follows the figures. */
export function byBudget(speed: Speed, shape: ModelShape, found: RememberedBudget, whose: string): PlannedSpeed {
  const slower = found.buckets.map(({ upTo, tokens, tokensPerSecond }) => ({
    upTo,
    by: tokens / tokensPerSecond / secondsOf(speed, shape, tokens / upTo, upTo),
  }));
  return {
    seconds(rows, length) {
      const distance = (upTo: number) => Math.abs(Math.log2(upTo / length));
      const nearest = slower.reduce((best, one) => (distance(one.upTo) < distance(best.upTo) ? one : best));
      return secondsOf(speed, shape, rows, length) * nearest.by;
    },
    basis: `measured on ${whose} by earlier passes of this session`,
  };
}

/** Speed by the batches of a run: how much slower or faster they were than the figures say. */
export function byBatches(
  speed: Speed,
  shape: ModelShape,
  batches: readonly BatchRecord[],
  run: string,
): PlannedSpeed | null {
  let [seen, said] = [0, 0];
  for (const { rows, microBatches, paddedTokens, seconds } of batches) {
    seen += seconds;
    for (const some of microBatches) said += secondsOf(speed, shape, some, paddedTokens / rows);
  }
  if (!(seen > 0 && said > 0)) return null;
  return {
    seconds: (rows, length) => (secondsOf(speed, shape, rows, length) * seen) / said,
    basis: `measured by ${batches.length} batches of ${run}`,
  };
}
