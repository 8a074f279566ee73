import { arenaBytes, batchBytes } from "../budget/cost.js";
import { openBudget } from "../budget/open.js";
import type { RememberedBudget } from "../budget/types.js";
import { longestFirst } from "../core/batches.js";
import type { BatchRule } from "../pass/plan.js";
import { workQueue } from "../pass/queue.js";
import type { MemoryLimits, ModelShape } from "../schema/device-types.js";

/** A device as a rehearsal sees it. */
export interface StandIn {
  /** Bytes that a process takes before any model. */
  readonly contextBytes: number;
  /** Its memory. */
  readonly memoryBytes: number;
  /** How much more memory batches take than the formula says. */
  readonly memoryFactor: number;
  readonly remembered: RememberedBudget | null;
  /** Seconds of a batch. */
  readonly seconds: (rows: number, length: number) => number;
}

/** What a rehearsal came to. */
export interface Rehearsal {
  readonly batches: number;
  readonly tokens: number;
  readonly paddedTokens: number;
  /** Seconds until the last device is done, and those in which devices compute, all together. */
  readonly seconds: number;
  readonly busySeconds: number;
  readonly peakBytes: number;
  /** Rows that are expected not to fit, even alone. */
  readonly tooLong: number;
}

/**
 * Goes through a pass as it would run, batch by batch, with a clock of its own and
 * nothing computed: the same queue, the same budget, and devices that behave by formula.
 *
 * @param lengths tokens of each row
 */
export function rehearse(
  lengths: ArrayLike<number>,
  devices: readonly StandIn[],
  shape: ModelShape,
  limits: MemoryLimits,
  { rowsFor, maxRows }: BatchRule,
): Rehearsal {
  const order = longestFirst(
    lengths,
    Array.from({ length: lengths.length }, (_, row) => row),
  );
  const lengthOf = (row: number) => lengths[row] as number;
  const longest = order.length > 0 ? lengthOf(order[0] as number) : 0;
  const members = devices.map((device) => {
    const loadedBytes = device.contextBytes + shape.weightBytes;
    const budget = rowsFor
      ? null
      : openBudget({ shape, limits, baseBytes: 0, loadedBytes, longest, remembered: device.remembered });
    return { ...device, budget, loadedBytes, clock: 0, peak: loadedBytes };
  });
  const whole = { rows: order, length: longest, fixed: false, restarts: 0 };
  const queue = workQueue(order.length > 0 ? [whole] : [], lengthOf);
  const sum = { batches: 0, tokens: 0, paddedTokens: 0, busySeconds: 0, tooLong: 0 };
  for (;;) {
    const member = members.reduce((first, other) => (other.clock < first.clock ? other : first));
    const most = (length: number) => Math.min(maxRows, rowsFor?.(length) ?? member.budget?.rowsFor(length) ?? 1);
    const piece = queue.take(most, devices.length);
    if (!piece) break;
    const { length } = piece;
    const rows = piece.rows.length;
    const bytes = member.loadedBytes + arenaBytes(member.memoryFactor * batchBytes(shape, rows, length));
    if ((member.budget && member.budget.rowsFor(length) === 0) || bytes > member.memoryBytes) {
      // What does not fit is cut, and a row alone that does not fit is left out, as the ladder does.
      if (rows === 1) sum.tooLong++;
      else {
        member.budget?.outOfMemory(rows, length);
        const half = Math.ceil(rows / 2);
        queue.giveBack(
          { ...piece, rows: piece.rows.slice(0, half), fixed: true },
          { ...piece, rows: piece.rows.slice(half), length: lengthOf(piece.rows[half] as number), fixed: true },
        );
      }
      continue;
    }
    const seconds = member.seconds(rows, length);
    member.clock += seconds;
    member.peak = Math.max(member.peak, bytes);
    member.budget?.observe({ rows, length, seconds, peakBytes: member.peak });
    sum.batches++;
    sum.paddedTokens += rows * length;
    sum.busySeconds += seconds;
    for (const row of piece.rows) sum.tokens += lengthOf(row);
  }
  return {
    ...sum,
    seconds: Math.max(...members.map(({ clock }) => clock)),
    peakBytes: Math.max(...members.map(({ peak }) => peak)),
  };
}
