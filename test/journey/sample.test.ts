import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { evaluateRankings } from "../../dist/core/evaluation.js";
import { readQuestions } from "../../dist/fuse/query-file.js";
import * as rag from "../../dist/index.js";
import { root, sampleCorpus, sampleOptions, scratch } from "../lib/sample.ts";

const questionsFile = join(root, "notebooks/sample/questions.json");

test("the sample: enough of it, every judged section is there, and what each engine finds of them", async (t) => {
  const session = await rag.openSession(sampleOptions(await scratch("sample")));
  const chunks = await rag.chunk(session, { files: join(sampleCorpus, "**/*.{md,txt}") });
  const all = await rag.readChunks(chunks);
  assert.ok(chunks.documents >= 40, `${chunks.documents} documents`);
  assert.ok(chunks.count >= 200, `${chunks.count} chunks`);
  for (const kind of ["code", "table", "list"] as const) assert.ok(chunks.contentTypes[kind] > 0, kind);
  assert.deepEqual(chunks.notes, []);

  const questions = await readQuestions(questionsFile);
  assert.ok(questions.length >= 30);
  const judgements = new Map<string, Map<string, number>>();
  for (const { id, text, relevant } of questions) {
    const grades = new Map<string, number>();
    for (const { document, heading, grade } of relevant) {
      const found = all.filter((chunk) => chunk.document === document && chunk.sectionPath.at(-1) === heading);
      assert.ok(found.length > 0, `${id}: ${document} has no section "${heading}"`);
      for (const chunk of found) grades.set(chunk.id, grade);
    }
    judgements.set((rag.queries([text]).queries[0] as rag.Query).id, grades);
  }

  const queries = await rag.queriesFromFile(questionsFile);
  const dense = await rag.runDense(session, chunks);
  const sparse = await rag.runSparse(session, chunks);
  const lists: Record<string, rag.FusedRun | rag.RerankRun> = {
    dense: await rag.fuse(session, queries, [dense]),
    splade: await rag.fuse(session, queries, [sparse]),
    bm25: await rag.fuse(session, queries, [sparse], { sparse: ["bm25"] }),
  };
  const fused = await rag.fuse(session, queries, [dense, sparse]);
  const ranked = await rag.rerank(session, fused, { candidates: 10 });
  assert.ok(ranked.kind === "rerank");
  Object.assign(lists, { fused, reranked: ranked });
  const metrics = (run: rag.FusedRun | rag.RerankRun) =>
    evaluateRankings(
      new Map(run.results.map(({ queryId, candidates }) => [queryId, candidates.map(({ chunkId }) => chunkId)])),
      judgements,
      10,
    );
  for (const [name, run] of Object.entries(lists)) {
    const { ndcg, mrr, recall, queries: count } = metrics(run);
    t.diagnostic(
      `${name.padEnd(8)} nDCG@10 ${ndcg.toFixed(3)}  MRR@10 ${mrr.toFixed(3)}  recall@10 ${recall.toFixed(3)}  (${count} questions)`,
    );
  }
  // The documentation is part of the sample, and grows: with every page the figures move by some hundredths.
  assert.ok(metrics(fused).recall > 0.4, "the fused lists find much of what was judged relevant");
  session.close();
});
