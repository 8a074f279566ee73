import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { RagError } from "../../dist/core/errors.js";
import { evaluateRankings, trecOrder } from "../../dist/core/evaluation.js";
import type { FusedRow, RankedList } from "../../dist/fuse/ranked.js";
import { reciprocalRankFusion } from "../../dist/fuse/rrf.js";
import { weightedFusion } from "../../dist/fuse/weighted.js";

const list = (source: string, ...items: [row: number, score: number][]): RankedList => ({
  source,
  ranked: items.map(([row, score]) => ({ row, score })),
});
const near = (value: number | undefined, expected: number, tolerance = 1e-12) =>
  assert.ok(value !== undefined && Math.abs(value - expected) <= tolerance, `${value} is not ${expected}`);

const dense = list("dense:a", [7, 0.9], [3, 0.8], [5, 0.1]);
const sparse = list("sparse:b", [3, 12], [9, 4]);

test("reciprocal ranks worked out by hand", () => {
  const fused = reciprocalRankFusion([dense, sparse]);
  assert.deepEqual(
    fused.map(({ row }) => row),
    [3, 7, 9, 5],
  );
  for (const [i, score] of [1 / 62 + 1 / 61, 1 / 61, 1 / 62, 1 / 63].entries()) near(fused[i]?.score, score);
  assert.deepEqual(
    fused.map(({ ranks }) => ranks),
    [{ "dense:a": 2, "sparse:b": 1 }, { "dense:a": 1 }, { "sparse:b": 2 }, { "dense:a": 3 }],
  );
  near(reciprocalRankFusion([dense], 0)[1]?.score, 1 / 2);
});

test("weighted scores worked out by hand", () => {
  const fused = weightedFusion([dense, sparse], [0.5, 0.25]);
  const scores = new Map(fused.map(({ row, score }) => [row, score]));
  near(scores.get(7), 0.5);
  near(scores.get(3), (0.5 * (0.8 - 0.1)) / (0.9 - 0.1) + 0.25);
  near(scores.get(5), 0);
  near(scores.get(9), 0);
  assert.deepEqual(
    fused.map(({ row }) => row),
    [3, 7, 5, 9],
  );
});

test("equal sums come by row, whatever the order of the lists", () => {
  const a = list("a", [9, 1], [2, 0.5]);
  const b = list("b", [2, 1], [9, 0.5]);
  assert.deepEqual(
    reciprocalRankFusion([a, b]).map(({ row }) => row),
    [2, 9],
  );
  assert.deepEqual(
    reciprocalRankFusion([b, a]).map(({ row }) => row),
    [2, 9],
  );
});

test("a list whose scores are all equal counts each as found", () => {
  assert.deepEqual(
    weightedFusion([list("a", [4, 2], [1, 2])]).map(({ row, score }) => [row, score]),
    [
      [1, 1],
      [4, 1],
    ],
  );
});

test("nothing fused is nothing, one list alone keeps its order", () => {
  assert.deepEqual(reciprocalRankFusion([]), []);
  assert.deepEqual(weightedFusion([]), []);
  assert.deepEqual(reciprocalRankFusion([list("a"), list("b")]), []);
  for (const fused of [reciprocalRankFusion([dense]), weightedFusion([dense])])
    assert.deepEqual(
      fused.map(({ row }) => row),
      [7, 3, 5],
    );
});

test("a source may have any name", () => {
  const [best] = reciprocalRankFusion([list("__proto__", [1, 1]), list("constructor", [1, 1])]) as [FusedRow];
  assert.deepEqual(Object.entries(best.ranks), [
    ["__proto__", 1],
    ["constructor", 1],
  ]);
});

test("lists and settings that can't be fused are refused", () => {
  const refused = (code: string, fuse: () => unknown) =>
    assert.throws(fuse, (error: RagError) => error instanceof RagError && error.code === code);
  refused("bad_ranked_list", () => reciprocalRankFusion([list("a", [1, 1], [1, 0.5])]));
  refused("bad_ranked_list", () => reciprocalRankFusion([list("a", [1, 1]), list("a", [1, 1])]));
  refused("bad_ranked_list", () => weightedFusion([list("a", [1, Number.NaN])]));
  refused("bad_ranked_list", () => weightedFusion([list("a", [1, Number.POSITIVE_INFINITY], [2, 1])]));
  refused("bad_fusion_setting", () => reciprocalRankFusion([dense], -1));
  refused("bad_fusion_setting", () => reciprocalRankFusion([dense], Number.NaN));
  refused("bad_fusion_setting", () => weightedFusion([dense, sparse], [1]));
  refused("bad_fusion_setting", () => weightedFusion([dense, sparse], [1, -1]));
  refused("bad_fusion_setting", () => weightedFusion([dense, sparse], [0, 0]));
});

const folder = new URL("../../../shared/data/scifact-runs/", import.meta.url);
const absent = existsSync(folder) ? false : "../shared/data/scifact-runs is absent";

test("SciFact: both fusions of two real runs give the known figures", { skip: absent }, () => {
  const read = (name: string) => readFileSync(new URL(name, folder), "utf8");
  const judgements = new Map<string, Map<string, number>>();
  for (const line of read("qrels_test.tsv").trim().split("\n").slice(1)) {
    const [query, document, grade] = line.trim().split("\t") as [string, string, string];
    judgements.set(query, (judgements.get(query) ?? new Map()).set(document, Number(grade)));
  }
  const runs = ["sparse_bm25_run.json", "dense_minilm_run.json"].map(
    (name) => JSON.parse(read(name)) as Record<string, Record<string, number>>,
  );
  const ndcg = (fuse: (lists: RankedList[]) => FusedRow[]) => {
    const rankings = new Map<string, string[]>();
    for (const query of judgements.keys()) {
      // Rows are numbered by id, descending, so that our rule for ties (the lower row) is trec_eval's (the higher id).
      const ids = [...new Set(runs.flatMap((run) => Object.keys(run[query] ?? {})))].sort().reverse();
      const lists = runs.map((run, i) => {
        const scores = new Map(Object.entries(run[query] ?? {}));
        const ranked = trecOrder(scores).map((id) => ({ row: ids.indexOf(id), score: scores.get(id) as number }));
        return { source: `run ${i}`, ranked };
      });
      rankings.set(
        query,
        fuse(lists).map(({ row }) => ids[row] as string),
      );
    }
    return evaluateRankings(rankings, judgements, 10).ndcg;
  };
  near(
    ndcg((lists) => reciprocalRankFusion(lists)),
    0.63906,
    6e-6,
  );
  near(
    ndcg((lists) => weightedFusion(lists, [0.5, 0.5])),
    0.67512,
    6e-6,
  );
});
