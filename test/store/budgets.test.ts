import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import type { RememberedBudget } from "../../dist/budget/types.js";
import { readBudget, readBudgets, writeBudget } from "../../dist/store/budgets.js";
import { layoutOf } from "../../dist/store/layout.js";

const dir = mkdtempSync(join(tmpdir(), "rag-budgets-"));
after(() => rmSync(dir, { recursive: true, force: true }));

const budget = (bytesFactor: number): RememberedBudget => ({
  bytesFactor,
  buckets: [
    {
      upTo: 512,
      tokens: 16_384,
      tokensPerSecond: 1e5,
      settled: true,
      tooMany: null,
      measured: { tokens: 16_384, length: 500, bytes: 2e9 },
    },
    { upTo: 128, tokens: 16_384, tokensPerSecond: 2e5, settled: false, tooMany: 40_000, measured: null },
  ],
});
const key = (dtype: string, fingerprint = "f") => ({ product: "Tesla T4", fingerprint, dtype });

test("budgets are remembered by device, model and dtype, the last one found of each", async () => {
  const layout = layoutOf(join(dir, "one"));
  assert.deepEqual(await readBudget(layout, key("fp16")), { budget: null, damaged: false });
  await writeBudget(layout, key("fp16"), budget(1));
  await writeBudget(layout, key("fp32"), budget(2));
  await writeBudget(layout, key("fp16"), budget(3));
  assert.deepEqual(await readBudget(layout, key("fp16")), { budget: budget(3), damaged: false });
  assert.deepEqual((await readBudget(layout, key("fp32"))).budget, budget(2));
  assert.equal((await readBudget(layout, { ...key("fp16"), product: "Tesla V100" })).budget, null);
  assert.equal((await readBudgets(layout)).file.budgets.length, 2);
});

test("a damaged file is told and ignored, and the next budget takes its place", async () => {
  const layout = layoutOf(join(dir, "two"));
  await writeBudget(layout, key("fp16"), budget(1));
  for (const text of [
    "{",
    "[]",
    '{"schema":"rag-cells/budgets@9","budgets":[]}',
    '{"schema":"rag-cells/budgets@1","budgets":[{}]}',
  ]) {
    writeFileSync(layout.budgetsFile, text);
    assert.deepEqual(await readBudget(layout, key("fp16")), { budget: null, damaged: true }, text);
  }
  await writeBudget(layout, key("fp16"), budget(4));
  assert.deepEqual((await readBudget(layout, key("fp16"))).budget, budget(4));
});

test("the oldest budgets give way", async () => {
  const layout = layoutOf(join(dir, "three"));
  for (let i = 0; i < 140; i++) await writeBudget(layout, key("fp16", `model ${i}`), budget(1));
  const { budgets } = (await readBudgets(layout)).file;
  assert.equal(budgets.length, 128);
  assert.equal(budgets[0]?.fingerprint, "model 12");
});
