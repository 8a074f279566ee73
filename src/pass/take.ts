import type { BatchBudget } from "../budget/types.js";
import type { Piece, WorkQueue } from "./queue.js";

/** What decides how many rows one device takes. */
export interface Taker {
  /** Rows of a length that it can compute at once; 0 where not even one is expected to fit. */
  rowsFor(length: number): number;
  /** Whether one of this size needs no memory that was not needed before. */
  holds(rows: number, length: number): boolean;
  /** Seconds that such a micro-batch is expected to take; null before anything was computed. */
  secondsFor(rows: number, length: number): number | null;
  /** Seconds that a batch of such micro-batches is to take; 0 for one in each. */
  batchSeconds(rows: number, length: number): number;
}

/** How long a batch is to take. */
export interface BatchSeconds {
  readonly known: number;
  /** Where no reading of memory came yet behind rows of such a length. */
  readonly unread: number;
}

/** Seconds for a batch of such micro-batches: what has to be learnt by itself stays by itself. */
export function batchSecondsFor(
  { known, unread }: BatchSeconds,
  budget: BatchBudget | null,
  rows: number,
  length: number,
): number {
  if (!budget) return known;
  if (!budget.knowsSpeed(rows, length)) return 0;
  return budget.holds(rows, length) ? known : unread;
}

/** Micro-batches that a batch can have at most: what one takes is estimated from those before it. */
const MOST = 64;

/**
 * Takes the micro-batches of a device's next batch: as many as are expected to keep it
 * busy for so long that what passes between two batches (the answer, the journal, its
 * sync) is small beside it. None but the first needs memory that was not needed before: by
 * the first, or by what ran earlier. Near the end of the queue batches get smaller; see
 * {@link WorkQueue.take}.
 *
 * @param devices how many devices take from the queue
 * @returns none where no rows wait
 */
export function takeBatch(queue: WorkQueue, taker: Taker, devices: number): Piece[] {
  const share = devices > 1 ? queue.tokens() / (2 * devices) : Number.POSITIVE_INFINITY;
  const first = queue.take((length) => taker.rowsFor(length), devices);
  if (!first) return [];
  const tokensOf = ({ rows, length }: Piece) => rows.length * length;
  const secondsOf = ({ rows, length }: Piece) => taker.secondsFor(rows.length, length) ?? Number.POSITIVE_INFINITY;

  const pieces = [first];
  const most = tokensOf(first);
  let tokens = most;
  const wanted = taker.batchSeconds(first.rows.length, first.length);
  let seconds = secondsOf(first);
  const follows = (piece: Piece) =>
    ((piece.length <= first.length && tokensOf(piece) <= most) || taker.holds(piece.rows.length, piece.length)) &&
    tokens + tokensOf(piece) <= share &&
    // Where one more brings it further from what is wanted than it is now, it is enough.
    seconds + secondsOf(piece) / 2 <= Math.min(wanted, taker.batchSeconds(piece.rows.length, piece.length)) &&
    taker.rowsFor(piece.length) > 0;
  const rowsFor = (length: number) => {
    const rows = taker.rowsFor(length);
    return taker.holds(rows, length) ? rows : Math.min(rows, Math.floor(most / length));
  };
  while (pieces.length < MOST) {
    const next = queue.take(rowsFor, devices, follows);
    if (!next) break;
    pieces.push(next);
    tokens += tokensOf(next);
    seconds += secondsOf(next);
  }
  return pieces;
}
