import assert from "node:assert/strict";
import { appendFile, cp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { inspect } from "node:util";
import * as rag from "../../dist/index.js";
import { bindContext, contextOf } from "../../dist/stage/context.js";
import { corpusOf, modelsCopy, sampleOptions, scratch, smallCorpus } from "../lib/sample.ts";

const texts = ["when does the water turn?"];

interface Journey {
  readonly chunks: rag.ChunkRun;
  readonly dense: rag.DenseRun;
  readonly collection: rag.ExportRun;
}

async function journey(session: rag.Session, corpus: string, prime = true): Promise<Journey> {
  if (prime) await rag.primeCache(session);
  const chunks = await rag.chunk(session, { files: join(corpus, "**/*.{md,txt}") });
  const dense = await rag.runDense(session, chunks);
  const sparse = await rag.runSparse(session, chunks);
  const fused = await rag.fuse(session, rag.queries(texts), [dense, sparse]);
  const ranked = await rag.rerank(session, fused);
  const collection = await rag.exportCollection(session, [chunks, dense, sparse, ranked]);
  return { chunks, dense, collection };
}

const all = ["chunk", "runDense", "runSparse", "fuse", "rerank", "exportCollection"];
const states = async (session: rag.Session) => (await rag.stale(session)).stages.map(({ state }) => state);
const reasonsOf = async (session: rag.Session, stage: rag.StageName) =>
  (await rag.stale(session)).stages.find((standing) => standing.stage === stage)?.reasons.map(({ words }) => words);

test("a document changes: its cells are stale in order, and each fresh again as it is run", async (t) => {
  const corpus = await corpusOf(smallCorpus);
  const dir = await scratch("walk");
  let session = await rag.openSession(sampleOptions(dir));
  const first = await journey(session, corpus);

  await t.test("nothing is stale, and no card says a word of it", async () => {
    assert.deepEqual(await states(session), Array(7).fill("fresh"));
    assert.doesNotMatch(inspect(first.collection), /stale/i);
    assert.match(inspect(await rag.stale(session)), /nothing is stale/);
  });

  await t.test("changed, added and removed documents are named", async () => {
    await appendFile(join(corpus, "bread.md"), "\nMore salt.\n");
    await writeFile(join(corpus, "search/tea.md"), "# Tea\n\nWater just off the boil.\n");
    await rm(join(corpus, "notes.txt"));
    const report = await rag.stale(session);
    assert.deepEqual(report.rerun, all);
    assert.deepEqual(await reasonsOf(session, "chunk"), ["bread.md changed; search/tea.md added; notes.txt removed"]);
    assert.equal(report.stages[0]?.state, "fresh", "models have no documents");
  });

  await t.test("a run that is re-attached carries the mark, the order and the reason", async () => {
    const text = inspect(await rag.latest(session, "dense"));
    assert.match(text, /^dense run dense-\w+ · reused · sample model · stale$/m);
    assert.match(
      text,
      /Stale now, run again in this order: chunk, runDense, runSparse, fuse, rerank, exportCollection/,
    );
    assert.match(text, /chunk: bread\.md changed; search\/tea\.md added; notes\.txt removed/);
  });

  await t.test("a kernel restart keeps the marks, and what it can't know it does not call fresh", async () => {
    session.close();
    session = await rag.openSession(sampleOptions(dir));
    const before = await rag.stale(session);
    assert.deepEqual(before.rerun, all);
    assert.equal(before.stages[0]?.state, "unknown");
    assert.match(before.stages[0]?.remarks.join() ?? "", /sample-dense, sample-splade, sample-rerank/);
    await rag.primeCache(session);
    assert.deepEqual((await states(session))[0], "fresh");
  });

  await t.test("each cell that is run again takes itself off the list", async () => {
    const chunks = await rag.chunk(session, { files: join(corpus, "**/*.{md,txt}") });
    assert.notEqual(chunks.id, first.chunks.id);
    assert.deepEqual((await rag.stale(session)).rerun, all.slice(1));
    assert.deepEqual(await reasonsOf(session, "dense"), [`chunk run ${first.chunks.id} → ${chunks.id}`]);
    assert.doesNotMatch(inspect(chunks).split("\n")[0] ?? "", /stale/, "the run itself is fresh");
    assert.match(inspect(chunks), /order: runDense, runSparse, fuse, rerank, exportCollection/);
    const dense = await rag.runDense(session, chunks);
    assert.deepEqual((await rag.stale(session)).rerun, all.slice(2));
    const sparse = await rag.runSparse(session, chunks);
    const fused = await rag.fuse(session, rag.queries(texts), [dense, sparse]);
    const ranked = await rag.rerank(session, fused);
    assert.deepEqual((await rag.stale(session)).rerun, ["exportCollection"]);
    await rag.exportCollection(session, [chunks, dense, sparse, ranked]);
    assert.deepEqual(await states(session), Array(7).fill("fresh"));
  });

  await t.test("the documents are put back: the marks are back, and reused runs are fresh again", async () => {
    for (const [path, text] of Object.entries(smallCorpus)) await writeFile(join(corpus, path), text);
    await rm(join(corpus, "search/tea.md"));
    assert.deepEqual((await rag.stale(session)).rerun, all);
    const again = await journey(session, corpus, false);
    assert.ok(again.dense.reused && again.chunks.id === first.chunks.id);
    assert.deepEqual(await states(session), Array(7).fill("fresh"));
  });
  session.close();
});

test("settings: those the session gave make their stage stale, those the call gave do not", async () => {
  const corpus = await corpusOf(smallCorpus);
  const dir = await scratch("stale-settings");
  const open = (more: Partial<rag.SessionOptions>) =>
    rag.openSession({ ...sampleOptions(dir, more), sparse: ["bm25"] });
  let session = await open({});
  await journey(session, corpus);
  session.close();

  session = await open({ dim: 64, rerankTopK: 3, threads: 1 });
  await rag.primeCache(session);
  assert.deepEqual((await rag.stale(session)).rerun, ["runDense", "fuse", "rerank", "exportCollection"]);
  assert.deepEqual(await reasonsOf(session, "dense"), ["dim: not set → 64"]);
  assert.deepEqual(await reasonsOf(session, "rerank"), ["rerankTopK: 20 → 3", "made from fuse"]);
  await rag.runDense(session, await rag.latest(session, "chunk"), { dim: 32 });
  assert.ok(!(await rag.stale(session)).rerun.includes("runDense"), "the call said 32, whatever the session says");
  session.close();

  session = await open({ enableRerank: false });
  await rag.primeCache(session);
  const { stages } = await rag.stale(session);
  assert.deepEqual(
    stages.filter(({ state }) => state === "off").map(({ cell, remarks }) => [cell, ...remarks]),
    [["rerank", "switched off: enableRerank, set by call"]],
  );
  assert.ok((await reasonsOf(session, "export"))?.includes("the rerank stage is off now"));
  session.close();
});

test("a chunk cell with other options is another run, and what is behind it is stale", async () => {
  const corpus = await corpusOf(smallCorpus);
  const session = await rag.openSession({ ...sampleOptions(await scratch("stale-options")), sparse: ["bm25"] });
  const { chunks } = await journey(session, corpus);
  const shorter = await rag.chunk(session, { files: join(corpus, "**/*.{md,txt}"), targetTokens: 20 });
  assert.deepEqual((await rag.stale(session)).rerun, all.slice(1));
  assert.match(inspect(shorter), new RegExp(`chunk run ${chunks.id} → ${shorter.id}`));
  session.close();
});

test("a model's files change: prime says it, and every stage made with it is stale", async () => {
  const models = await modelsCopy();
  await rm(join(models, "models.lock.json"));
  const corpus = await corpusOf(smallCorpus);
  const dir = await scratch("stale-models");
  const options = { ...sampleOptions(dir, { modelDirs: [models] }), modelLock: join(dir, "none.lock.json") };
  let session = await rag.openSession(options);
  await journey(session, corpus);
  session.close();
  await rm(join(dir, "none.lock.json"));
  const config = join(models, "rag-cells-sample-splade/tokenizer_config.json");
  await writeFile(config, `${await readFile(config, "utf8")}\n`);

  session = await rag.openSession(options);
  const models2 = await rag.primeCache(session);
  assert.match(inspect(models2), /Stale now, run again in this order: chunk, runDense, runSparse, fuse/);
  assert.match(
    (await reasonsOf(session, "sparse"))?.join() ?? "",
    /files of sample-splade changed \(content:\w+ → content:\w+\)/,
  );
  assert.deepEqual((await reasonsOf(session, "dense")) ?? [], ["made from chunk"]);
  assert.equal((await states(session))[0], "fresh", "prime has just seen them");
  session.close();
});

test("a session that was moved: documents are not at hand, and no card makes a mark of it", async () => {
  const corpus = await corpusOf(smallCorpus);
  const from = await scratch("moved-from");
  const first = await rag.openSession({ ...sampleOptions(from), sparse: ["bm25"] });
  await journey(first, corpus);
  first.close();
  const to = await scratch("moved-to");
  await cp(join(from, "test"), join(to, "test"), { recursive: true });
  for (const way of ["without the file of sources", "without the documents"]) {
    if (way === "without the documents") {
      await cp(join(from, "test/sources"), join(to, "test/sources"), { recursive: true });
      await rm(corpus, { recursive: true });
    } else await rm(join(to, "test/sources"), { recursive: true });
    const session = await rag.openSession({ ...sampleOptions(to), sparse: ["bm25"] });
    await rag.primeCache(session);
    const chunks = await rag.latest(session, "chunk");
    assert.doesNotMatch(inspect(chunks), /stale|not at hand/i);
    const { stages, rerun } = await rag.stale(session);
    assert.deepEqual(rerun, [], way);
    assert.equal(stages[1]?.state, "unknown");
    assert.match(stages[1]?.remarks.join() ?? "", /not at hand/);
    assert.equal((await rag.explain(chunks)).standing?.state, "unknown");
    session.close();
  }
});

test("no path of this machine is in a run of chunks; they are in a file beside the history", async () => {
  const corpus = await corpusOf(smallCorpus);
  const session = await rag.openSession({ ...sampleOptions(await scratch("paths")), sparse: ["bm25"] });
  const chunks = await rag.chunk(session, { files: join(corpus, "*.md") });
  for (const name of await readdir(chunks.dir))
    assert.ok(!(await readFile(join(chunks.dir, name), "latin1")).includes(corpus));
  assert.ok((await readFile(join(session.dir, `sources/${chunks.id}.json`), "utf8")).includes(corpus));
  session.close();
});

test("a damaged file of sources is no knowledge, and stops nothing", async () => {
  const corpus = await corpusOf(smallCorpus);
  const dir = await scratch("broken");
  const session = await rag.openSession({ ...sampleOptions(dir), sparse: ["bm25"] });
  const chunks = await rag.chunk(session, { files: join(corpus, "**/*.md") });
  session.close();
  await writeFile(join(session.dir, `sources/${chunks.id}.json`), '{"schema":"rag-cells/sources@1"');
  const again = await rag.openSession({ ...sampleOptions(dir), sparse: ["bm25"] });
  assert.equal((await rag.runSparse(again, chunks)).kind, "sparse");
  assert.match((await rag.stale(again)).stages[1]?.remarks.join() ?? "", /not at hand/);
  again.close();
});

test("marks that can't be made cost a line of the card, never the run", async () => {
  const corpus = await corpusOf(smallCorpus);
  const session = await rag.openSession({ ...sampleOptions(await scratch("unmarked")), sparse: ["bm25"] });
  const context = contextOf(session);
  const failing = { ...context.lineage, standings: () => Promise.reject(new Error("the disk\u001b[31m is gone")) };
  bindContext({ ...context, lineage: failing });
  const chunks = await rag.chunk(session, { files: join(corpus, "**/*.md") });
  assert.ok(chunks.count > 0);
  assert.match(inspect(chunks), /What is stale now could not be found out: the disk\\u001b\[31m is gone/);
  session.close();
});
