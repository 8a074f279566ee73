import type { MemoryLimits, ModelShape } from "../schema/device-types.js";
import { arenaBytes, batchBytes } from "./cost.js";
import type { MeasuredBatch } from "./types.js";

/** What batches take on a device, learned from readings. */
export interface Memory {
  /** Bytes that are expected in use on the device with such a batch, everything included. */
  expected(rows: number, length: number): number;
  /** Whether such a batch is expected to stay below the soft limit. */
  fits(bucket: number, rows: number, length: number): boolean;
  /** The same for one row, by what is likely in place of what is careful, and up to the second limit where it was measured. */
  likely(length: number): boolean;
  /** Learns from a batch that was computed. @param peakBytes most bytes seen meanwhile; null for none */
  ran(bucket: number, rows: number, length: number, peakBytes: number | null): void;
  /** The session was made anew. @param loadedBytes bytes in use with the model loaded, if they were read */
  renewed(loadedBytes: number | null): void;
  /** Bytes seen by bytes computed, at the largest measured batch; null where none was. */
  factor(): number | null;
  measured(bucket: number): MeasuredBatch | null;
}

/** What is known of a bucket of lengths. */
interface Known {
  /** The batch of most tokens that ran since the session was made. */
  ran: { readonly tokens: number; readonly length: number } | null;
  measured: MeasuredBatch | null;
}

/** The formula counts so many times where nothing was measured. */
const UNMEASURED = 3;
/** A measured batch tells of batches of up to so many times its tokens, with so much added. */
const [TRUSTED, BEYOND] = [2, 1.1];
/** A reading can come too early to see all of a batch: less than this share of the formula is not believed. */
const LEAST = 0.1;
/** Where an earlier bucket's memory hides what a batch takes, sizes go up by this step while nothing more is seen. */
const SMALL_STEP = 1.1;
/** What another bucket's factor says of a batch is taken so much larger. */
const CROSSED = 1.25;
/** A batch with so many times the tokens of another is still the same size. */
const SAME = 1.02;

/**
 * Learns what batches take. A peak is a lower bound of the batch it was read with: it was
 * sampled. And since the allocator gives nothing back, it is an upper bound of everything
 * that ran before it in the same session, however small. So a batch counts as measured
 * once a reading came behind it, not with it.
 *
 * From one batch to another the bytes are scaled by the tokens, and by the length where
 * that is greater: whatever mix of linear and square terms they come from, this is an
 * upper bound. Of all that it gives, the least counts. The formula serves where nothing was
 * measured.
 *
 * @param usual bytes seen by bytes computed in an earlier pass; null where there was none
 */
export function learnMemory(
  shape: ModelShape,
  limits: MemoryLimits,
  loadedBytes: number,
  usual: number | null,
  remembered: ReadonlyMap<number, MeasuredBatch>,
): Memory {
  const buckets = new Map<number, Known>();
  for (const [bucket, measured] of remembered) buckets.set(bucket, { ran: null, measured });
  let loaded = loadedBytes;
  /** Most bytes seen above those of the loaded model, since the session was made. */
  let peak = 0;

  const computed = (tokens: number, length: number) => batchBytes(shape, tokens / length, length);
  const known = (bucket: number): Known => {
    const found = buckets.get(bucket) ?? { ran: null, measured: null };
    buckets.set(bucket, found);
    return found;
  };
  const factorOf = ({ tokens, length, bytes }: MeasuredBatch) => Math.max(bytes / computed(tokens, length), LEAST);
  const largest = () =>
    [...buckets.values()]
      .flatMap(({ measured }) => measured ?? [])
      .reduce<MeasuredBatch | null>(
        (most, one) => (most && computed(most.tokens, most.length) >= computed(one.tokens, one.length) ? most : one),
        null,
      );

  /** Bytes above the loaded model. */
  const need = (rows: number, length: number): number => {
    const tokens = rows * length;
    const least = LEAST * computed(tokens, length);
    let bound = Number.POSITIVE_INFINITY;
    for (const { ran, measured } of buckets.values()) {
      if (measured) bound = Math.min(bound, scaled(measured, tokens, length));
      // No reading followed it yet, but what it took is taken, and a batch within it takes nothing new.
      if (ran && tokens <= ran.tokens && length <= ran.length) bound = Math.min(bound, (peak * tokens) / ran.tokens);
    }
    if (bound < Number.POSITIVE_INFINITY) return Math.max(bound, least);
    const factor = usual === null ? UNMEASURED : Math.max(usual, LEAST) * BEYOND;
    return arenaBytes(computed(tokens, length) * factor);
  };

  /** A little more than what ran, where the bounds are too high because a larger batch of another bucket came before. */
  const smallStep = (bucket: number, rows: number, length: number): boolean => {
    const { ran, measured } = known(bucket);
    const most = largest();
    if (!ran || !measured || !most || most === measured || measured.tokens * SAME < ran.tokens) return false;
    if (length > ran.length || rows * length > ran.tokens * SMALL_STEP) return false;
    const believed = loaded + computed(rows * length, length) * factorOf(most) * CROSSED;
    return believed <= limits.softBytes && loaded + peak * SMALL_STEP <= 0.97 * limits.watchdogBytes;
  };

  return {
    expected: (rows, length) => loaded + need(rows, length),
    fits: (bucket, rows, length) => loaded + need(rows, length) <= limits.softBytes || smallStep(bucket, rows, length),
    likely(length) {
      const most = largest();
      if (most) {
        const bytes = Math.min(need(1, length), computed(length, length) * factorOf(most));
        return loaded + bytes <= limits.watchdogBytes;
      }
      return loaded + arenaBytes(computed(length, length) * (usual ?? 1)) <= limits.softBytes;
    },
    ran(bucket, rows, length, peakBytes) {
      const state = known(bucket);
      const tokens = rows * length;
      const isNew = !state.ran || tokens > state.ran.tokens * SAME || length > state.ran.length;
      if (isNew) state.ran = { tokens, length: Math.max(length, state.ran?.length ?? 0) };
      if (peakBytes === null) return;
      peak = Math.max(peak, peakBytes - loaded);
      if (isNew || !state.ran) return;
      const now = { ...state.ran, bytes: peak };
      const { measured } = state;
      if (!measured || now.tokens >= measured.tokens || now.bytes * measured.tokens < measured.bytes * now.tokens)
        state.measured = now;
    },
    renewed(bytes) {
      loaded = bytes ?? loaded;
      peak = 0;
      for (const state of buckets.values()) state.ran = null;
    },
    factor() {
      const most = largest();
      return most && factorOf(most);
    },
    measured: (bucket) => buckets.get(bucket)?.measured ?? null,
  };
}

/** Bytes of a batch by those of another, at most. */
function scaled(measured: MeasuredBatch, tokens: number, length: number): number {
  const larger = (tokens / measured.tokens) * Math.max(1, length / measured.length);
  if (larger <= 1) return measured.bytes * larger;
  return arenaBytes(measured.bytes * larger * (larger <= TRUSTED ? BEYOND : UNMEASURED));
}
