import assert from "node:assert/strict";
import { test } from "node:test";
import { planBatches, rowsWithin } from "../../dist/core/batches.js";
import { quote } from "../../dist/core/errors.js";
import { canonicalJson, contentId, contentUuid } from "../../dist/core/hash.js";
import { histogram } from "../../dist/core/histogram.js";
import { quantile } from "../../dist/core/stats.js";
import { byScore, topK } from "../../dist/core/top-k.js";
import { random } from "../lib/random.ts";

test("a plan holds every row once, within the budget, longest first", () => {
  const next = random(7);
  for (let round = 0; round < 200; round++) {
    const lengths = Array.from({ length: Math.floor(next() * 300) }, () => 1 + Math.floor(next() * 600));
    const budget = 64 + Math.floor(next() * 2000);
    const { batches, tokens, paddedTokens } = planBatches(lengths, rowsWithin(budget), 32);
    const rows = batches.flatMap((batch) => batch.rows);
    assert.deepEqual(
      [...rows].sort((a, b) => a - b),
      lengths.map((_, i) => i),
    );
    for (const { rows, paddedTo } of batches) {
      assert.ok(rows.length <= 32);
      assert.ok(rows.length === 1 || rows.length * paddedTo <= budget);
      assert.equal(paddedTo, Math.max(...rows.map((row) => lengths[row] as number)));
    }
    const order = rows.map((row) => lengths[row] as number);
    assert.deepEqual(
      order,
      [...order].sort((a, b) => b - a),
    );
    assert.equal(
      tokens,
      lengths.reduce((a, b) => a + b, 0),
    );
    assert.ok(paddedTokens >= tokens);
  }
});

test("sorting by length keeps padding small where the naive order does not", () => {
  const next = random(3);
  const lengths = Array.from({ length: 2000 }, () => 30 + Math.floor(next() * 226));
  const { tokens, paddedTokens } = planBatches(lengths, rowsWithin(1024));
  let naive = 0;
  for (let i = 0; i < lengths.length; i += 8) naive += 8 * Math.max(...lengths.slice(i, i + 8));
  assert.ok(paddedTokens / tokens < 1.02, `${paddedTokens / tokens}`);
  assert.ok(naive / tokens > 1.3);
});

test("top-k is the sorted head, ties by row", () => {
  const next = random(11);
  for (let round = 0; round < 300; round++) {
    const scores = Array.from({ length: Math.floor(next() * 60) }, () => Math.floor(next() * 10) / 10);
    const k = Math.floor(next() * 70);
    const naive = scores
      .map((score, row) => ({ row, score }))
      .sort(byScore)
      .slice(0, k);
    assert.deepEqual(topK(scores, k), naive);
  }
});

test("equal content gives equal ids, whatever the order of keys", () => {
  assert.equal(canonicalJson({ b: 1, a: [1, { d: 2, c: 3 }], u: undefined }), '{"a":[1,{"c":3,"d":2}],"b":1}');
  assert.equal(contentId("x", { a: 1, b: 2 }), contentId("x", { b: 2, a: 1 }));
  assert.notEqual(contentId("x", { a: 1 }), contentId("x", { a: "1" }));
  assert.match(contentUuid("chunk"), /^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
});

test("a histogram counts every finite value once, in bins with round borders", () => {
  const next = random(5);
  for (let round = 0; round < 100; round++) {
    const values = Array.from(
      { length: 1 + Math.floor(next() * 500) },
      () => (next() - 0.5) * 10 ** Math.floor(next() * 6 - 2),
    );
    const bins = histogram(values);
    assert.equal(
      bins.reduce((sum, bin) => sum + bin.count, 0),
      values.length,
    );
    assert.ok((bins[0]?.from as number) <= Math.min(...values) && (bins.at(-1)?.to as number) >= Math.max(...values));
  }
  assert.deepEqual(
    histogram([3, 3, 3]).reduce((sum, bin) => sum + bin.count, 0),
    3,
  );
  assert.deepEqual(histogram([]), []);
});

test("quantiles interpolate", () => {
  assert.equal(quantile([1, 2, 3, 4], 0.5), 2.5);
  assert.equal(quantile([5], 0.99), 5);
  assert.ok(Number.isNaN(quantile([], 0.5)));
});

test("a foreign value in a message can't break out of its quotes, colour a terminal or turn the text round", () => {
  const shown = quote('a"\u001b[31m\n\u202eevil\u2066');
  assert.doesNotMatch(shown, /[\u0000-\u001f\u202e\u2066]/);
  assert.equal(JSON.parse(shown), 'a"\u001b[31m\n\u202eevil\u2066');
  assert.ok(quote("x".repeat(1000)).length < 130);
});
