import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { test } from "node:test";
import {
  averagePrecisionAt,
  evaluateRankings,
  ndcgAt,
  recallAt,
  reciprocalRankAt,
  trecOrder,
} from "../../dist/core/evaluation.js";

const near = (value: number, expected: number, tolerance = 1e-12) =>
  assert.ok(Math.abs(value - expected) <= tolerance, `${value} is not ${expected} +- ${tolerance}`);

const grades = new Map([
  ["a", 3],
  ["b", 1],
  ["c", 0],
  ["d", 2],
]);

test("metrics of a ranking worked out by hand", () => {
  const ranking = ["c", "a", "x", "b"];
  // gains 0, 3, 0, 1 at discounts log2 2, 3, 4, 5; ideal 3, 2, 1
  near(ndcgAt(ranking, grades, 10), (3 / Math.log2(3) + 1 / Math.log2(5)) / (3 + 2 / Math.log2(3) + 1 / 2));
  near(ndcgAt(ranking, grades, 1), 0);
  near(reciprocalRankAt(ranking, grades, 10), 1 / 2);
  near(reciprocalRankAt(ranking, grades, 1), 0);
  near(averagePrecisionAt(ranking, grades, 10), (1 / 2 + 2 / 4) / 3);
  near(averagePrecisionAt(ranking, grades, 3), 1 / 2 / 3);
  near(recallAt(ranking, grades, 10), 2 / 3);
  near(recallAt(ranking, grades, 2), 1 / 3);
});

test("the ideal ranking scores 1, an empty one 0, and so does a query without relevant documents", () => {
  for (const metric of [ndcgAt, reciprocalRankAt, averagePrecisionAt, recallAt]) {
    near(metric(["a", "d", "b", "c"], grades, 10), 1);
    near(metric([], grades, 10), 0);
    near(
      metric(
        ["a"],
        new Map([
          ["a", 0],
          ["b", -1],
        ]),
        10,
      ),
      0,
    );
  }
});

test("a negative grade is neither relevant nor a negative gain", () => {
  near(
    ndcgAt(
      ["n", "a"],
      new Map([
        ["n", -1],
        ["a", 1],
      ]),
      10,
    ),
    1 / Math.log2(3),
  );
});

test("the mean counts a missing ranking as 0 and leaves unjudged queries out", () => {
  const judgements = new Map([
    ["q1", new Map([["a", 1]])],
    ["q2", new Map([["b", 1]])],
    ["q3", new Map([["c", 0]])],
  ]);
  const mean = evaluateRankings(
    new Map([
      ["q1", ["a"]],
      ["q9", ["z"]],
    ]),
    judgements,
    10,
  );
  assert.deepEqual(mean, { queries: 2, ndcg: 0.5, mrr: 0.5, map: 0.5, recall: 0.5 });
});

test("equal scores are ordered by id, descending, as trec_eval does", () => {
  assert.deepEqual(
    trecOrder(
      new Map([
        ["10", 1],
        ["9", 1],
        ["2", 3],
        ["11", 1],
      ]),
    ),
    ["2", "9", "11", "10"],
  );
});

const scifact = new URL("../../../shared/data/scifact-runs/", import.meta.url);
const absent = existsSync(scifact) ? false : "../shared/data/scifact-runs is absent";

test("published figures of two SciFact runs, to their fifth digit", { skip: absent }, () => {
  const judgements = new Map<string, Map<string, number>>();
  for (const line of readFileSync(new URL("qrels_test.tsv", scifact), "utf8").trim().split("\n").slice(1)) {
    const [query, document, grade] = line.trim().split("\t") as [string, string, string];
    judgements.set(query, (judgements.get(query) ?? new Map()).set(document, Number(grade)));
  }
  const published = [
    [
      "sparse_bm25_run.json",
      { ndcg: 0.5597, map: 0.51473, recall: 0.68617 },
      { ndcg: 0.58389, map: 0.52019, recall: 0.79294 },
    ],
    [
      "dense_minilm_run.json",
      { ndcg: 0.64508, map: 0.59593, recall: 0.78333 },
      { ndcg: 0.67665, map: 0.60307, recall: 0.925 },
    ],
  ] as const;
  for (const [file, at10, at100] of published) {
    const runs = JSON.parse(readFileSync(new URL(file, scifact), "utf8")) as Record<string, Record<string, number>>;
    const rankings = new Map(
      Object.entries(runs).map(([query, scores]) => [query, trecOrder(new Map(Object.entries(scores)))]),
    );
    for (const [k, expected] of [
      [10, at10],
      [100, at100],
    ] as const) {
      const measured = evaluateRankings(rankings, judgements, k);
      assert.equal(measured.queries, 300);
      near(measured.ndcg, expected.ndcg, 6e-6);
      near(measured.map, expected.map, 6e-6);
      near(measured.recall, expected.recall, 6e-6);
    }
  }
});
