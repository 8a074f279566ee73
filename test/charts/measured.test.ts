import assert from "node:assert/strict";
import test from "node:test";
import { keepPeaks, ratesOverTime } from "../../dist/charts/downsample.js";
import { howMeasured, summarize } from "../../dist/charts/measured.js";
import { covered } from "../../dist/core/stats.js";
import { batchesOf, memoryOf, randoms } from "./sample-runs.ts";

const close = (a: number, b: number, message?: string) =>
  assert.ok(Math.abs(a - b) <= 1e-9 * Math.max(1, Math.abs(b)), `${message ?? ""} ${a} ${b}`);

test("thinning keeps the peaks, the ends and the order", () => {
  const next = randoms(1);
  for (const n of [0, 1, 400, 401, 799, 5_000, 100_000]) {
    const values = Array.from({ length: n }, (_, i) => ({ i, size: next() }));
    const { kept, per } = keepPeaks(values, (v) => v.size);
    assert.ok(kept.length <= 400, `${n} -> ${kept.length}`);
    if (n <= 400) assert.equal(per, 1);
    if (n === 0) continue;
    assert.equal(
      Math.max(...kept.map((v) => v.size)),
      values.reduce((m, v) => Math.max(m, v.size), 0),
    );
    assert.equal(kept[0], values[0]);
    assert.equal(kept.at(-1), values.at(-1));
    for (let k = 1; k < kept.length; k++) assert.ok((kept[k]?.i ?? 0) > (kept[k - 1]?.i ?? 0));
    // Every value is at most as large as the one kept for its run of neighbours.
    if (per > 1) {
      for (let from = 1, k = 1; from < n - 1; from += per, k++) {
        const run = values.slice(from, Math.min(from + per, n - 1));
        assert.equal(kept[k]?.size, Math.max(...run.map((v) => v.size)));
      }
    }
  }
});

test("throughput over time neither loses nor invents a token", () => {
  const a = batchesOf("a", 500, { seed: 3 });
  const b = batchesOf("b", 300, { seed: 4, from: 1.7, device: "other" });
  const all = [...a, ...b];
  const windows = ratesOverTime(all, 60);
  const text = windows.reduce((n, w) => n + w.text * (w.to - w.from), 0);
  const padding = windows.reduce((n, w) => n + w.padding * (w.to - w.from), 0);
  close(
    text,
    all.reduce((n, r) => n + r.tokens, 0),
    "text",
  );
  close(
    padding,
    all.reduce((n, r) => n + r.paddedTokens - r.tokens, 0),
    "padding",
  );
  assert.deepEqual(ratesOverTime([{ ...(a[0] as (typeof a)[number]), seconds: 0 }], 10), []);
});

test("idle time shows as zero", () => {
  const batch = { index: 0, model: "m", device: "cpu", rows: 1, microBatches: [1], tokens: 100, paddedTokens: 100 };
  const rates = ratesOverTime(
    [
      { ...batch, seconds: 1, at: 1 },
      { ...batch, seconds: 1, at: 4 },
    ],
    4,
  ).map((w) => w.text);
  assert.deepEqual(rates, [100, 0, 0, 100]);
});

test("seconds that two devices worked at once count once", () => {
  close(
    covered([
      [0, 2],
      [1, 3],
      [5, 6],
      [5.5, 5.7],
    ]),
    4,
  );
  const batch = { index: 0, model: "m", device: "cpu", rows: 1, microBatches: [1], tokens: 100, paddedTokens: 125 };
  const summary = summarize([
    { ...batch, seconds: 2, at: 2 },
    { ...batch, seconds: 2, at: 2, device: "other" },
  ]);
  assert.equal(summary?.busySeconds, 2);
  assert.equal(summary?.tokensPerSecond, 100);
  close(summary?.padding ?? 0, 0.2);
  assert.equal(summarize([]), null);
});

test("a sampled peak says that it is a lower bound", () => {
  const series = memoryOf(batchesOf("m", 20));
  assert.equal(
    howMeasured(series),
    "resident set of the inference process, read at the end of every batch; the peak is the system's own high-water mark",
  );
  assert.match(howMeasured({ ...series, interval: "every 100 ms" }), /every 100 ms \(sampled, a lower bound\)$/);
});
