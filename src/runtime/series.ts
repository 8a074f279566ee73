import type { MemorySeries } from "../schema/types.js";

/** One reading of a series. */
export type Point = MemorySeries["points"][number];

/** Readings over any length of time in bounded memory. */
export interface Thinned {
  add(point: Point): void;
  /** The largest value ever added; 0 before the first. */
  readonly peakBytes: number;
  /** At most {@link MOST_POINTS}, ascending in time. */
  points(): Point[];
}

export const MOST_POINTS = 2000;

/** The lowest and the highest of some readings that follow each other. */
interface Bucket {
  low: Point;
  high: Point;
  count: number;
}

/**
 * Keeps of every so many readings the lowest and the highest, with their own times, and twice as many readings
 * in each when there are too many: what a chart shows stays, peaks above all.
 */
export function openThinned(): Thinned {
  let buckets: Bucket[] = [];
  let width = 1;
  let peakBytes = 0;
  return {
    get peakBytes() {
      return peakBytes;
    },
    add(point) {
      peakBytes = Math.max(peakBytes, point.bytes);
      const last = buckets.at(-1);
      if (last && last.count < width) merge(last, { low: point, high: point, count: 1 });
      else buckets.push({ low: point, high: point, count: 1 });
      if (buckets.length <= MOST_POINTS / 2) return;
      width *= 2;
      buckets = buckets.filter((bucket, i) => {
        if (i % 2 === 1) merge(buckets[i - 1] as Bucket, bucket);
        return i % 2 === 0;
      });
    },
    points: () =>
      buckets.flatMap(({ low, high }) => (low === high ? [low] : low.at <= high.at ? [low, high] : [high, low])),
  };
}

function merge(into: Bucket, next: Bucket): void {
  if (next.low.bytes < into.low.bytes) into.low = next.low;
  if (next.high.bytes > into.high.bytes) into.high = next.high;
  into.count += next.count;
}
