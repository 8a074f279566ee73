import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout } from "node:timers/promises";
import { driveAll } from "../../dist/pass/drive.js";
import type { PreparedPiece } from "../../dist/pass/frames.js";
import { type Member, openMember } from "../../dist/pass/member.js";
import { workQueue } from "../../dist/pass/queue.js";
import type { SimulatedFault } from "../../dist/schema/simulated-types.js";
import { batchOf, gpus, optionsOn } from "../runtime/lib/simulated.ts";

const LENGTH = 64;

/** A device of a simulation, without a budget. */
async function memberOn(faults: readonly SimulatedFault[], batchSeconds = 0): Promise<Member> {
  const [device] = await gpus({ faults: [...faults] });
  if (!device) throw new Error("no device");
  const { provider: _, env: __, ...options } = optionsOn(device);
  return openMember({
    device,
    options,
    signal: new AbortController().signal,
    maxRows: 64,
    limitBytes: 10e9,
    tokenBudget: 4 * LENGTH,
    batchSeconds: { known: batchSeconds, unread: batchSeconds },
    timeoutSeconds: null,
    loadSeconds: null,
    sampling: { source: "none", interval: "never", capBytes: null },
    readBytes: async () => null,
    openBudget: async () => null,
    loading: (load) => load(),
    started: () => {},
  });
}

const prepare = async (rows: readonly number[]): Promise<PreparedPiece> => ({
  rows,
  prepared: [],
  texts: [],
  padded: batchOf(rows.length, LENGTH),
});

test("a process that can make no new session is ended, and the batch gets its fresh process", async () => {
  const real = await memberOn([{ batch: 1, kind: "out_of_memory", times: 2 }]);
  let renewals = 0;
  const member: Member = {
    ...real,
    async renew() {
      renewals++;
      real.kill("12 GB were in use, and the process was ended");
      await real.renew();
    },
  };
  const events: string[] = [];
  const done: number[] = [];
  try {
    const failed = await driveAll({
      model: "test-model",
      members: [member],
      queue: workQueue(
        [{ rows: Array.from({ length: 16 }, (_, row) => row), length: LENGTH, fixed: false, restarts: 0 }],
        () => LENGTH,
      ),
      lengths: () => LENGTH,
      prepare,
      writer: {
        begin: () => 0,
        write: async ({ rows }) => void done.push(...rows),
      },
      rules: { cut: true, restart: true },
      event: ({ kind }) => void events.push(kind),
    });
    assert.deepEqual(failed, []);
  } finally {
    await real.end();
  }
  assert.equal(renewals, 1);
  assert.deepEqual(events, ["halved", "new_session", "new_process"]);
  assert.deepEqual(
    done.sort((a, b) => a - b),
    Array.from({ length: 16 }, (_, row) => row),
  );
});

/** Drives one device over 64 rows, 4 at once and as many in a batch as there are, each micro-batch some 2 ms. */
async function driveOne(real: Member, change: (member: Member) => Member = (member) => member) {
  const events: string[] = [];
  const batches: string[] = [];
  const rows: number[] = [];
  try {
    const failed = await driveAll({
      model: "test-model",
      members: [change(real)],
      queue: workQueue(
        [{ rows: Array.from({ length: 64 }, (_, row) => row), length: LENGTH, fixed: false, restarts: 0 }],
        () => LENGTH,
      ),
      lengths: () => LENGTH,
      prepare,
      writer: {
        begin: () => batches.push("") - 1,
        async write(piece, { output, batch }) {
          assert.equal(output.kind === "dense" && output.data.length, 768 * piece.rows.length);
          batches[batch] = batches[batch] ? `${batches[batch]},${piece.rows.length}` : `${piece.rows.length}`;
          rows.push(...piece.rows);
        },
      },
      rules: { cut: true, restart: true },
      event: ({ kind, rows }) => void events.push(`${kind} ${rows}`),
    });
    assert.deepEqual(failed, []);
  } finally {
    await real.end();
  }
  assert.deepEqual(
    rows.sort((a, b) => a - b),
    Array.from({ length: 64 }, (_, row) => row),
    "every row once",
  );
  return { events, batches: batches.filter((sizes) => sizes !== "") };
}

test("a batch that stops in the middle is written as far as it came, and the ladder is for what failed", async () => {
  // The first batch tells the time, the second is sent meanwhile; the third has all the rest.
  const { events, batches } = await driveOne(await memberOn([{ batch: 5, kind: "out_of_memory" }], 30));
  assert.deepEqual(events, ["halved 4"]);
  assert.deepEqual(batches.slice(0, 4), ["4", "4", "4,4,4", "2"]);
  assert.equal(batches.length, 5);
});

test("where a process dies with a batch, each micro-batch of it is tried again by itself", async () => {
  const { events, batches } = await driveOne(await memberOn([{ batch: 4, kind: "crash", times: 2 }], 30));
  assert.match(events[0] ?? "", /^restarted (48|52|56)$/, "what had come back before is not tried again");
  assert.deepEqual(events.slice(1), ["restarted 4"], "the first of the others takes the second process with it");
  assert.deepEqual(batches.join().split(","), new Array(16).fill("4"));
});

test("what a device had taken ahead is not lost while it tries several micro-batches again", async () => {
  // Four in a batch: the fourth batch is lost when the next one is ready and others wait.
  const { events, batches } = await driveOne(await memberOn([{ batch: 6, kind: "crash" }], 30), (real) => ({
    ...real,
    batchSeconds: (rows, length) => 4 * (real.secondsFor(rows, length) ?? 0),
  }));
  assert.equal(events.length, 1);
  assert.match(events[0] ?? "", /^restarted/);
  assert.deepEqual(batches.join().split(","), new Array(16).fill("4"));
});

test("one that takes every process with it ends the pass, after as many as one batch may cost", async () => {
  const member = await memberOn([{ batch: 4, kind: "crash", times: 3 }], 30);
  await assert.rejects(driveOne(member), { code: "inference_process_died" });
});

test("where memory came near the cap, every micro-batch of the batch is cut in half", async () => {
  let encoded = 0;
  const { events, batches } = await driveOne(await memberOn([], 30), (real) => ({
    ...real,
    compute(microBatches, came) {
      const answer = real.compute(microBatches, came);
      // As the watchdog does.
      if (++encoded === 3) {
        real.watchdog = "11.6 GB were in use";
        real.kill(real.watchdog);
      }
      return answer;
    },
    get watchdog() {
      return real.watchdog;
    },
    set watchdog(words) {
      real.watchdog = words;
    },
  }));
  assert.deepEqual(events, ["watchdog 56", "halved 56"]);
  assert.deepEqual(batches, ["4", "4", ...new Array(28).fill("2")]);
});

test("a process that comes near the cap while it loads is ended at once, and not when it has loaded", async () => {
  const member = await memberOn([{ batch: 0, kind: "load_hang", times: 2 }]);
  const loading = member.load();
  await setTimeout(200);
  member.watchdog = "11.6 GB were in use";
  member.kill(member.watchdog);
  await assert.rejects(loading, { code: "inference_process_died", message: /11\.6 GB were in use/ });
  await member.end();
});

test("a process that goes when all of its batch had come back costs a fresh one, and nothing is computed again", async () => {
  let batch = 0;
  const { events, batches } = await driveOne(await memberOn([], 30), (real) => ({
    ...real,
    async compute(microBatches, came) {
      const failure = await real.compute(microBatches, came);
      if (++batch !== 2) return failure;
      real.kill("it was seen no more");
      return real.compute(microBatches, came);
    },
  }));
  assert.deepEqual(events, ["restarted 0"]);
  assert.equal(batches.join().split(",").length, 16);
});

test("what a device had taken ahead is computed by one that is free, in micro-batches of that one's size", async () => {
  const [large, small] = [await memberOn([]), await memberOn([])];
  const rows = Array.from({ length: 40 }, (_, row) => row);
  const done: number[] = [];
  const ofSmall: number[] = [];
  let release: () => void = () => {};
  const others = new Promise<void>((resolve) => {
    release = resolve;
  });
  const members: Member[] = [
    {
      ...large,
      rowsFor: () => 16,
      // It is at its first batch until all the rest is done, what it had taken ahead too.
      async compute(microBatches, came) {
        await others;
        return large.compute(microBatches, came);
      },
    },
    {
      ...small,
      compute(microBatches, came) {
        ofSmall.push(...microBatches.map((batch) => batch.rows));
        return small.compute(microBatches, came);
      },
    },
  ];
  try {
    const failed = await driveAll({
      model: "test-model",
      members,
      queue: workQueue([{ rows, length: LENGTH, fixed: false, restarts: 0 }], () => LENGTH),
      lengths: () => LENGTH,
      prepare,
      writer: {
        begin: () => 0,
        async write(piece) {
          done.push(...piece.rows);
          // The large one has taken a quarter of the queue.
          if (done.length === 30) release();
        },
      },
      rules: { cut: true, restart: true },
      event: ({ kind }) => assert.fail(kind),
    });
    assert.deepEqual(failed, []);
  } finally {
    await Promise.all([large.end(), small.end()]);
  }
  assert.deepEqual(
    done.sort((a, b) => a - b),
    rows,
  );
  assert.equal(
    ofSmall.reduce((sum, count) => sum + count, 0),
    30,
  );
  assert.ok(
    ofSmall.every((count) => count <= 4),
    `${ofSmall}`,
  );
});
