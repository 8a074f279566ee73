import assert from "node:assert/strict";
import { test } from "node:test";
import { MOST_RESTARTS, nextStep, rungAfter, type Trouble } from "../../dist/pass/ladder.js";
import { cut, type Piece, workQueue } from "../../dist/pass/queue.js";
import { random as randoms } from "../lib/random.ts";

const piece = (rows: readonly number[], length: number, fixed = false): Piece => ({ rows, length, fixed, restarts: 0 });

test("batches of a plan are taken whole and in order; what is given back comes first", () => {
  const planned = [piece([4, 2], 9, true), piece([0], 7, true), piece([1, 3, 5], 3, true)];
  const queue = workQueue(planned, () => 5);
  assert.equal(queue.rows(), 6);
  const first = queue.take(() => 1, 2);
  assert.deepEqual(first, planned[0]);
  assert.deepEqual(
    queue.take(() => 1, 2),
    planned[1],
  );
  queue.giveBack(first as Piece, planned[1] as Piece);
  assert.deepEqual(
    queue.take(() => 1, 2),
    planned[0],
  );
  assert.deepEqual(
    queue.take(() => 1, 2),
    planned[1],
  );
  assert.deepEqual(
    queue.take(() => 1, 2),
    planned[2],
  );
  assert.equal(
    queue.take(() => 1, 2),
    null,
  );
  assert.equal(queue.rows(), 0);
});

test("a free queue gives every row once, no batch above what the device takes, and smaller ones near the end", () => {
  for (let seed = 1; seed <= 50; seed++) {
    const next = randoms(seed);
    const count = 1 + Math.floor(next() * 3000);
    const lengths = Array.from({ length: count }, () => 1 + Math.floor(next() * 500)).sort((a, b) => b - a);
    const devices = 1 + Math.floor(next() * 3);
    const budget = 200 + Math.floor(next() * 20_000);
    const queue = workQueue(
      [
        piece(
          lengths.map((_, row) => row),
          lengths[0] as number,
        ),
      ],
      (row) => lengths[row] as number,
    );
    const seen = new Set<number>();
    const sizes: number[] = [];
    for (;;) {
      const taken = queue.take((length) => Math.floor(budget / length), devices);
      if (!taken) break;
      assert.equal(taken.length, lengths[taken.rows[0] as number], "the longest row of a batch comes first");
      assert.ok(taken.rows.length <= Math.max(1, Math.floor(budget / taken.length)), `${taken.rows.length} rows`);
      for (const row of taken.rows) assert.ok(!seen.has(row) && seen.add(row));
      sizes.push(taken.rows.length * taken.length);
      if (next() < 0.05) {
        for (const row of taken.rows) seen.delete(row);
        queue.giveBack(taken);
      }
    }
    assert.equal(seen.size, count);
    if (devices > 1 && sizes.length > 20)
      assert.ok((sizes.at(-1) as number) < budget / 2, "the last batch is a small one");
  }
});

test("a batch is cut between rows, and the rest has a length of its own", () => {
  const lengths = [9, 8, 4, 4, 1];
  const whole = piece([0, 1, 2, 3, 4], 9, true);
  const [half, rest] = cut(whole, 3, (row) => lengths[row] as number);
  assert.deepEqual([half.rows, half.length, half.fixed], [[0, 1, 2], 9, true]);
  assert.deepEqual([rest?.rows, rest?.length], [[3, 4], 4]);
  assert.equal(cut(whole, 5, () => 1)[1], null);
});

const rules = { cut: true, restart: true };

test("want of memory climbs the ladder: half, new session, new process, half again, down to a row that fails", () => {
  let rows = 8;
  let rung = 0;
  const story: string[] = [];
  for (let i = 0; i < 20; i++) {
    const step = nextStep("out_of_memory", { rows, restarts: 0 }, rung, rules);
    story.push(`${rows}:${step}`);
    rung = rungAfter(step, rung);
    if (step === "halve") rows = Math.ceil(rows / 2);
    if (step === "fail_row") break;
  }
  assert.deepEqual(story, ["8:halve", "4:new_session", "4:new_process", "4:halve", "2:halve", "1:fail_row"]);
});

test("a row that comes after one that failed gets a fresh session and a fresh process before it fails too", () => {
  const rung = rungAfter("fail_row", 3);
  assert.equal(nextStep("out_of_memory", { rows: 1, restarts: 0 }, rung, rules), "new_session");
});

test("whatever happens, and in whatever order, the ladder ends", () => {
  const troubles: Trouble[] = ["out_of_memory", "watchdog", "timeout", "died", "refused"];
  for (let seed = 1; seed <= 500; seed++) {
    const next = randoms(seed);
    let rows = 1 + Math.floor(next() * 4096);
    let restarts = 0;
    let rung = 0;
    let steps = 0;
    const rule = { cut: next() < 0.8, restart: next() < 0.8 };
    for (;;) {
      const trouble = troubles[Math.floor(next() * troubles.length)] as Trouble;
      const step = nextStep(trouble, { rows, restarts }, rung, rule);
      rung = rungAfter(step, rung);
      if (step === "halve") rows = Math.ceil(rows / 2);
      if (step === "restart") restarts++;
      assert.ok(step !== "halve" || rule.cut);
      assert.ok(step !== "restart" || rule.restart);
      assert.ok(rows >= 1 && restarts <= MOST_RESTARTS);
      if (step === "give_up" || step === "fail_row") break;
      assert.ok(++steps <= 12 + 3 + MOST_RESTARTS, `${steps} steps`);
    }
  }
});

test("a plan that may not be changed is never cut: a fresh session, a fresh process, then an error", () => {
  const fixed = { cut: false, restart: true };
  const steps: string[] = [];
  let rung = 0;
  for (let i = 0; i < 3; i++) {
    const step = nextStep("out_of_memory", { rows: 4, restarts: 0 }, rung, fixed);
    steps.push(step);
    rung = rungAfter(step, rung);
  }
  assert.deepEqual(steps, ["new_session", "new_process", "give_up"]);
});
