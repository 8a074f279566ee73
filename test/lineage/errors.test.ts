import assert from "node:assert/strict";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import * as rag from "../../dist/index.js";
import { corpusOf, sampleOptions, scratch, smallCorpus } from "../lib/sample.ts";

const texts = ["when does the water turn?"];

/** Refused with the code, with all of the ids, and with a way out. */
async function refused(work: Promise<unknown>, code: string, ids: readonly string[]): Promise<void> {
  const error = await work.then(
    () => assert.fail(`nothing was refused where ${code} was expected`),
    (thrown: rag.RagError) => thrown,
  );
  assert.equal(error.code, code, error.message);
  for (const id of ids) assert.ok(error.message.includes(id), `${id} is not in: ${error.message}`);
  assert.match(error.message, /\b(Run|run|Pass|open)\b/);
}

const open = async (name: string, more: Partial<rag.SessionOptions> = {}) =>
  rag.openSession({ ...sampleOptions(await scratch(name)), sparse: ["bm25"], name, ...more });
const sparseOf = async (session: rag.Session, chunks: rag.ChunkRun) =>
  (await rag.runSparse(session, chunks)) as rag.SparseRun;

test("runs of another session are refused with both ids, before any work; where the session has the same run, they are taken", async () => {
  const corpus = await corpusOf(smallCorpus);
  const files = join(corpus, "**/*.md");
  const [one, two] = [await open("one"), await open("two")];
  const chunks = await rag.chunk(one, { files });
  const sparse = await sparseOf(one, chunks);
  const fused = await rag.fuse(one, rag.queries(texts), [sparse]);
  const ranked = (await rag.rerank(one, fused)) as rag.RerankRun;

  await refused(rag.runSparse(two, chunks), "input_missing", [chunks.id, '"two"']);
  await refused(rag.fuse(two, rag.queries(texts), [sparse]), "input_missing", [chunks.id, sparse.id]);
  await refused(rag.rerank(two, fused), "input_missing", [fused.id, chunks.id]);
  await refused(rag.exportCollection(two, [chunks, sparse, ranked]), "input_missing", [
    chunks.id,
    sparse.id,
    ranked.id,
  ]);
  assert.equal((await rag.history(two)).numRows(), 0, "nothing was computed");

  const same = await rag.chunk(two, { files });
  assert.equal(same.id, chunks.id);
  assert.equal((await sparseOf(two, chunks)).inputs.chunk, chunks.id);
  one.close();
  two.close();
});

test("a run whose folder was removed is refused where it would be read, and what was made from it is still reused", async () => {
  const session = await open("removed");
  const chunks = await rag.chunk(session, { files: join(await corpusOf(smallCorpus), "**/*.md") });
  const sparse = await sparseOf(session, chunks);
  const fused = await rag.fuse(session, rag.queries(texts), [sparse]);
  const ranked = (await rag.rerank(session, fused)) as rag.RerankRun;
  await rm(sparse.dir, { recursive: true });
  await refused(rag.fuse(session, rag.queries(texts), [sparse], { depth: 3 }), "input_missing", [sparse.id, chunks.id]);
  assert.equal((await rag.fuse(session, rag.queries(texts), [sparse])).reused, true);
  await rm(fused.dir, { recursive: true });
  await refused(rag.exportCollection(session, [chunks, ranked]), "input_missing", [fused.id, ranked.id]);
  session.close();
});

test("a ranking of other vectors than those it would be exported with is refused", async () => {
  const session = await open("ranking");
  const chunks = await rag.chunk(session, { files: join(await corpusOf(smallCorpus), "**/*.md") });
  const dense = await rag.runDense(session, chunks);
  const cut = await rag.runDense(session, chunks, { dim: 64 });
  const sparse = await sparseOf(session, chunks);
  const other = (await rag.runSparse(session, chunks, { bm25: { k1: 2 } })) as rag.SparseRun;
  const fused = await rag.fuse(session, rag.queries(texts), [dense, sparse]);
  const ranked = (await rag.rerank(session, fused)) as rag.RerankRun;
  await refused(rag.exportCollection(session, [chunks, cut, ranked]), "foreign_run", [ranked.id, dense.id, cut.id]);
  await refused(rag.exportCollection(session, [chunks, dense, other, ranked]), "foreign_run", [sparse.id, other.id]);
  assert.equal((await rag.exportCollection(session, [chunks, dense, ranked])).points, chunks.count);
  await refused(rag.fuse(session, rag.queries(texts), [dense, cut]), "same_stage_twice", [dense.id, cut.id]);
  session.close();
});

test("runs of different documents are refused together, whichever way they are combined", async () => {
  const session = await open("foreign");
  const corpus = await corpusOf(smallCorpus);
  const one = await rag.chunk(session, { files: join(corpus, "*.md") });
  const two = await rag.chunk(session, { files: join(corpus, "search/*.md") });
  const dense = await rag.runDense(session, one);
  const sparse = await sparseOf(session, two);
  const ranked = (await rag.rerank(session, await rag.fuse(session, rag.queries(texts), [sparse]))) as rag.RerankRun;
  await refused(rag.fuse(session, rag.queries(texts), [dense, sparse]), "foreign_run", [
    sparse.id,
    two.id,
    dense.id,
    one.id,
  ]);
  for (const run of [sparse, ranked])
    await refused(rag.exportCollection(session, [one, run]), "foreign_run", [run.id, two.id, one.id]);
  session.close();
});
