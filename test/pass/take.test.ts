import assert from "node:assert/strict";
import { test } from "node:test";
import { limitsOf } from "../../dist/budget/limits.js";
import { openBudget } from "../../dist/budget/open.js";
import { type Piece, type WorkQueue, workQueue } from "../../dist/pass/queue.js";
import { batchSecondsFor, type Taker, takeBatch } from "../../dist/pass/take.js";
import { random } from "../lib/random.ts";
import { BASE } from "../runtime/lib/simulated.ts";

const tokensOf = ({ rows, length }: Piece) => rows.length * length;
const sum = (numbers: readonly number[]) => numbers.reduce((a, b) => a + b, 0);

/** A device that takes so many tokens at once, of which 10,000 take a second. */
const taker = (tokens: number, changes: Partial<Taker> = {}): Taker => ({
  rowsFor: (length) => Math.floor(tokens / length),
  batchSeconds: () => 1,
  holds: () => false,
  secondsFor: (rows, length) => (rows * length) / 10_000,
  ...changes,
});

/** A queue over rows of these lengths, longest first. */
const free = (lengths: readonly number[]): WorkQueue =>
  workQueue(
    [{ rows: lengths.map((_, row) => row), length: lengths[0] as number, fixed: false, restarts: 0 }],
    (row) => lengths[row] as number,
  );

const planned = (...sizes: readonly (readonly [rows: number, length: number])[]): WorkQueue => {
  let row = 0;
  const lengths: number[] = [];
  const pieces = sizes.map(([count, length]) => {
    const rows = Array.from({ length: count }, () => row++);
    for (const _ of rows) lengths.push(length);
    return { rows, length, fixed: true, restarts: 0 };
  });
  return workQueue(pieces, (at) => lengths[at] as number);
};

test("a batch has as many micro-batches as come nearest to what it is to take", () => {
  const batch = takeBatch(free(new Array(10_000).fill(100)), taker(3000), 1);
  assert.deepEqual(batch.map(tokensOf), [3000, 3000, 3000], "3 of .3 s are nearer to 1 s than 4");
  assert.equal(takeBatch(free(new Array(10_000).fill(100)), taker(2200), 1).length, 5, "1.1 s rather than .88 s");
});

test("one alone, where it tells something by itself, where its time is not known, or where it takes long enough", () => {
  const lengths = new Array(1000).fill(100);
  assert.equal(takeBatch(free(lengths), taker(1000, { batchSeconds: () => 0 }), 1).length, 1);
  assert.equal(takeBatch(free(lengths), taker(1000, { secondsFor: () => null }), 1).length, 1);
  assert.equal(takeBatch(free(lengths), taker(20_000), 1).length, 1);
  const queue = free(new Array(1000).fill(100).fill(50, 10));
  const newAt50 = taker(1000, { batchSeconds: (_, length) => (length > 50 ? 1 : 0) });
  assert.equal(takeBatch(queue, newAt50, 1).length, 1, "what is new does not come behind something known");
  assert.equal(queue.rows(), 990, "and what was refused still waits");
});

test("what is known decides: sizes that are new come alone, and those without a reading briefly", () => {
  const seconds = { known: 1.5, unread: 0.3 };
  const budget = openBudget({
    shape: BASE,
    limits: limitsOf(12e9),
    baseBytes: 1e9,
    loadedBytes: 2e9,
    longest: 128,
    remembered: null,
  });
  const rows = budget.rowsFor(128);
  const batch = () => batchSecondsFor(seconds, budget, rows, 128);
  assert.equal(batch(), 0);
  const seen = { rows, length: 128, seconds: 0.3, peakBytes: null };
  budget.observe(seen);
  assert.equal(batch(), 0, "once is not enough to know how fast it is");
  budget.observe(seen);
  assert.equal(batch(), 0.3);
  budget.observe({ ...seen, peakBytes: 2.5e9 });
  assert.equal(batch(), 1.5);
  assert.equal(batchSecondsFor(seconds, budget, 1, 64), 0, "what holds it does not tell how fast it is");
  budget.renewed(null);
  assert.equal(batch(), 0.3, "a new session has nothing yet");
  assert.equal(batchSecondsFor(seconds, null, 1, 1), 1.5, "a plan that stands has nothing to learn");
});

test("batches of a plan stay whole, whatever their sizes", () => {
  const queue = planned([10, 100], [11, 95], [12, 90], [30, 90], [1, 20]);
  const holds = () => true;
  const sizes = (changes: Partial<Taker>) =>
    takeBatch(queue, taker(100, { holds, ...changes }), 1).map(({ rows }) => rows.length);
  assert.deepEqual(sizes({ secondsFor: () => 0.3 }), [10, 11, 12]);
  assert.deepEqual(sizes({}), [30, 1]);
  assert.deepEqual(sizes({}), []);
});

test("what ran before may be larger than the first of a batch: a few long rows make no small batches of the rest", () => {
  const queue = free([...new Array(2).fill(400), ...new Array(1000).fill(100)]);
  const holds = (rows: number, length: number) => length <= 100 && rows <= 30;
  const batch = takeBatch(queue, taker(3000, { holds }), 1);
  assert.deepEqual(batch.map(tokensOf), [800, 3000, 3000, 3000]);
});

test("every row once, nothing that needs more than the first of its batch, and a fair share near the end", () => {
  for (let seed = 1; seed <= 50; seed++) {
    const next = random(seed);
    const count = 1 + Math.floor(next() * 4000);
    const lengths = Array.from({ length: count }, () => 1 + Math.floor(next() * 500)).sort((a, b) => b - a);
    const most = 300 + Math.floor(next() * 6000);
    const devices = 1 + Math.floor(next() * 3);
    // What fits may differ from length to length in any way.
    const rowsFor = (length: number) => Math.floor((most * (1 + (length % 3))) / length);
    const queue = free(lengths);
    const seen: number[] = [];
    for (;;) {
      const before = queue.tokens();
      const batch = takeBatch(queue, taker(most, { rowsFor }), devices);
      const [first] = batch;
      if (!first) break;
      for (const piece of batch) {
        seen.push(...piece.rows);
        assert.ok(piece.length <= first.length && tokensOf(piece) <= tokensOf(first));
        assert.ok(piece.rows.length <= Math.max(1, rowsFor(piece.length)));
      }
      if (devices > 1 && batch.length > 1) assert.ok(sum(batch.map(tokensOf)) <= before / (2 * devices));
    }
    assert.deepEqual(seen, [...lengths.keys()]);
    assert.equal(queue.tokens(), 0);
  }
});
