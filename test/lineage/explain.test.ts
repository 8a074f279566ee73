import assert from "node:assert/strict";
import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { inspect } from "node:util";
import * as rag from "../../dist/index.js";
import { corpusOf, sampleOptions, scratch, smallCorpus } from "../lib/sample.ts";

const texts = ["when does the water turn?"];
const ids = (nodes: readonly rag.LineageNode[]): unknown[] => nodes.map(({ id, inputs }) => [id, ids(inputs)]);

test("a run tells where it came from, in this kernel and from disk", async (t) => {
  const corpus = await corpusOf(smallCorpus);
  const dir = await scratch("explain");
  const options = { ...sampleOptions(dir, { dim: 64 }), sparse: ["bm25"] };
  const session = await rag.openSession(options);
  const chunks = await rag.chunk(session, { files: join(corpus, "**/*.md"), targetTokens: 40 });
  const dense = await rag.runDense(session, chunks, { models: ["sample-dense"] });
  const sparse = await rag.runSparse(session, chunks);
  const fused = await rag.fuse(session, rag.queries(texts), [dense, sparse], { depth: 5 });
  const ranked = (await rag.rerank(session, fused, { topK: 3 })) as rag.RerankRun;
  const again = await rag.rerank(session, fused, { topK: 3 });
  const collection = await rag.exportCollection(session, [chunks, dense, sparse, ranked]);

  await t.test("every setting and every model has its setter, in every stage", async () => {
    const prime = await rag.primeCache(session, ["sample-dense"]);
    for (const run of [prime, chunks, dense, sparse as rag.SparseRun, fused, ranked, collection]) {
      const { settings, models } = await rag.explain(run);
      assert.deepEqual(Object.keys(run.setBy.settings).sort(), Object.keys(run.settings).sort(), run.kind);
      assert.deepEqual(Object.keys(run.setBy.models), [...new Set(models.map(({ model }) => model.key))], run.kind);
      assert.ok(settings.every(({ setBy }) => setBy.source !== ""));
    }
    assert.deepEqual(prime.setBy.models, { "sample-dense": { source: "call", settings: [] } });
  });

  await t.test("the session's call is told from the stage's own", () => {
    assert.deepEqual(dense.setBy.settings, {
      dim: { source: "call", settings: ["dim"] },
      weights: { source: "default", settings: ["denseWeights"] },
      fusion: { source: "default", settings: ["denseFusion"] },
    });
    assert.deepEqual(dense.setBy.models, { "sample-dense": { source: "call", settings: [] } });
    assert.deepEqual(chunks.setBy.settings["targetTokens"], { source: "call", settings: [] });
    assert.deepEqual(chunks.setBy.settings["maxTokens"], { source: "model", settings: [] });
    assert.deepEqual(chunks.setBy.models, { "sample-dense": { source: "call", settings: ["dense"] } });
    assert.deepEqual(collection.setBy.settings["toggles"], {
      source: "default, call",
      settings: ["enableSparse", "enableRerank", "sparse"],
    });
  });

  await t.test("inputs are a tree down to the documents", async () => {
    const { inputs, stage } = await rag.explain(ranked);
    const chunkNode = [chunks.id, [[chunks.inputs.corpus, []]]];
    assert.equal(stage, "rerank");
    assert.deepEqual(ids(inputs), [
      [
        fused.id,
        [chunkNode, [dense.id, [chunkNode]], [(sparse as rag.SparseRun).id, [chunkNode]], [fused.inputs.queries, []]],
      ],
      chunkNode,
    ]);
  });

  await t.test("how it was made, and how often it was reused since", async () => {
    const why = await rag.explain(ranked);
    assert.deepEqual(why.calls, { computed: 1, resumed: 0, reused: 1 });
    assert.equal(again.kind === "rerank" && again.reused, true);
    assert.deepEqual(
      { outcome: why.made.outcome, why: why.made.why, at: why.made.at },
      { outcome: "computed", why: "first run of the stage", at: ranked.telemetry.finishedAt },
    );
    assert.deepEqual(why.reused, { batches: 0, vectors: null });
    assert.equal(why.models[0]?.model.servedFrom, "models/rag-cells-sample-rerank");
    assert.equal(why.standing?.state, "fresh");
    const text = inspect(why);
    for (const part of [ranked.id, "fresh", "computed in", fused.id, "topK · 3 · call of the stage"])
      assert.ok(text.includes(part), `${part}\n${text}`);
  });

  await t.test("an older run is named with the one that came after it", async () => {
    const wider = await rag.rerank(session, fused, { topK: 4 });
    const why = await rag.explain(ranked);
    assert.equal(why.newer, wider.kind === "rerank" && wider.id);
    assert.equal(why.standing?.id, ranked.id, "it is judged itself, not the last one");
  });

  await t.test("from disk, in another kernel's session, it says the same", async () => {
    const before = await rag.explain(dense);
    session.close();
    assert.equal((await rag.explain(dense)).standing, null, "no session is open, so nothing is said of now");
    const reopened = await rag.openSession(options);
    await rag.primeCache(reopened);
    const after = await rag.explain(await rag.latest(reopened, "dense"));
    assert.deepEqual({ ...after, calls: null }, { ...before, calls: null });
    reopened.close();
  });

  await t.test("a run whose folder was removed, and one whose inputs are gone or damaged", async () => {
    await rm(dense.dir, { recursive: true });
    await writeFile(join(chunks.dir, "run.json"), "{");
    const gone = await rag.explain(dense);
    assert.equal(gone.onDisk, false);
    assert.match(inspect(gone), /its folder was removed/);
    const states = (await rag.explain(fused)).inputs.map(({ stage, state }) => [stage, state]);
    assert.deepEqual(states, [
      ["chunk", "damaged"],
      ["dense", "missing"],
      ["sparse", "on_disk"],
      ["queries", "no_run"],
    ]);
  });
});

test("a stage that is off: which setting, and who set it", async () => {
  const session = await rag.openSession({
    ...sampleOptions(await scratch("off")),
    sparse: ["bm25"],
    enableSparse: false,
  });
  const chunks = await rag.chunk(session, { files: join(await corpusOf(smallCorpus), "*.md") });
  const sparse = await rag.runSparse(session, chunks);
  const why = await rag.explain(sparse);
  assert.deepEqual(
    { ...why },
    {
      kind: "skip_explanation",
      stage: "sparse",
      setting: "enableSparse",
      setBy: { source: "call", settings: ["enableSparse"] },
    },
  );
  assert.match(inspect(why), /Set by +call \(setting enableSparse\)/);
  session.close();
});

test("what is no run is refused by what it is", async () => {
  for (const value of [
    undefined,
    null,
    5,
    "dense",
    {},
    [],
    rag.queries(texts),
    { kind: "dense" },
    { kind: "search", id: "x", dir: "y" },
  ])
    await assert.rejects(rag.explain(value as never), { code: "wrong_run" });
});

test("a run file that leads in a circle ends", async () => {
  const session = await rag.openSession({ ...sampleOptions(await scratch("circle")), sparse: ["bm25"] });
  const chunks = await rag.chunk(session, { files: join(await corpusOf(smallCorpus), "*.md") });
  const { session: _, dir, reused: __, ...stored } = chunks;
  const circle = {
    schema: "rag-cells/run@1",
    ...stored,
    inputs: { chunk: chunks.id, sparse: chunks.id, fuse: chunks.id },
  };
  await mkdir(dir, { recursive: true });
  await writeFile(join(dir, "run.json"), JSON.stringify(circle));
  assert.deepEqual((await rag.explain(await rag.latest(session, "chunk"))).inputs, []);
  session.close();
});
