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
  // The next piece stands last, where it costs nothing to take.
  const waiting = [...pieces].reverse();
  let rows = 0;
  let tokens = 0;
  const count = (piece: Piece, sign: 1 | -1) => {
    rows += sign * piece.rows.length;
    for (const row of piece.rows) tokens += sign * lengths(row);
  };
  for (const piece of pieces) count(piece, 1);

  return {
    take(rowsFor, devices, accepts = () => true) {
      const piece = waiting.at(-1);
      if (!piece) return null;
      if (piece.fixed) {
        if (!accepts(piece)) return null;
        waiting.pop();
        count(piece, -1);
        return piece;
      }
      const full = Math.max(1, rowsFor(piece.length));
      const share = devices > 1 ? tokens / (2 * devices * Math.max(1, piece.length)) : full;
      const most = Math.ceil(Math.max(Math.min(full, share), full * SMALLEST_TAIL));
      const all = piece.rows.slice(0, most).map(lengths);
      const [taken, rest] = cut(piece, rowsWithoutPadding(all, 0, most), lengths);
      if (!accepts(taken)) return null;
      waiting.pop();
      if (rest) waiting.push(rest);
      count(taken, -1);
      return taken;
    },
    defer(longerThan) {
      const later: Piece[] = [];
      for (let piece = waiting.at(-1); piece && piece.length > longerThan; piece = waiting.at(-1)) {
        waiting.pop();
        const rows = piece.rows.findIndex((row) => lengths(row) <= longerThan);
        const [long, rest] = cut(piece, rows < 0 ? piece.rows.length : rows, lengths);
        later.push(long);
        if (rest) {
          waiting.push(rest);
          break;
        }
      }
      waiting.unshift(...later.reverse());
    },
    giveBack(...back) {
      for (const piece of [...back].reverse()) {
        waiting.push(piece);
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
