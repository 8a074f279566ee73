import { covered, quantile, sum } from "../core/stats.js";
import type { BatchRecord, MemorySeries } from "../schema/types.js";

/** What the batches of a stage add up to. */
export interface BatchSummary {
  readonly batches: number;
  readonly tokens: number;
  /** Seconds in which at least one batch was inside its model; batches on two devices at once count once. */
  readonly busySeconds: number;
  /** Tokens of texts, without padding, per busy second. */
  readonly tokensPerSecond: number;
  /** Share of the computed tokens that was padding, 0..1. */
  readonly padding: number;
  /** Seconds of a batch inside its model. */
  readonly median: number;
  readonly p95: number;
  readonly slowest: number;
}

/** Sums up batches; null where there were none. */
export function summarize(batches: readonly BatchRecord[]): BatchSummary | null {
  if (batches.length === 0) return null;
  const tokens = sum(batches.map((b) => b.tokens));
  const padded = sum(batches.map((b) => b.paddedTokens));
  const seconds = batches.map((b) => b.seconds);
  const busySeconds = covered(batches.map((b) => [b.at - b.seconds, b.at]));
  return {
    batches: batches.length,
    tokens,
    busySeconds,
    tokensPerSecond: busySeconds > 0 ? tokens / busySeconds : Number.NaN,
    padding: padded > 0 ? 1 - tokens / padded : 0,
    median: quantile(seconds, 0.5),
    p95: quantile(seconds, 0.95),
    slowest: quantile(seconds, 1),
  };
}

/** How a series was measured. A peak that is only the largest of some readings is a lower bound, and says so. */
export function howMeasured(series: MemorySeries): string {
  const kept = /high-water/i.test(`${series.source} ${series.interval}`);
  return `${series.source}, read ${series.interval}${kept ? "" : " (sampled, a lower bound)"}`;
}
