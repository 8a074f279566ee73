import { rowsWithoutPadding } from "../budget/padding.js";

/** Rows that are waiting for a device, of similar length. */
export interface Piece {
  readonly rows: readonly number[];
  /** Length of the longest of them, in tokens. */
  readonly length: number;
  /** Batches of a fixed plan are taken whole; others may be cut. */
  readonly fixed: boolean;
  /** How often a process was started again because of it. */
  readonly restarts: number;
}

/** The rows that no device has taken yet, longest first: one queue for all devices. */
export interface WorkQueue {
  /**
   * The next rows for a device, or null where none wait.
   *
   * @param rowsFor rows of a length that the device can take at once
   * @param devices how many devices take from the queue
   * @param accepts whether the device takes what it would get; where it does not, the queue stays as it is and null is returned
   */
  take(rowsFor: (length: number) => number, devices: number, accepts?: (piece: Piece) => boolean): Piece | null;
  /** Puts what is longer behind everything else: shorter rows show first what fits. */
  defer(longerThan: number): void;
  /** Puts rows back in front: they failed elsewhere, or were taken and not begun. */
  giveBack(...pieces: readonly Piece[]): void;
  /** Rows in the queue, and their tokens. */
  rows(): number;
  tokens(): number;
}

/** Share of a full batch below which cutting the last ones smaller costs more than waiting for the other device. */
const SMALLEST_TAIL = 1 / 8;

/**
 * A queue over pieces that stand in the order in which they are to be computed.
 * Near the end the batches get smaller, so that all devices end together: half of
 * an even share each time (guided self-scheduling, Polychronopoulos and Kuck 1987).
 *
 * @param lengths tokens of a row
 */
export function workQueue(pieces: readonly Piece[], lengths: (row: number) => number): WorkQueue {
  // The next piece stands last, where it costs nothing to take; what was taken off its front is only counted.
  const waiting = pieces.map((piece) => ({ piece, taken: 0 })).reverse();
  let rows = 0;
  let tokens = 0;
  const count = (piece: Piece, sign: 1 | -1) => {
    rows += sign * piece.rows.length;
    for (const row of piece.rows) tokens += sign * lengths(row);
  };
  for (const piece of pieces) count(piece, 1);

  /** So many of the next rows, by themselves. */
  const front = ({ piece, taken }: { piece: Piece; taken: number }, most: number): Piece => {
    const next = piece.rows.slice(taken, taken + most);
    return { ...piece, rows: next, length: taken === 0 ? piece.length : lengths(next[0] as number) };
  };
  const popFront = (): Piece | null => {
    const next = waiting.pop();
    return next ? front(next, next.piece.rows.length) : null;
  };

  return {
    take(rowsFor, devices, accepts = () => true) {
      const next = waiting.at(-1);
      if (!next) return null;
      const { piece } = next;
      const { length } = front(next, 1);
      let most = piece.rows.length;
      if (!piece.fixed) {
        const full = Math.max(1, rowsFor(length));
        const share = devices > 1 ? tokens / (2 * devices * Math.max(1, length)) : full;
        const fair = Math.ceil(Math.max(Math.min(full, share), full * SMALLEST_TAIL));
        most = rowsWithoutPadding(front(next, fair).rows.map(lengths), 0, fair);
      }
      const taken = front(next, most);
      if (!accepts(taken)) return null;
      next.taken += taken.rows.length;
      if (next.taken === piece.rows.length) waiting.pop();
      count(taken, -1);
      return taken;
    },
    defer(longerThan) {
      const later: Piece[] = [];
      for (let piece = popFront(); piece; piece = popFront()) {
        if (piece.length <= longerThan) {
          waiting.push({ piece, taken: 0 });
          break;
        }
        const long = piece.rows.findIndex((row) => lengths(row) <= longerThan);
        const [first, rest] = cut(piece, long < 0 ? piece.rows.length : long, lengths);
        later.push(first);
        if (rest) {
          waiting.push({ piece: rest, taken: 0 });
          break;
        }
      }
      waiting.unshift(...later.reverse().map((piece) => ({ piece, taken: 0 })));
    },
    giveBack(...back) {
      for (const piece of [...back].reverse()) {
        waiting.push({ piece, taken: 0 });
        count(piece, 1);
      }
    },
    rows: () => rows,
    tokens: () => tokens,
  };
}

/** The first rows of a piece, and the others; null where none are left. */
export function cut(piece: Piece, rows: number, lengths: (row: number) => number): [Piece, Piece | null] {
  if (piece.rows.length <= rows) return [piece, null];
  const rest = piece.rows.slice(rows);
  return [
    { ...piece, rows: piece.rows.slice(0, rows) },
    { ...piece, rows: rest, length: lengths(rest[0] as number) },
  ];
}
