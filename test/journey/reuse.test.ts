import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFile, rm, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { before, test } from "node:test";
import { inspect } from "node:util";
import * as rag from "../../dist/index.js";
import { inferenceProcesses, until } from "../lib/processes.ts";
import { corpusOf, modelsCopy, sampleOptions, scratch } from "../lib/sample.ts";

const index = resolve(import.meta.dirname, "../../dist/index.js");
/** Small batches, and vectors kept in the folder of sessions. */
const options = (dir: string, more: Partial<rag.SessionOptions> = {}): rag.SessionOptions =>
  sampleOptions(dir, {
    tokenBudget: 256,
    vectorCache: join(dir, "vectors.sqlite"),
    sparse: ["sample-splade"],
    ...more,
  });

const documents: Record<string, string> = {};
for (let d = 0; d < 10; d++) {
  const sections = Array.from(
    { length: 6 },
    (_, s) => `## Part ${s}\n\n${`Sentence ${d} of part ${s} about tides and bread. `.repeat(1 + ((d * 5 + s) % 7))}\n`,
  );
  documents[`d${d}.md`] = `# Document ${d}\n\n${sections.join("\n")}`;
}
const changed = {
  ...documents,
  "d7.md": "# Document 7\n\nNow it is about something else: lighthouses.\n\n## Fog\n\nA horn.\n",
};

let corpus = "";
let corpusChanged = "";
before(async () => {
  corpus = join(await corpusOf(documents), "*.md");
  corpusChanged = join(await corpusOf(changed), "*.md");
});

const computedRows = (run: rag.DenseRun | rag.SparseRun) =>
  run.telemetry.batches.reduce((sum, { rows }) => sum + rows, 0);
const codes = (run: rag.AnyRun) => run.notes.map(({ code }) => code);

/** Vectors by text: row numbers move when a document changes. */
async function byText(chunks: rag.ChunkRun, run: rag.DenseRun): Promise<Map<string, Buffer>> {
  const { data, dim } = await rag.readVectors(run);
  const rows = await rag.readChunks(chunks);
  return new Map(rows.map(({ text }, r) => [text, Buffer.from(data.slice(r * dim, (r + 1) * dim).buffer)]));
}

function cosine(a: Buffer, b: Buffer): number {
  const [x, y] = [a, b].map((bytes) => new Float32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4)) as [
    Float32Array,
    Float32Array,
  ];
  return x.reduce((sum, value, i) => sum + value * (y[i] as number), 0);
}

async function denseOf(options: rag.SessionOptions, files: string, rerun = false) {
  const session = await rag.openSession(options);
  const chunks = await rag.chunk(session, { files });
  const run = await rag.runDense(session, chunks, { rerun });
  const vectors = await byText(chunks, run);
  session.close();
  return { run, chunks, vectors, reused: run.vectors[0]?.reused as number };
}

async function sparseOf(options: rag.SessionOptions, files: string) {
  const session = await rag.openSession(options);
  const chunks = await rag.chunk(session, { files });
  const run = (await rag.runSparse(session, chunks)) as rag.SparseRun;
  const matrix = await rag.readSparse(run);
  const texts = (await rag.readChunks(chunks)).map(({ text }) => text);
  const vectors = new Map(
    texts.map((text, r) => {
      const [from, to] = [matrix.indptr[r] as number, matrix.indptr[r + 1] as number];
      return [text, JSON.stringify([[...matrix.indices.subarray(from, to)], [...matrix.values.subarray(from, to)]])];
    }),
  );
  session.close();
  return { run, vectors, reused: run.vectors[0]?.reused as number };
}

test("one document changed: only its chunks are computed, the others' vectors stay bit for bit", async () => {
  const dir = await scratch("reuse");
  const first = await denseOf(options(dir), corpus);
  assert.equal(first.reused, 0);
  assert.equal(computedRows(first.run), first.chunks.count);
  assert.deepEqual(codes(first.run), []);

  const second = await denseOf(options(dir), corpusChanged);
  const fresh = [...second.vectors.keys()].filter((text) => !first.vectors.has(text));
  assert.ok(fresh.length > 0 && fresh.length < 5);
  assert.equal(computedRows(second.run), fresh.length, "rows that went through the model");
  assert.equal(second.reused, second.chunks.count - fresh.length);
  for (const [text, vector] of second.vectors) {
    const old = first.vectors.get(text);
    if (old) assert.ok(vector.equals(old), text);
  }
  assert.deepEqual(codes(second.run), ["vectors_reused"]);
  assert.equal(second.run.notes[0]?.count, second.reused);

  const whole = await denseOf(options(await scratch("whole"), { vectorCache: null }), corpusChanged);
  assert.equal(whole.run.id, second.run.id, "where vectors came from is no part of the id");
  const smallest = Math.min(
    ...[...whole.vectors].map(([text, vector]) => cosine(vector, second.vectors.get(text) as Buffer)),
  );
  assert.ok(smallest >= 1 - 1e-6, `smallest cosine to a full computation: ${smallest}`);
});

test("the card and the manifest say how many were kept", async () => {
  const dir = await scratch("reuse");
  await denseOf(options(dir), corpus);
  const session = await rag.openSession(options(dir));
  const chunks = await rag.chunk(session, { files: corpusChanged });
  const dense = await rag.runDense(session, chunks);
  const reused = dense.vectors[0]?.reused as number;
  assert.match(inspect(dense), new RegExp(`${reused} of ${chunks.count} vectors were kept from before`));
  const exported = await rag.exportCollection(session, [chunks, dense]);
  const manifest = JSON.parse(await readFile(exported.manifest, "utf8"));
  assert.equal(manifest.dense_run.vectors[0].reused_vectors, reused);
  assert.ok(manifest.notes.some((note: { code: string }) => note.code === "vectors_reused"));
  session.close();
});

test("another session and another collection reuse; nothing is loaded where all is kept", async () => {
  const dir = await scratch("reuse");
  const first = await denseOf(options(dir), corpus);
  const seen = new Set<number>();
  const watch = setInterval(() => {
    for (const pid of inferenceProcesses()) seen.add(pid);
  }, 5);
  const other = await denseOf(options(dir, { name: "another" }), corpus);
  clearInterval(watch);
  assert.deepEqual([...seen], [], "no inference process was started");
  assert.equal(other.run.telemetry.phases["load"], undefined);
  assert.deepEqual([computedRows(other.run), other.reused], [0, other.chunks.count]);
  for (const [text, vector] of other.vectors) assert.ok(vector.equals(first.vectors.get(text) as Buffer));

  const parts = Object.fromEntries(Object.entries(documents).slice(0, 4));
  const part = join(await corpusOf(parts), "*.md");
  const collection = await denseOf(options(dir, { name: "part" }), part);
  assert.deepEqual([computedRows(collection.run), collection.reused], [0, collection.chunks.count]);
});

test("SPLADE vectors are used again too, the same numbers, and empty ones", async () => {
  const dir = await scratch("reuse");
  const first = await sparseOf(options(dir), corpus);
  assert.deepEqual([first.reused, computedRows(first.run)], [0, first.run.count]);
  const second = await sparseOf(options(dir), corpusChanged);
  const fresh = [...second.vectors.keys()].filter((text) => !first.vectors.has(text));
  assert.equal(computedRows(second.run), fresh.length);
  assert.equal(second.reused, second.run.count - fresh.length);
  for (const [text, vector] of second.vectors)
    if (first.vectors.has(text)) assert.equal(vector, first.vectors.get(text));
  assert.ok(codes(second.run).includes("vectors_reused"));
});

test("another prefix, pooling, length limit or weights share nothing; another name for the same model does", async () => {
  const dir = await scratch("reuse");
  const folder = await modelsCopy();
  // They say how the model pools and what its files are, and a row that says otherwise would be refused.
  await rm(join(folder, "rag-cells-sample-dense/1_Pooling"), { recursive: true });
  await rm(join(folder, "models.lock.json"));
  const at = (more: Partial<rag.SessionOptions> = {}) => options(dir, { modelDirs: [folder], ...more });
  const row = rag.listModels().find(({ key }) => key === "sample-dense") as rag.ModelCard;
  const withRow = (change: Partial<rag.ModelCard>) =>
    denseOf(at({ addModels: [{ ...row, ...change }], dense: [change.key ?? row.key] }), corpus);
  const first = await withRow({});
  assert.equal(first.reused, 0);
  for (const change of [{ documentPrefix: "passage: " }, { pooling: "cls" }, { maxTokens: 100 }] as const) {
    const other = await withRow(change);
    assert.equal(other.reused, 0, JSON.stringify(change));
  }
  const renamed = await withRow({ key: "my-own-name" });
  assert.equal(renamed.reused, renamed.chunks.count);

  const config = join(folder, "rag-cells-sample-dense/config.json");
  await writeFile(config, `${await readFile(config, "utf8")}\n`);
  const touched = await withRow({});
  assert.equal(touched.reused, 0, "any byte of the files that decide results");
});

test("rerun computes every row again, and what it computed is kept", async () => {
  const dir = await scratch("reuse");
  await denseOf(options(dir), corpus);
  const again = await denseOf(options(dir), corpus, true);
  assert.deepEqual([again.reused, computedRows(again.run)], [0, again.chunks.count]);
  const other = await denseOf(options(dir, { name: "other", vectorCache: join(dir, "other.sqlite") }), corpus, true);
  assert.equal(other.reused, 0);
  const after = await denseOf(options(dir, { name: "after", vectorCache: join(dir, "other.sqlite") }), corpus);
  assert.equal(after.reused, after.chunks.count);
});

test("kill -9 in the middle, then another corpus: what had been computed is not computed again", async (t) => {
  const dir = await scratch("reuse");
  const cache = join(dir, "vectors.sqlite");
  const script = `import(${JSON.stringify(index)}).then(async (rag) => {
    const session = await rag.openSession(${JSON.stringify(options(dir, { tokenBudget: 64, threads: 1 }))});
    await rag.runDense(session, await rag.chunk(session, { files: ${JSON.stringify(corpus)} }));
  })`;
  const child = spawn(process.execPath, ["-e", script], { stdio: "inherit" });
  const look = await rag.openSession(options(dir, { name: "look", vectorCache: cache }));
  const kept = await until(async () => {
    const { vectors } = await rag.cacheStats(look);
    return vectors >= 20 ? vectors : null;
  }, "vectors in the cache");
  child.kill("SIGKILL");
  await once(child, "exit");
  look.close();
  const next = await denseOf(options(dir, { name: "next" }), corpusChanged);
  // At most the rows of the changed document are among those kept and not asked for.
  assert.ok(next.reused >= kept - 10, `${next.reused} of ${kept}`);
  assert.equal(computedRows(next.run), next.chunks.count - next.reused);
  t.diagnostic(`${kept} vectors seen before the kill; ${next.reused} of ${next.chunks.count} reused`);
});

test("a damaged cache costs a note and no vector: the run is the one without a cache", async () => {
  const dir = await scratch("reuse");
  const first = await denseOf(options(dir), corpus);
  await writeFile(join(dir, "vectors.sqlite"), "not a database\n".repeat(4000));
  const again = await denseOf(options(dir, { name: "again" }), corpus);
  assert.deepEqual(codes(again.run), ["vector_cache_damaged"]);
  assert.equal(again.reused, 0);
  for (const [text, vector] of again.vectors) assert.ok(vector.equals(first.vectors.get(text) as Buffer));
  const after = await denseOf(options(dir, { name: "after" }), corpus);
  assert.equal(after.reused, after.chunks.count);
});

test("cacheStats tells by model what is kept, and purgeCache removes what it is told of", async () => {
  const dir = await scratch("reuse");
  await denseOf(options(dir), corpus);
  await sparseOf(options(dir), corpus);
  const session = await rag.openSession(options(dir));
  const chunks = await rag.chunk(session, { files: corpusChanged });
  const dense = await rag.runDense(session, chunks);
  const stats = await rag.cacheStats(session);
  assert.deepEqual(stats.spaces.map(({ model, output }) => [model, output]).sort(), [
    ["sample-dense", "dense"],
    ["sample-splade", "sparse"],
  ]);
  assert.ok(stats.bytes > 0 && stats.bytes < stats.maxBytes);
  assert.deepEqual(
    [stats.reused, stats.computed],
    [dense.vectors[0]?.reused, chunks.count - (dense.vectors[0]?.reused as number)],
  );
  assert.ok(Math.abs(Date.now() - Date.parse(stats.spaces[0]?.newest as string)) < 600_000);

  await assert.rejects(rag.purgeCache(session, {}), (error: rag.RagError) => {
    assert.equal(error.code, "nothing_to_purge");
    assert.match(error.message, /olderThanDays.*all: true.*sample-dense/s);
    return true;
  });
  await assert.rejects(rag.purgeCache(session, { model: "sample-dens" }), {
    code: "bad_option",
    message: /sample-splade/,
  });
  await assert.rejects(rag.purgeCache(session, { olderThanDays: -1 }), { code: "bad_option" });
  await assert.rejects(rag.purgeCache(session, { all: true, model: "sample-dense" }), { code: "bad_option" });
  assert.equal((await rag.purgeCache(session, { olderThanDays: 1 })).vectors, 0);
  const splade = stats.spaces.find(({ output }) => output === "sparse")?.vectors;
  assert.equal((await rag.purgeCache(session, { model: "sample-splade" })).vectors, splade);
  assert.match(inspect(stats), /^vector cache\b.*of at most 4.*sample-dense/s);
  const purge = await rag.purgeCache(session, { all: true });
  assert.match(inspect(purge), /^vector cache purge\b.*Removed +62 vectors/s);
  assert.equal(purge.vectors, stats.vectors - (splade as number));
  assert.ok(purge.bytesAfter < purge.bytesBefore);
  assert.equal((await rag.cacheStats(session)).vectors, 0);
  session.close();

  const off = await rag.openSession(options(dir, { vectorCache: null }));
  assert.equal((await rag.cacheStats(off)).path, null);
  await assert.rejects(rag.purgeCache(off, { all: true }), { code: "vector_cache_off" });
  off.close();
});

test("no text of a document and no name of one is in the cache", async () => {
  const dir = await scratch("reuse");
  await denseOf(options(dir), corpus);
  const bytes = await readFile(join(dir, "vectors.sqlite"));
  for (const word of ["Sentence", "tides", "d7.md", "Document"]) assert.equal(bytes.indexOf(word), -1, word);
  assert.ok(bytes.indexOf("sample-dense") > 0, "names of models are, so the search can find something");
});
