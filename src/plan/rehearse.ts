import { arenaBytes, batchBytes } from "../budget/cost.js";
import { openBudget } from "../budget/open.js";
import type { RememberedBudget } from "../budget/types.js";
import { longestFirst } from "../core/batches.js";
import type { BatchRule } from "../pass/plan.js";
import { cut, workQueue } from "../pass/queue.js";
import { type BatchSeconds, batchSecondsFor, type Taker, takeBatch } from "../pass/take.js";
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
  /** Seconds of rows that are computed at once. */
  readonly seconds: (rows: number, length: number) => number;
  /** How long a batch is to take. */
  readonly batchSeconds: BatchSeconds;
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
  const members = devices.map((device) => standIn(device, { shape, limits, rowsFor, maxRows, longest }));
  const whole = { rows: order, length: longest, fixed: false, restarts: 0 };
  const queue = workQueue(order.length > 0 ? [whole] : [], lengthOf);
  const sum = { batches: 0, tokens: 0, paddedTokens: 0, tooLong: 0 };
  for (;;) {
    const member = members.reduce((first, other) => (other.clock < first.clock ? other : first));
    const pieces = takeBatch(queue, member, devices.length);
    if (pieces.length === 0) break;
    let done = 0;
    for (const piece of pieces) {
      if (!member.compute(piece.rows.length, piece.length)) break;
      done++;
      sum.paddedTokens += piece.rows.length * piece.length;
      for (const row of piece.rows) sum.tokens += lengthOf(row);
    }
    if (done > 0) sum.batches++;
    const [failed, ...others] = pieces.slice(done);
    if (!failed) continue;
    queue.giveBack(...others);
    // What does not fit is cut, and a row alone that does not fit is left out, as the ladder does.
    const [half, rest] = cut({ ...failed, fixed: true }, Math.ceil(failed.rows.length / 2), lengthOf);
    if (rest) queue.giveBack(half, rest);
    else sum.tooLong++;
  }
  return {
    ...sum,
    busySeconds: members.reduce((all, { clock }) => all + clock, 0),
    seconds: Math.max(...members.map(({ clock }) => clock)),
    peakBytes: Math.max(...members.map(({ peak }) => peak)),
  };
}

interface Rehearsing extends Taker {
  /** Seconds since the pass began. */
  clock: number;
  peak: number;
  /** Computes rows at once; false, and it is learnt from, where they do not fit. */
  compute(rows: number, length: number): boolean;
}

/** A device that is as fast and takes as much memory as the formulas say, with the budget that it would have. */
function standIn(
  device: StandIn,
  pass: { shape: ModelShape; limits: MemoryLimits; longest: number } & BatchRule,
): Rehearsing {
  const { shape, limits, rowsFor, maxRows, longest } = pass;
  const { memoryFactor, memoryBytes, batchSeconds, remembered } = device;
  const loadedBytes = device.contextBytes + shape.weightBytes;
  const budget = rowsFor ? null : openBudget({ shape, limits, baseBytes: 0, loadedBytes, longest, remembered });
  const member: Rehearsing = {
    clock: 0,
    peak: loadedBytes,
    batchSeconds: (rows, length) => batchSecondsFor(batchSeconds, budget, rows, length),
    rowsFor: (length) => Math.min(maxRows, rowsFor?.(length) ?? budget?.rowsFor(length) ?? 1),
    holds: (rows, length) => budget?.holds(rows, length) ?? true,
    secondsFor: (rows, length) => device.seconds(rows, length),
    compute(rows, length) {
      const bytes = loadedBytes + arenaBytes(memoryFactor * batchBytes(shape, rows, length));
      if ((budget && budget.rowsFor(length) === 0) || bytes > memoryBytes) {
        if (rows > 1) budget?.outOfMemory(rows, length);
        return false;
      }
      const seconds = device.seconds(rows, length);
      member.clock += seconds;
      member.peak = Math.max(member.peak, bytes);
      budget?.observe({ rows, length, seconds, peakBytes: member.peak });
      return true;
    },
  };
  return member;
}
