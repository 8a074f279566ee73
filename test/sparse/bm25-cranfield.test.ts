import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { evaluateRankings } from "../../dist/core/evaluation.js";
import { stackSparse } from "../../dist/core/sparse-matrix.js";
import { searchSparse } from "../../dist/fuse/search-sparse.js";
import { bm25Builder, bm25Query, vocabularyIndex } from "../../dist/sparse/bm25.js";

const folder = new URL("../../../shared/data/cranfield/", import.meta.url);
const absent = existsSync(folder) ? false : "../shared/data/cranfield is absent";
const read = (name: string) => readFileSync(new URL(name, folder), "utf8");

/** Records of `.I`; the given fields, joined. Queries are known by their order, since their `.I` is not the judgements' number. */
function records(text: string, fields: readonly string[]): string[] {
  return text
    .split(/^\.I .*$/m)
    .slice(1)
    .map((record) => {
      const parts = record.split(/^\.([TABW])$/m);
      return fields
        .map((field) => parts[parts.indexOf(field) + 1] ?? "")
        .join(" ")
        .trim();
    });
}

test("Cranfield 1400: what others measured with BM25, Porter stems and 33 stop words is nDCG@10 .368, MAP .307, recall@100 .737", {
  skip: absent,
}, async (t) => {
  const documents = records(read("cran.all.1400"), ["T", "W"]);
  const questions = records(read("cran.qry"), ["W"]);
  assert.deepEqual([documents.length, questions.length], [1400, 225]);
  assert.deepEqual(
    documents.flatMap((text, i) => (text === "" ? [i + 1] : [])),
    [471, 995],
  );

  const builder = bm25Builder();
  for (const text of documents) builder.add(text);
  const { matrix, vocabulary } = await builder.finish();
  const index = vocabularyIndex(vocabulary);
  const queries = stackSparse(
    questions.map((text) => bm25Query(text, index)),
    matrix.space,
  );
  const found = await searchSparse(matrix, queries, 1400);
  const rankings = new Map(found.map((list, q) => [`${q + 1}`, list.map(({ row }) => `${row + 1}`)]));

  // Grade 1 is the best of 1 to 4, and -1 is not relevant.
  const judgements = new Map<string, Map<string, number>>();
  for (const line of read("cranqrel").trim().split("\n")) {
    const [query, document, grade] = line.trim().split(/\s+/) as [string, string, string];
    judgements.set(
      query,
      (judgements.get(query) ?? new Map()).set(document, Number(grade) > 0 ? 5 - Number(grade) : 0),
    );
  }
  const { ndcg, queries: judged } = evaluateRankings(rankings, judgements, 10);
  const { map } = evaluateRankings(rankings, judgements, 1400);
  const { recall } = evaluateRankings(rankings, judgements, 100);
  t.diagnostic(`nDCG@10 ${ndcg.toFixed(4)}, MAP ${map.toFixed(4)}, recall@100 ${recall.toFixed(4)}`);
  assert.equal(judged, 225);
  assert.ok(Math.abs(ndcg - 0.368) < 0.01, `nDCG@10 ${ndcg}`);
  assert.ok(Math.abs(map - 0.307) < 0.01, `MAP ${map}`);
  assert.ok(Math.abs(recall - 0.737) < 0.015, `recall@100 ${recall}`);
});
