import assert from "node:assert/strict";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import * as rag from "../../dist/index.js";
import { corpusOf, sampleOptions, scratch, smallCorpus } from "../lib/sample.ts";

const questions = ["which engine gives a rare word more weight?", "when does the water turn?"];

async function journey(session: rag.Session, corpus: string) {
  const models = await rag.primeCache(session);
  const chunks = await rag.chunk(session, { files: join(corpus, "**/*.{md,txt}") });
  const dense = await rag.runDense(session, chunks);
  const sparse = await rag.runSparse(session, chunks);
  const fused = await rag.fuse(session, rag.queries(questions), [dense, sparse]);
  const ranked = await rag.rerank(session, fused);
  const collection = await rag.exportCollection(session, [chunks, dense, sparse, ranked]);
  return { models, chunks, dense, sparse, fused, ranked, collection };
}

test("the journey, from documents to a verified collection", async (t) => {
  const corpus = await corpusOf(smallCorpus);
  const dir = await scratch("journey");
  const session = await rag.openSession(sampleOptions(dir));
  const first = await journey(session, corpus);

  await t.test("each stage says what it did", () => {
    assert.equal(first.models.models.length, 3);
    assert.equal(first.chunks.documents, 4);
    assert.ok(first.chunks.count >= 7);
    assert.equal(first.dense.count, first.chunks.count);
    assert.ok(first.sparse.kind === "sparse" && first.sparse.vectors.length === 2);
    assert.deepEqual(first.fused.sources, ["dense:sample-dense", "sparse:sample-splade"]);
    assert.ok(first.ranked.kind === "rerank" && first.ranked.results.length === 2);
    assert.deepEqual(
      first.collection.checks.filter((check) => !check.passed),
      [],
    );
  });

  await t.test("every vector has length 1, every batch was timed, memory was read", async () => {
    const { data, rows, dim } = await rag.readVectors(first.dense);
    for (let r = 0; r < rows; r++) assert.ok(Math.abs(Math.hypot(...data.subarray(r * dim, (r + 1) * dim)) - 1) < 1e-5);
    const { batches, memory } = first.dense.telemetry;
    assert.equal(
      batches.reduce((n, batch) => n + batch.rows, 0),
      rows,
    );
    assert.ok(batches.every((batch) => batch.seconds > 0 && batch.paddedTokens >= batch.tokens));
    assert.ok((memory[0]?.peakBytes as number) > 10e6);
  });

  await t.test("the text is what the documents hold, at the offsets the chunks say", async () => {
    for (const chunk of await rag.readChunks(first.chunks)) {
      const source = (smallCorpus as Record<string, string>)[chunk.document] as string;
      assert.equal(chunk.text, source.slice(chunk.start, chunk.end));
    }
  });

  await t.test("queries are on disk as hashes only", async () => {
    for (const run of [first.fused, first.ranked] as const) {
      assert.ok("dir" in run);
      const text = await readFile(join(run.dir, "run.json"), "utf8");
      for (const question of questions) assert.ok(!text.includes(question));
    }
    const manifest = await readFile(first.collection.manifest, "utf8");
    for (const question of questions) assert.ok(!manifest.includes(question));
  });

  await t.test("the same calls again reuse every run", async () => {
    const again = await journey(session, corpus);
    for (const [name, run] of Object.entries(again)) {
      assert.ok("reused" in run && run.reused, name);
      assert.equal(run.id, (first[name as keyof typeof first] as { id: string }).id);
    }
  });

  await t.test("after a restart, every stage is re-attached from disk", async () => {
    session.close();
    const reopened = await rag.openSession(sampleOptions(dir));
    const chunks = await rag.latest(reopened, "chunk");
    assert.equal(chunks.id, first.chunks.id);
    const fused = await rag.latest(reopened, "fuse");
    assert.equal(fused.queries, null);
    assert.ok((await rag.rerank(reopened, fused)).kind === "rerank", "a stored ranking needs no query text");
    await assert.rejects(rag.rerank(reopened, fused, { topK: 1 }), { code: "queries_missing" });
    const ranked = await rag.rerank(reopened, fused, { topK: 1, queries: rag.queries(questions) });
    assert.ok(ranked.kind === "rerank" && ranked.results.every((result) => result.candidates.length === 1));
    const table = await rag.history(reopened);
    assert.ok(table.numRows() >= 14);
    reopened.close();
  });
});

test("one document more: only other ids, and the old runs stay", async () => {
  const dir = await scratch("more");
  const session = await rag.openSession(sampleOptions(dir));
  const one = await rag.chunk(session, { files: join(await corpusOf(smallCorpus), "**/*.{md,txt}") });
  const two = await rag.chunk(session, {
    files: join(await corpusOf({ ...smallCorpus, "tea.md": "# Tea\n\nWater just off the boil.\n" }), "**/*.{md,txt}"),
  });
  assert.notEqual(one.id, two.id);
  const idsTwo = (await rag.readChunks(two)).map((chunk) => chunk.id);
  const lost = (await rag.readChunks(one)).filter((chunk) => !idsTwo.includes(chunk.id));
  assert.deepEqual(lost, [], "the same bytes give the same chunk ids");
  session.close();
});

test("runs of different corpora are refused together, with both ids", async () => {
  const session = await rag.openSession({ ...sampleOptions(await scratch("foreign")), sparse: ["bm25"] });
  const one = await rag.chunk(session, { files: join(await corpusOf(smallCorpus), "*.md") });
  const two = await rag.chunk(session, { files: join(await corpusOf(smallCorpus), "search/*.md") });
  const dense = await rag.runDense(session, one);
  const sparse = await rag.runSparse(session, two);
  await assert.rejects(rag.fuse(session, rag.queries(questions), [dense, sparse]), (error: rag.RagError) => {
    assert.equal(error.code, "foreign_run");
    assert.ok(error.message.includes(one.id) && error.message.includes(two.id));
    return true;
  });
  await assert.rejects(rag.exportCollection(session, [one, sparse]), { code: "foreign_run" });
  session.close();
});

test("a stage that is off says who switched it off, and dense alone goes all the way", async () => {
  const session = await rag.openSession({
    ...sampleOptions(await scratch("off")),
    enableSparse: false,
    enableRerank: false,
  });
  const corpus = await corpusOf(smallCorpus);
  const { sparse, ranked, fused, collection } = await journey(session, corpus);
  assert.deepEqual({ ...sparse }, { kind: "skipped", stage: "sparse", reason: "feature_disabled", source: "call" });
  assert.equal(ranked.kind, "skipped");
  assert.equal(fused.method, "single");
  const manifest = JSON.parse(await readFile(collection.manifest, "utf8"));
  assert.ok(!("sparse_run" in manifest) && !("rerank_run" in manifest));
  assert.equal(manifest.feature_toggles.enable_sparse, false);
  session.close();
});

test("dense-only artefacts are the same bytes with and without the other stages", async () => {
  const corpus = await corpusOf(smallCorpus);
  const hashes = [];
  for (const on of [true, false]) {
    const session = await rag.openSession({
      ...sampleOptions(await scratch("parity")),
      enableSparse: on,
      enableRerank: on,
    });
    const { collection } = await journey(session, corpus);
    hashes.push(
      Object.fromEntries(
        collection.files.filter((file) => file.role === "dense").map((file) => [file.path, file.sha256]),
      ),
    );
    session.close();
  }
  assert.ok(Object.keys(hashes[0] ?? {}).length > 0);
  assert.deepEqual(hashes[0], hashes[1]);
});

test("several dense models are kept apart, and fused beside", async () => {
  const session = await rag.openSession({
    ...sampleOptions(await scratch("ensemble")),
    addModels: [
      {
        ...(rag.listModels().find((card) => card.key === "sample-dense") as rag.ModelCard),
        key: "sample-dense-prefixed",
        documentPrefix: "passage: ",
      },
    ],
    dense: ["sample-dense", "sample-dense-prefixed"],
    denseWeights: { "sample-dense": 3 },
  });
  const chunks = await rag.chunk(session, { files: join(await corpusOf(smallCorpus), "**/*.md") });
  const mean = await rag.runDense(session, chunks);
  assert.deepEqual(
    mean.vectors.map((v) => v.name),
    ["sample-dense", "sample-dense-prefixed", "fused"],
  );
  assert.ok(mean.notes.some((note) => note.code === "mean_of_spaces"));
  const concat = await rag.runDense(session, chunks, { fusion: "concat" });
  const [a, b, fused] = await Promise.all(
    ["sample-dense", "sample-dense-prefixed", "fused"].map((name) => rag.readVectors(concat, name)),
  );
  const cosine = (m: rag.Matrix, i: number, j: number) => {
    let sum = 0;
    for (let c = 0; c < m.dim; c++) sum += (m.data[i * m.dim + c] as number) * (m.data[j * m.dim + c] as number);
    return sum;
  };
  const [left, right, whole] = [a as rag.Matrix, b as rag.Matrix, fused as rag.Matrix];
  for (let i = 1; i < whole.rows; i++) {
    assert.ok(Math.abs(cosine(whole, 0, i) - (0.75 * cosine(left, 0, i) + 0.25 * cosine(right, 0, i))) < 1e-5);
  }
  const short = await rag.runDense(session, chunks, { dim: 64 });
  assert.equal(short.vectors[0]?.dim, 64);
  await assert.rejects(rag.runDense(session, chunks, { dim: 100 }), { code: "bad_dimension" });
  session.close();
});

test("a model named in another way is the same model; none, or one twice, is refused", async () => {
  const session = await rag.openSession(sampleOptions(await scratch("names")));
  const chunks = await rag.chunk(session, { files: join(await corpusOf(smallCorpus), "*.md") });
  const byKey = await rag.runSparse(session, chunks, { models: ["sample-splade"] });
  const byHubId = await rag.runSparse(session, chunks, { models: ["rag-cells/sample-splade"] });
  assert.ok(byKey.kind === "sparse" && byHubId.kind === "sparse");
  assert.equal(byHubId.id, byKey.id);
  assert.equal(byHubId.vectors[0]?.engine, "splade");
  for (const models of [[], ["sample-dense", "rag-cells/sample-dense"]]) {
    await assert.rejects(rag.runDense(session, chunks, { models }), { code: "bad_option" });
  }
  await assert.rejects(rag.runDense(session, chunks, { weights: { "sample-dens": 1 } }), { code: "bad_option" });
  await assert.rejects(rag.runSparse(session, chunks, { models: [] }), { code: "bad_option" });
  await assert.rejects(rag.chunk(session, { files: join(await corpusOf(smallCorpus), "*.md"), maxTokens: 9999 }), {
    code: "bad_option",
  });
  session.close();
});

test("an export is found again where its files are, or says that it can't tell", async () => {
  const dir = await scratch("place");
  const session = await rag.openSession(sampleOptions(dir, { sparse: ["bm25"] }));
  const chunks = await rag.chunk(session, { files: join(await corpusOf(smallCorpus), "**/*.md") });
  const inside = await rag.exportCollection(session, [chunks, await rag.runDense(session, chunks)]);
  const found = await rag.latest(session, "export");
  assert.deepEqual([found.folder, found.manifest], [session.dir, inside.manifest]);
  assert.deepEqual(found.notes, inside.notes);
  const folder = await scratch("outside");
  const outside = await rag.exportCollection(session, [chunks], { folder });
  assert.equal(outside.folder, folder);
  const lost = await rag.latest(session, "export");
  assert.deepEqual([lost.id, lost.notes.at(-1)?.code], [outside.id, "export_elsewhere"]);
  session.close();
});

test("an export whose files were changed since is written anew, and a finished run keeps no journal", async () => {
  const dir = await scratch("changed");
  const session = await rag.openSession(sampleOptions(dir));
  const corpus = await corpusOf(smallCorpus);
  const { dense, collection } = await journey(session, corpus);
  assert.deepEqual(
    (await readdir(dense.dir)).filter((name) => name.endsWith(".journal")),
    [],
  );
  const vocabulary = collection.files.find((file) => file.role === "vocabulary");
  const words = (await readFile(join(collection.folder, vocabulary?.path as string), "utf8")).trimEnd().split("\n");
  assert.ok(words.includes("bread") && words.length > 30, "one term a line");
  await writeFile(join(collection.folder, collection.files[0]?.path as string), "damaged");
  const again = await journey(session, corpus);
  assert.ok(!again.collection.reused && again.dense.reused);
  assert.deepEqual(again.collection.files.slice(0, -1), collection.files.slice(0, -1));
  session.close();
});
