import assert from "node:assert/strict";
import { test } from "node:test";
import { rowsWithin } from "../../dist/core/batches.js";
import * as rag from "../../dist/index.js";
import { planPass } from "../../dist/pass/plan.js";
import { runTextPass } from "../../dist/pass/texts.js";
import { CPU } from "../../dist/runtime/devices/types.js";
import { splitRows, unpackDense } from "../../dist/runtime/row-bytes.js";
import type { KeptRows } from "../../dist/schema/kept-rows.js";
import type { LocatedModel } from "../../dist/schema/model-types.js";
import { contextOf } from "../../dist/stage/context.js";
import type { StageWork } from "../../dist/stage/work.js";
import { startRecorder } from "../../dist/telemetry/recorder.js";
import { sampleOptions, scratch } from "../lib/sample.ts";

const texts = Array.from({ length: 60 }, (_, i) => `Sentence ${i} about tides. ${"And bread. ".repeat(i % 7)}`);

/** The rule of the interface in a map: what a pass may count on, whatever stands behind it. */
class Memory implements KeptRows {
  readonly rows = new Map<string, Uint8Array>();
  taken = 0;
  /** Rows that are gone by the time they are taken. */
  gone = new Set<string>();

  async known(hashes: Uint8Array): Promise<Uint8Array> {
    return Uint8Array.from(keysOf(hashes), (key) => (this.rows.has(key) ? 1 : 0));
  }
  async take(hashes: Uint8Array): Promise<readonly (Uint8Array | null)[]> {
    return keysOf(hashes).map((key) => {
      const row = this.gone.has(key) ? undefined : this.rows.get(key);
      if (row) this.taken++;
      return row ?? null;
    });
  }
  async keep(hashes: Uint8Array, rows: readonly Uint8Array[]): Promise<void> {
    for (const [i, key] of keysOf(hashes).entries()) this.rows.set(key, Buffer.from(rows[i] as Uint8Array));
  }
}

function keysOf(hashes: Uint8Array): string[] {
  const hex = Buffer.from(hashes).toString("hex");
  return Array.from({ length: hashes.length / 32 }, (_, i) => hex.slice(i * 64, (i + 1) * 64));
}

async function dense(kept: KeptRows | null, count = texts.length) {
  const session = await rag.openSession(sampleOptions(await scratch("kept"), { tokenBudget: 160 }));
  const [model] = (await contextOf(session).locate([{ key: "sample-dense", role: "dense" }])) as [LocatedModel];
  const { settings } = session;
  session.close();
  const notes: string[] = [];
  const recorder = startRecorder();
  const line = { update() {}, finish() {}, fail() {} };
  const work: StageWork = {
    id: "dense-0123456789abcdef",
    dir: await scratch("pass"),
    recorder,
    deviceKind: "cpu",
    devices: async () => [CPU],
    budgets: { read: async () => ({ budget: null, damaged: false }), write: async () => {} },
    signal: new AbortController().signal,
    progress: () => line,
    note: (code) => notes.push(code),
    resumed() {},
    due: () => false,
    live: () => ({ update() {}, finish() {} }),
  };
  const pass = await runTextPass(work, {
    stage: "dense",
    model,
    normalize: true,
    count,
    items: texts.slice(0, count),
    item: (row) => texts[row] as string,
    encode: (tokenizer, text) => tokenizer.encode(text, model.maxTokens),
    nameOf: async (row) => `text ${row}`,
    settings,
    kept: kept && { rows: kept, text: (text) => text },
    unit: "texts",
  });
  const rows: Float32Array[] = new Array(count);
  for (const batch of pass.batches) {
    const payload = await pass.journal.read(batch.frame);
    for (const [r, row] of splitRows(payload, "dense", batch.rows.length).entries())
      rows[batch.rows[r] as number] = unpackDense(row);
  }
  await pass.journal.close();
  const computed = recorder.finish().batches.reduce((sum, batch) => sum + batch.rows, 0);
  return { rows, pass, computed, phases: recorder.finish().phases, notes };
}

const cosine = (a: Float32Array, b: Float32Array) => a.reduce((sum, x, i) => sum + x * (b[i] as number), 0);

test("kept rows are taken byte for byte, the rest is computed, and everything is kept after that", async () => {
  const kept = new Memory();
  const first = await dense(kept, 40);
  assert.equal(first.computed, 40);
  assert.equal(kept.rows.size, 40);
  const whole = await dense(null);
  const second = await dense(kept);
  assert.equal(second.computed, 20);
  assert.equal(second.pass.reused, 40);
  assert.equal(kept.rows.size, 60);
  for (let r = 0; r < 40; r++) assert.deepEqual(second.rows[r], first.rows[r]);
  for (let r = 0; r < 60; r++)
    assert.ok(cosine(second.rows[r] as Float32Array, whole.rows[r] as Float32Array) > 1 - 1e-6);
});

test("where every row is kept no model is loaded", async () => {
  const kept = new Memory();
  const first = await dense(kept);
  const again = await dense(kept);
  assert.equal(again.computed, 0);
  assert.equal(again.phases["load"], undefined);
  assert.deepEqual(again.rows, first.rows);
});

test("a row that is gone when its block is due is computed", async () => {
  const kept = new Memory();
  const first = await dense(kept);
  const keys = [...kept.rows.keys()];
  kept.gone = new Set([keys[3], keys[17], keys[59]] as string[]);
  const again = await dense(kept);
  assert.equal(again.computed, 3);
  assert.equal(again.pass.reused, 57);
  for (let r = 0; r < 60; r++)
    assert.ok(cosine(again.rows[r] as Float32Array, first.rows[r] as Float32Array) > 1 - 1e-6);
});

test("a plan has every row once: kept ones in blocks in order, the others in batches by length", async () => {
  const count = 5000;
  const lengths = Uint32Array.from({ length: count }, (_, i) => 8 + ((i * 37) % 90));
  const known = Uint8Array.from({ length: count }, (_, i) => (i % 10 === 0 ? 0 : 1));
  const measured = { lengths, truncated: 2, lostTokens: 9, hashes: new Uint8Array(count * 32) };
  const rows: KeptRows = { known: async () => known, take: async () => [], keep: async () => {} };
  const rule = { rowsFor: rowsWithin(1024), maxRows: 256 };
  const plan = await planPass(measured, 0, rule, rows);
  assert.deepEqual(
    plan.keptBlocks.map((block) => block.length),
    [2048, 2048, 404],
  );
  const computed = (plan.batches ?? []).flatMap((batch) => batch.rows);
  const all = [...plan.keptBlocks.flat(), ...computed];
  assert.deepEqual(
    [...all].sort((a, b) => a - b),
    Array.from({ length: count }, (_, i) => i),
  );
  assert.ok(computed.length === 500 && computed.every((row) => row % 10 === 0));
  const none = await planPass({ ...measured, hashes: null }, 0, rule, null);
  assert.equal(none.keptBlocks.length, 0);
  const free = await planPass(measured, 0, { ...rule, rowsFor: null }, rows);
  assert.equal(free.batches, null);
  assert.deepEqual(free.queue?.rows, computed, "the same rows, longest first, for devices to cut");
  assert.deepEqual(
    free.queue?.lengths,
    computed.map((row) => lengths[row]),
  );
});
