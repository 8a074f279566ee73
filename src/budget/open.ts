import { flopsOf } from "../core/batch-cost.js";
import { type Climb, startClimb } from "./climb.js";
import { learnMemory } from "./memory.js";
import type { BatchBudget, BudgetInput } from "./types.js";

/** Tokens of the first batch, where nothing is known: enough to learn from, far from any limit. */
const FIRST_TOKENS = 2048;
/** Rows of up to so many tokens share the first bucket. */
const FIRST_BUCKET = 32;

interface Bucket {
  readonly upTo: number;
  readonly climb: Climb;
  /** Fewest tokens that did not fit. */
  tooMany: number | null;
}

/**
 * Opens the budget of one model with one dtype on one device. Pure: it knows what it
 * is told, and no clock.
 *
 * Sizes are found per bucket of lengths (powers of two), in tokens: a bucket begins with
 * what ran best for longer rows, or with a small batch; see {@link startClimb}. No batch
 * is proposed that is expected above the soft limit (see {@link learnMemory}), and
 * none as large as one that did not fit.
 */
export function openBudget({ shape, limits, baseBytes, loadedBytes, remembered }: BudgetInput): BatchBudget {
  const before = remembered?.buckets ?? [];
  const memory = learnMemory(
    shape,
    limits,
    loadedBytes ?? baseBytes + shape.weightBytes,
    remembered?.bytesFactor ?? null,
    new Map(before.flatMap(({ upTo, measured }) => (measured ? [[upTo, measured]] : []))),
  );
  // What is expected to fit failed because something else had the memory, which may be over.
  const stillTooMany = (tokens: number | null, upTo: number) =>
    tokens !== null && memory.expected(Math.max(1, tokens / upTo), Math.min(tokens, upTo)) > limits.softBytes
      ? tokens
      : null;
  const buckets = new Map<number, Bucket>(
    before.map(({ upTo, tokens, settled, tooMany }) => [
      upTo,
      { upTo, climb: startClimb(tokens, settled), tooMany: stillTooMany(tooMany, upTo) },
    ]),
  );

  const bucketFor = (length: number): Bucket => {
    const upTo = bucketOf(length);
    let bucket = buckets.get(upTo);
    if (!bucket) {
      const longer = [...buckets.values()].filter((other) => other.upTo > upTo).sort((a, b) => a.upTo - b.upTo);
      const first = longer.flatMap(({ climb }) => climb.best()?.tokens ?? climb.target)[0];
      bucket = { upTo, climb: startClimb(first ?? FIRST_TOKENS, false), tooMany: null };
      buckets.set(upTo, bucket);
    }
    return bucket;
  };

  return {
    rowsFor(length) {
      const { climb, tooMany } = bucketFor(length);
      const hasFailed = (rows: number) => tooMany !== null && rows * length >= tooMany;
      if (hasFailed(1)) return 0;
      const wanted = Math.max(1, Math.floor(climb.target / length));
      const rows = mostThat(wanted, (count) => !hasFailed(count) && memory.fits(count, length));
      if (rows > 0) return rows;
      return memory.likely(length) ? 1 : 0;
    },
    knowsSpeed: (rows, length) => bucketFor(length).climb.isKnown(rows * length, length),
    holds: (rows, length) => memory.holds(rows, length),
    expectedBytes: (rows, length) => memory.expected(rows, length),
    observe({ rows, length, seconds, peakBytes }) {
      const bucket = bucketFor(length);
      const tokens = rows * length;
      if (bucket.tooMany !== null && tokens >= bucket.tooMany) bucket.tooMany = null; // It did fit, in a fresh session.
      memory.ran(bucket.upTo, rows, length, peakBytes);
      bucket.climb.ran(tokens, length, flopsOf(shape, rows, length), seconds);
    },
    outOfMemory(rows, length) {
      const bucket = bucketFor(length);
      bucket.tooMany = Math.min(bucket.tooMany ?? Number.POSITIVE_INFINITY, rows * length);
      bucket.climb.shrink(rows * length);
    },
    renewed: (bytes) => memory.renewed(bytes),
    found: () => ({
      bytesFactor: memory.factor() ?? remembered?.bytesFactor ?? 1,
      buckets: [...buckets.values()]
        .sort((a, b) => a.upTo - b.upTo)
        .flatMap(({ upTo, climb, tooMany }) => {
          const best = climb.best();
          const earlier = before.find((bucket) => bucket.upTo === upTo);
          if (!best) return earlier ?? [];
          // A pass of a few rows never had a batch of the size that it began with, and says nothing against it.
          if (earlier && best.tokens < earlier.tokens && climb.target >= earlier.tokens)
            return { ...earlier, tooMany, measured: memory.measured(upTo) };
          return [{ upTo, ...best, settled: climb.settled, tooMany, measured: memory.measured(upTo) }];
        }),
    }),
  };
}

/** The smallest power of two that is at least as long. */
export function bucketOf(length: number): number {
  return Math.max(FIRST_BUCKET, 2 ** Math.ceil(Math.log2(length)));
}

/** The largest number up to `upTo` that passes, where every number below one that passes does too; 0 for none. */
function mostThat(upTo: number, passes: (count: number) => boolean): number {
  let [passing, failing] = [0, upTo + 1];
  while (failing - passing > 1) {
    const middle = Math.floor((passing + failing) / 2);
    if (passes(middle)) passing = middle;
    else failing = middle;
  }
  return passing;
}
