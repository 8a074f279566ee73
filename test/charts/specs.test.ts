import assert from "node:assert/strict";
import test from "node:test";
import type { Chart } from "../../dist/charts/chart-types.js";
import { foundByChart, rankMovesChart } from "../../dist/charts/spec-ranks.js";
import { memoryChart } from "../../dist/charts/spec-time.js";
import { chartsOf } from "../../dist/charts/specs.js";
import type { AnyRun } from "../../dist/schema/types.js";
import * as sample from "./sample-runs.ts";

const runs: Record<string, AnyRun> = {
  prime: sample.primeRun(),
  chunk: sample.chunkRun(),
  dense: sample.denseRun(),
  "dense, two devices with a cap": sample.largeDenseRun(),
  "dense, two models in turn on two GPUs": sample.gpuDenseRun(),
  sparse: sample.sparseRun(),
  fuse: sample.fusedRun(),
  rerank: sample.rerankRun(),
  export: sample.exportRun(),
};

/** A chart in four lines: its words, its marks and channels, its first row. */
function digest(chart: Chart): string {
  const layers = chart.spec.layer.map(({ mark, encoding }) => {
    const channels = Object.entries(encoding).map(([name, c]) => `${name}=${c.field ?? c.datum ?? c.value}`);
    return `${mark.type}(${channels.join(" ")})`;
  });
  const { values } = chart.spec.data;
  return [
    `${chart.title} [${chart.caption}]`,
    chart.alt,
    layers.join(" "),
    `${values.length} rows, first ${JSON.stringify(values[0])}`,
  ].join("\n  ");
}

for (const [name, run] of Object.entries(runs)) {
  test(`charts of ${name}`, (t) => {
    t.assert.snapshot(chartsOf(run).map(digest).join("\n"), { serializers: [(text: string) => text] });
  });
}

test("a chart is JSON and the same on every call", () => {
  for (const run of Object.values(runs)) {
    const charts = chartsOf(run);
    assert.deepEqual(JSON.parse(JSON.stringify(charts)), charts);
    assert.deepEqual(chartsOf(structuredClone(run)), charts);
  }
});

test("a long memory series loses no peak, and says how it was thinned", () => {
  const points = Array.from({ length: 60_000 }, (_, i) => ({
    at: i / 10,
    bytes: 1e9 + (i === 31_234 ? 4e9 : (i % 97) * 1e6),
  }));
  const chart = memoryChart([
    { device: "cuda:0", source: "driver", interval: "every 100 ms", capBytes: 12 * 2 ** 30, peakBytes: 5e9, points },
  ]);
  const sizes = chart?.spec.data.values.map((v) => Number(v.size)) ?? [];
  assert.ok(sizes.length <= 400);
  assert.ok(Math.abs(Math.max(...sizes) - (1e9 + 4e9) / 2 ** 30) < 1e-4);
  assert.match(chart?.caption ?? "", /sampled, a lower bound.*each point is the largest of 151 readings/);
});

test("a stage without numbers has no empty charts", () => {
  const bare = {
    seconds: 0,
    startedAt: "",
    finishedAt: "",
    phases: {},
    batches: [],
    memory: [],
    devices: [],
    leases: [],
    events: [],
  };
  assert.deepEqual(chartsOf({ ...sample.denseRun(), nearestBins: [], telemetry: bare }), []);
  assert.deepEqual(chartsOf({ ...sample.fusedRun(), results: [], sources: ["dense:m"] }), []);
  assert.deepEqual(chartsOf({ ...sample.rerankRun(), results: [], logitBins: [], telemetry: bare }), []);
  assert.deepEqual(chartsOf({ ...sample.exportRun(), files: [] }), []);
  const zero = { from: 0, to: 1, count: 0 };
  assert.equal(
    chartsOf({ ...sample.chunkRun(), tokenBins: [zero], largest: [] }).length,
    1,
    "content types are still counted",
  );
});

test("every candidate is in the chart of who found it, by all its sources", () => {
  const { results, sources } = sample.fusedRun();
  const values = foundByChart(results, sources)?.spec.data.values ?? [];
  for (let rank = 1; rank <= 20; rank++) {
    const at = results.flatMap((r) => r.candidates[rank - 1] ?? []);
    const both = at.filter((c) => Object.keys(c.ranks).length === 2).length;
    const shares = values.filter((v) => v.rank === rank);
    assert.equal(shares.find((v) => v.kind === "both")?.share, both);
    assert.equal(
      shares.reduce((n, v) => n + Number(v.share), 0),
      at.length,
    );
  }
  const three = results.map((r) => ({
    ...r,
    candidates: r.candidates.map((c) => ({ ...c, ranks: { ...c.ranks, "sparse:bm25": 1 } })),
  }));
  const kinds = new Set(foundByChart(three, [...sources, "sparse:bm25"])?.spec.data.values.map((v) => v.kind));
  assert.deepEqual([...kinds], ["all 3", "2 of 3", "1 of 3"]);
});

test("rank moves keep every candidate, also when ranks share a cell", () => {
  const kept = sample.rerankRun().results.map((r) => ({
    ...r,
    candidates: r.candidates.slice(0, 5).map((c, i) => ({ ...c, before: 90 - i })),
  }));
  const short = rankMovesChart(kept);
  const after = short?.spec.layer[0]?.encoding.y as { scale: { domain: number[] } };
  assert.deepEqual(after.scale.domain, [0.5, 5.5], "ranks that were cut off take no room");
  assert.match(short?.caption ?? "", /a cell is 4 by 1 rank$/);
  for (const depth of [1, 20, 26, 200]) {
    const [first] = sample.rerankRun().results;
    assert.ok(first);
    const candidates = Array.from({ length: depth }, (_, i) => ({
      ...(first.candidates[0] as (typeof first.candidates)[number]),
      before: depth - i,
    }));
    const chart = rankMovesChart([{ ...first, candidates }]);
    const values = chart?.spec.data.values ?? [];
    assert.equal(
      values.reduce((n, v) => n + Number(v.n), 0),
      depth,
    );
    assert.ok(values.every((v) => Number(v.beforeEnd) - Number(v.before) === Math.ceil(depth / 25)));
  }
});
