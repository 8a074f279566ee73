import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { cardOf } from "../../dist/charts/card.js";
import { textOf } from "../../dist/charts/card-text.js";
import { RagError } from "../../dist/core/errors.js";
import * as rag from "../../dist/index.js";
import { sampleCorpus, sampleOptions, scratch } from "../lib/sample.ts";

const files = { files: join(sampleCorpus, "**/*.{md,txt}") };
const throws = (code: string) => (error: unknown) => error instanceof RagError && error.code === code;

/** GPUs that compute nothing, fast enough for a test. */
async function simulation(dir: string, gpus: number, more: object = {}): Promise<string> {
  const gpu = {
    product: "Tesla T4 (simulated)",
    memoryBytes: 15_360 * 2 ** 20,
    computeCapability: "7.5",
    contextBytes: 400 * 2 ** 20,
    flops: 4e10,
    halfTokens: 500,
    launchSeconds: 0.002,
    speedup: 1,
    compute: "hash",
    memoryFactor: 1,
    faults: [],
    ...more,
  };
  const path = join(dir, "gpus.json");
  await writeFile(path, JSON.stringify({ gpus: Array.from({ length: gpus }, () => gpu) }));
  return path;
}

test("a plan for devices that are not here says batches, memory, time and the share of the week, and computes nothing", async () => {
  const session = await rag.openSession(sampleOptions(await scratch("plan")));
  const chunks = await rag.chunk(session, files);
  const one = await rag.plan(session, chunks, { devices: "t4", queries: 20, candidates: 10 });
  const two = await rag.plan(session, chunks, { devices: "t4x2", queries: 20, candidates: 10 });
  assert.deepEqual(two.devices, ["Tesla T4 (simulated)", "Tesla T4 (simulated)"]);
  assert.deepEqual(
    two.passes.map(({ stage, rows }) => [stage, rows]),
    [
      ["dense", chunks.count],
      ["sparse", chunks.count],
      ["rerank", 200],
    ],
  );
  for (const pass of two.passes) {
    assert.ok(pass.tokens > 0 && pass.tokens <= pass.paddedTokens, pass.model);
    assert.ok(1 - pass.tokens / pass.paddedTokens < 0.1, `${pass.model} pads ${1 - pass.tokens / pass.paddedTokens}`);
    assert.ok((pass.peakBytes ?? 0) > 400 * 2 ** 20 && (pass.peakBytes ?? 0) < 10e9, `${pass.peakBytes}`);
    assert.equal(pass.tooLong, 0);
    assert.match(pass.basis, /^estimated from figures of Tesla T4 \(simulated\)/);
  }
  assert.equal(two.passes[0]?.tokens, chunks.tokens);
  assert.equal(two.capBytes, 12e9);
  assert.ok((two.seconds ?? 0) > 0 && (two.seconds ?? 0) <= (one.seconds ?? 0));
  assert.ok(Math.abs((two.quotaShare ?? 0) - (two.seconds ?? 0) / 3600 / 30) < 1e-12);
  const text = textOf(cardOf(two));
  assert.match(text, /2 × Tesla T4 \(simulated\)/);
  assert.match(text, /Of the week's GPU hours/);
  assert.equal((await rag.history(session)).numRows(), 1, "only the chunks");
  session.close();
});

test("what is planned for simulated GPUs is what they take", async () => {
  const dir = await scratch("plan-simulated");
  for (const gpus of [1, 2]) {
    const session = await rag.openSession({
      ...sampleOptions(dir),
      name: `gpus-${gpus}`,
      device: "simulated",
      simulation: await simulation(dir, gpus),
      vectorCache: null,
    });
    const chunks = await rag.chunk(session, files);
    const planned = (await rag.plan(session, chunks)).passes[0];
    const run = await rag.runDense(session, chunks);
    assert.ok(planned);
    const passed = Math.max(...run.telemetry.devices.map(({ passSeconds }) => passSeconds));
    const seconds = (planned.seconds ?? 0) - planned.loadSeconds;
    assert.ok(seconds < 1.6 * passed, `${seconds} planned, ${passed} taken`);
    // A pass takes longer on a busy machine; what its GPUs compute does not.
    const busy = run.telemetry.devices.reduce((sum, { busySeconds }) => sum + busySeconds, 0);
    const plannedBusy = seconds * gpus * (planned.busy ?? 0);
    assert.ok(plannedBusy > 0.6 * busy && plannedBusy < 1.6 * busy, `${plannedBusy} planned, ${busy} computed`);
    assert.equal(planned.tokens, run.vectors[0]?.tokens);
    const batches = run.telemetry.batches.length;
    assert.ok(
      planned.batches > batches / 2 && planned.batches < batches * 2,
      `${planned.batches} planned, ${batches} run`,
    );
    const peak = Math.max(...run.telemetry.memory.map(({ peakBytes }) => peakBytes));
    assert.ok(
      (planned.peakBytes ?? 0) > peak / 2 && (planned.peakBytes ?? 0) < peak * 2,
      `${planned.peakBytes} planned, ${peak} seen`,
    );
    const again = (await rag.plan(session, chunks)).passes[0];
    assert.match(again?.basis ?? "", /^measured on Tesla T4 \(simulated\) by earlier passes/);
    session.close();
  }
});

test("on the CPU the last run of a model tells how fast it is", async () => {
  const session = await rag.openSession({
    ...sampleOptions(await scratch("plan-cpu")),
    enableSparse: false,
    vectorCache: null,
  });
  const chunks = await rag.chunk(session, files);
  const before = await rag.plan(session, chunks);
  assert.match(before.passes[0]?.basis ?? "", /^estimated from figures of CPU/);
  assert.deepEqual([before.capBytes, before.quotaShare, before.passes[0]?.peakBytes], [null, null, null]);
  const run = await rag.runDense(session, chunks);
  const after = (await rag.plan(session, chunks)).passes[0];
  assert.match(after?.basis ?? "", new RegExp(`^measured by ${run.telemetry.batches.length} batches of ${run.id}`));
  const busy = run.telemetry.batches.reduce((sum, { seconds }) => sum + seconds, 0);
  assert.ok(Math.abs((after?.seconds ?? 0) - (after?.loadSeconds ?? 0) - busy) < 0.01 * busy);
  // The chunk run counts a few tokens otherwise than the model: a batch more or less.
  const batches = run.telemetry.batches.length;
  assert.ok(
    Math.abs((after?.batches as number) - batches) <= 0.05 * batches,
    `${after?.batches} planned, ${batches} run`,
  );
  session.close();
});

test("GPUs that are unlike or smaller than the cap: each is named for its speed, and memory is planned as a pass does it", async () => {
  const dir = await scratch("plan-unlike");
  const session = await rag.openSession({ ...sampleOptions(dir), enableSparse: false });
  const chunks = await rag.chunk(session, files);
  const [t4, small] = (
    await Promise.all([
      simulation(dir, 1, { flops: 4e12 }),
      simulation(await scratch("plan-small"), 1, { product: "Small", memoryBytes: 600 * 2 ** 20, memoryFactor: 60 }),
    ])
  ).map((path) => JSON.parse(readFileSync(path, "utf8")).gpus[0]);
  const both = join(dir, "both.json");
  await writeFile(both, JSON.stringify({ gpus: [t4, small] }));
  const [pass] = (await rag.plan(session, chunks, { devices: both })).passes;
  assert.equal(
    pass?.basis,
    ["Tesla T4 (simulated)", "Small"]
      .map((product) => `estimated from figures of ${product}: nothing was measured there yet`)
      .join("; "),
  );
  const one = join(dir, "one.json");
  await writeFile(one, JSON.stringify({ gpus: [{ ...small, memoryFactor: 1, flops: 1e9 }] }));
  const alone = await rag.plan(session, chunks, { devices: one });
  assert.ok((alone.passes[0]?.peakBytes ?? 0) <= (10 / 12) * 600 * 2 ** 20, `${alone.passes[0]?.peakBytes}`);
  session.close();
});

test("rows that do not fit are counted, and a plan that can't be made is an error", async () => {
  const dir = await scratch("plan-errors");
  const session = await rag.openSession(sampleOptions(dir));
  const chunks = await rag.chunk(session, files);
  const tiny = await simulation(dir, 1, { memoryBytes: 420 * 2 ** 20, memoryFactor: 40 });
  const plan = await rag.plan(session, chunks, { devices: tiny });
  assert.ok((plan.passes[0]?.tooLong ?? 0) > 0);
  assert.ok(plan.notes.some(({ code }) => code === "planned_too_long"));
  await assert.rejects(rag.plan(session, chunks, { devices: "h100x8" }), throws("bad_simulation"));
  await assert.rejects(rag.plan(session, chunks, { gpuQuotaHours: 0 }), throws("bad_option"));
  await assert.rejects(rag.plan(session, chunks, { queries: 1.5 }), throws("bad_option"));
  await assert.rejects(rag.plan(session, chunks, { queries: 1e12 }), throws("bad_option"));
  await assert.rejects(rag.plan(session, session as never), throws("wrong_run"));
  session.close();
  const bare = await rag.openSession({ ...sampleOptions(dir), name: "bare", modelDirs: [join(dir, "none")] });
  await assert.rejects(rag.plan(bare, chunks), throws("model_files_missing"));
  bare.close();
});
