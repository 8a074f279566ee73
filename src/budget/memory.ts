import type { MemoryLimits, ModelShape } from "../schema/device-types.js";
import { arenaBytes, batchBytes } from "./cost.js";
import type { MeasuredBatch } from "./types.js";

/** What batches take on a device, learned from readings. */
export interface Memory {
  /** Bytes that are expected in use on the device with such a batch, everything included. */
  expected(rows: number, length: number): number;
  /** Whether such a batch is expected to stay below the soft limit. */
  fits(rows: number, length: number): boolean;
  /** The same for one row, by what is likely in place of what is careful, and up to the second limit where it was measured. */
  likely(length: number): boolean;
  /** Whether a batch that needs as much ran in this session, and a reading came behind it. */
  holds(rows: number, length: number): boolean;
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
  /** Whether a reading came behind it. */
  seen: boolean;
  measured: MeasuredBatch | null;
}

/** The formula counts so many times where nothing was measured. */
const UNMEASURED = 3;
/** More than so many times the formula was taken by what ran before a measured batch, and not by it: it tells nothing of other lengths. */
const IMPLAUSIBLE = 4 * UNMEASURED;
/** A measured batch tells of batches of up to so many times its tokens, with so much added. */
const [TRUSTED, BEYOND] = [2, 1.1];
/** A reading can come too early to see all of a batch: less than this share of the formula is not believed. */
const LEAST = 0.1;
/**
 * What an arena can hold at most behind a batch of up to twice the tokens, by what it held before: nothing that it has
 * need serve for the larger buffers, and each of those can take twice its size.
 */
const WORST = 3.5;
/** What it holds by the formula's bytes, before any reading: the formula counts three times, and the arena takes twice that. */
const UNREAD = 6;
/** Longer rows that ran leave an arena with room: a batch that computes to this share of one of them is expected to find it. */
const ROOM = 0.5;
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
  for (const [bucket, measured] of remembered) buckets.set(bucket, { ran: null, seen: false, measured });
  let loaded = loadedBytes;
  /** Most bytes seen above those of the loaded model, since the session was made. */
  let peak = 0;

  const computed = (tokens: number, length: number) => batchBytes(shape, tokens / length, length);
  const known = (bucket: number): Known => {
    const found = buckets.get(bucket) ?? { ran: null, seen: false, measured: null };
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

  /** Whether a larger batch than any that ran could go beyond the cap, the arena being as unlucky as it can. */
  const isRisky = (rows: number, length: number): boolean => {
    const tokens = rows * length;
    const states = [...buckets.values()];
    const ran = states.flatMap((state) => state.ran ?? []);
    if (ran.some((one) => tokens <= one.tokens && length <= one.length)) return false;
    const most = ran.reduce((bytes, one) => Math.max(bytes, computed(one.tokens, one.length)), 0);
    if (computed(tokens, length) <= ROOM * most) return false;
    // Without a reading behind what ran last, the formula tells what the arena may hold.
    const held = states.every(({ ran, seen }) => ran === null || seen) ? peak : UNREAD * most;
    return loaded + WORST * Math.max(held, 0) > limits.watchdogBytes;
  };

  return {
    expected: (rows, length) => loaded + need(rows, length),
    fits: (rows, length) => loaded + need(rows, length) <= limits.softBytes && !isRisky(rows, length),
    likely(length) {
      const most = largest();
      if (most && factorOf(most) <= IMPLAUSIBLE) {
        const bytes = Math.min(need(1, length), computed(length, length) * factorOf(most));
        return loaded + bytes <= limits.watchdogBytes;
      }
      return loaded + arenaBytes(computed(length, length) * (usual ?? 1)) <= limits.softBytes;
    },
    holds: (rows, length) =>
      [...buckets.values()].some(
        ({ ran, seen }) => seen && ran !== null && rows * length <= ran.tokens * SAME && length <= ran.length,
      ),
    ran(bucket, rows, length, peakBytes) {
      const state = known(bucket);
      const tokens = rows * length;
      const isNew = !state.ran || tokens > state.ran.tokens * SAME || length > state.ran.length;
      if (isNew) {
        state.ran = { tokens, length: Math.max(length, state.ran?.length ?? 0) };
        state.seen = false;
      }
      if (peakBytes === null) return;
      peak = Math.max(peak, peakBytes - loaded);
      // It came behind all that ran before this batch.
      for (const other of buckets.values()) if (other !== state || !isNew) other.seen = true;
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
