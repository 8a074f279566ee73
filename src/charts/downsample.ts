import { max } from "../core/stats.js";
import type { BatchRecord } from "../schema/types.js";

/** Most points a line is drawn with: about one per pixel of the plot. */
export const MOST_POINTS = 400;

/** Values left of a longer series, and how many of its values each one stands for. */
export interface Thinned<T> {
  readonly kept: readonly T[];
  /** 1 where nothing was left out. */
  readonly per: number;
}

/**
 * Thins a series to at most `most` values by keeping the largest of each run of
 * neighbours, so that no peak is lost. First and last stay too where there is room.
 */
export function keepPeaks<T>(values: readonly T[], size: (value: T) => number, most = MOST_POINTS): Thinned<T> {
  if (values.length <= most) return { kept: values, per: 1 };
  const per = Math.ceil((values.length - 2) / (most - 2));
  const kept = [values[0] as T];
  for (let from = 1; from < values.length - 1; from += per) {
    let best = values[from] as T;
    for (let i = from + 1; i < Math.min(from + per, values.length - 1); i++) {
      if (size(values[i] as T) > size(best)) best = values[i] as T;
    }
    kept.push(best);
  }
  kept.push(values[values.length - 1] as T);
  return { kept, per };
}

/** Tokens computed per second of wall time, in one window of time. */
export interface RateWindow {
  readonly from: number;
  readonly to: number;
  readonly text: number;
  readonly padding: number;
}

/**
 * Throughput over time: each batch's tokens spread evenly over the seconds it
 * took, then summed by window. So batches that ran side by side add up, idle time
 * shows as zero, and no window is an accident of where a batch ended.
 */
export function ratesOverTime(batches: readonly BatchRecord[], windows: number): RateWindow[] {
  const start = -max(batches.map((b) => b.seconds - b.at));
  const end = max(batches.map((b) => b.at));
  const width = (end - start) / windows;
  if (!(width > 0)) return [];
  const text = new Float64Array(windows);
  const padding = new Float64Array(windows);
  for (const batch of batches) {
    if (!(batch.seconds > 0)) continue;
    const from = batch.at - batch.seconds;
    const first = Math.max(0, Math.floor((from - start) / width));
    const last = Math.min(windows - 1, Math.floor((batch.at - start) / width));
    for (let w = first; w <= last; w++) {
      const overlap = Math.min(batch.at, start + (w + 1) * width) - Math.max(from, start + w * width);
      const share = Math.max(0, overlap) / batch.seconds / width;
      text[w] = (text[w] as number) + batch.tokens * share;
      padding[w] = (padding[w] as number) + (batch.paddedTokens - batch.tokens) * share;
    }
  }
  return Array.from(text, (rate, w) => ({
    from: start + w * width,
    to: start + (w + 1) * width,
    text: rate,
    padding: padding[w] as number,
  }));
}
