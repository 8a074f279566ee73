import assert from "node:assert/strict";
import { appendFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import * as rag from "../../dist/index.js";
import { corpusOf, sampleOptions, scratch, smallCorpus } from "../lib/sample.ts";

const column = (table: rag.HistoryTable, name: string) => table.array(name) as unknown[];

test("the history says why each call computed or reused, and how much it holds", async () => {
  const corpus = await corpusOf(smallCorpus);
  const session = await rag.openSession({ ...sampleOptions(await scratch("history")), sparse: ["bm25"] });
  await rag.primeCache(session);
  const all = join(corpus, "**/*.md");
  const chunks = await rag.chunk(session, { files: all });
  await rag.chunk(session, { files: all });
  await rag.chunk(session, { files: all, rerun: true });
  const fewer = await rag.chunk(session, { files: join(corpus, "search/*.md") });
  const shorter = await rag.chunk(session, { files: join(corpus, "search/*.md"), targetTokens: 20 });
  const sparse = await rag.runSparse(session, shorter);
  await rag.runSparse(session, shorter, { bm25: { k1: 2 } });
  const fused = await rag.fuse(session, rag.queries(["a", "b"]), [sparse]);
  await rag.fuse(session, rag.queries(["c"]), [sparse]);
  const table = await rag.history(session);
  assert.deepEqual(table.columnNames(), ["stage", "id", "at", "outcome", "why", "rows", "seconds"]);
  const reused = "same inputs, settings and models";
  assert.deepEqual(
    table.objects().map((row) => {
      const { stage, outcome, why, rows } = row as rag.HistoryRow;
      return [stage, outcome, why, rows];
    }),
    [
      ["prime", "computed", "first run of the stage", 2],
      ["chunk", "computed", "first run of the stage", chunks.count],
      ["chunk", "reused", reused, chunks.count],
      ["chunk", "computed", "asked to compute again", chunks.count],
      ["chunk", "computed", "other documents", fewer.count],
      ["chunk", "computed", "other targetTokens", shorter.count],
      ["sparse", "computed", "first run of the stage", shorter.count],
      ["sparse", "computed", "other bm25", shorter.count],
      ["fuse", "computed", "first run of the stage", fused.results.length],
      ["fuse", "computed", "other queries", 1],
    ],
  );
  assert.equal(table.filter((row: { outcome: string }) => row.outcome === "reused").numRows(), 1);
  session.close();
});

test("torn lines, unknown stages and a clock that ran backwards: the order of the lines is the order of the calls", async () => {
  const dir = await scratch("torn");
  const session = await rag.openSession({ ...sampleOptions(dir), sparse: ["bm25"] });
  const corpus = await corpusOf(smallCorpus);
  const one = await rag.chunk(session, { files: join(corpus, "**/*.md") });
  const file = join(session.dir, "history.jsonl");
  await appendFile(file, '{"stage":"chunk","id":"chu\n');
  await appendFile(file, 'null\n[]\n"chunk"\n{"stage":"chunk"}\n');
  const entry = { id: "x", at: "2020-01-01T00:00:00.000Z", outcome: "computed", why: "", rows: 1, seconds: 1 };
  await appendFile(file, `${JSON.stringify({ ...entry, stage: "search" })}\n`);
  const two = await rag.chunk(session, { files: join(corpus, "search/*.md") });
  await appendFile(file, `${JSON.stringify({ ...entry, stage: "chunk", id: one.id, outcome: "reused" })}\n`);
  const table = await rag.history(session);
  assert.deepEqual(column(table, "id"), [one.id, two.id, one.id]);
  assert.equal((await rag.latest(session, "chunk")).id, one.id, "the last line is the last call, whatever its time");
  assert.equal((await rag.stale(session)).stages[1]?.id, one.id);
  session.close();
});
