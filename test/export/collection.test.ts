import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { contentUuid } from "../../dist/core/hash.js";
import { writeCollection } from "../../dist/export/collection.js";
import { MANIFEST_FILE } from "../../dist/export/names.js";
import { openChunkWriter } from "../../dist/store/chunks.js";
import { readMatrix, writeNpy } from "../../dist/store/npy.js";
import { chunkOf, exportTo, makeSource, QUERY } from "./corpus.ts";

let dir = "";
before(async () => {
  dir = await mkdtemp(join(tmpdir(), "rag-collection-"));
});
after(() => rm(dir, { recursive: true, force: true }));

let made = 0;
const fresh = () => join(dir, `out-${made++}`);
const lines = async (path: string) =>
  (await readFile(path, "utf8"))
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));
const json = async (path: string) => JSON.parse(await readFile(path, "utf8"));

describe("writeCollection", () => {
  it("writes points that hold text, metadata and every vector of their chunk", async () => {
    const source = await makeSource(join(dir, "full"), { rows: 23, dim: 8, several: true });
    const out = fresh();
    await writeCollection(out, source);
    const points = await lines(join(out, "test_corpus_qdrant.jsonl"));
    const fused = await readMatrix(join(out, "test_corpus_embeddings.npy"));
    assert.equal(points.length, 23);
    assert.deepEqual([fused.rows, fused.dim], [23, 16]);
    for (const [row, point] of points.entries()) {
      const chunk = chunkOf(row);
      assert.deepEqual(Object.keys(point).sort(), ["id", "payload", "vector"]);
      assert.equal(point.id, contentUuid(chunk.id));
      assert.equal(point.payload.text, chunk.text);
      assert.equal(point.payload.hierarchy_path, chunk.sectionPath.join(" > "));
      assert.deepEqual(
        [point.payload.chunk_id, point.payload.row, point.payload.source_path, point.payload.token_count],
        [chunk.id, row, chunk.document, chunk.tokens],
      );
      assert.deepEqual(Float32Array.from(point.vector.fused), fused.data.slice(row * 16, row * 16 + 16));
      const expected = ["fused", "model-a", "model-a-sparse", "org_model_b"];
      // Every ninth row has no term in BM25.
      if (row % 9 !== 8) expected.unshift("bm25");
      assert.deepEqual(Object.keys(point.vector).sort(), expected, `row ${row}`);
    }
    assert.deepEqual(await json(join(out, "test_corpus_qdrant_collection.json")), {
      vectors: {
        fused: { size: 16, distance: "Cosine" },
        "model-a": { size: 8, distance: "Cosine" },
        org_model_b: { size: 8, distance: "Cosine" },
      },
      sparse_vectors: { "model-a-sparse": {}, bm25: {} },
    });
  });

  it("writes texts untouched, metadata without them, and sparse lines that say their engine", async () => {
    const source = await makeSource(join(dir, "files"), { rows: 12, dim: 4 });
    const out = fresh();
    await writeCollection(out, source);
    assert.deepEqual(
      await json(join(out, "test_corpus_texts.json")),
      Array.from({ length: 12 }, (_, row) => chunkOf(row).text),
    );
    const metadata = await json(join(out, "test_corpus_metadata.json"));
    assert.equal(metadata[5].id, contentUuid(chunkOf(5).id));
    assert.ok(metadata.every((entry: object) => !("text" in entry)));
    const splade = await lines(join(out, "test_corpus_sparse.jsonl"));
    const bm25 = await lines(join(out, "test_corpus_bm25_sparse.jsonl"));
    assert.deepEqual([splade[3].id, splade[3].engine, splade[3].space], [3, "splade", "word-pieces:test"]);
    assert.deepEqual(
      [bm25[8].engine, bm25[8].sparse_vector, bm25[8].tokens],
      ["bm25", { indices: [], values: [] }, []],
    );
    assert.deepEqual(
      bm25[0].tokens,
      bm25[0].sparse_vector.indices.map((index: number) => `term${index}`),
    );
    assert.equal((await readFile(join(out, "test_corpus_bm25_vocabulary.txt"), "utf8")).split("\n")[7], "term7");
  });

  it("lists each file with its rows, size and hash, and keeps queries out of all of them", async () => {
    const source = await makeSource(join(dir, "list"), { rows: 9, dim: 4 });
    const out = fresh();
    const artefacts = await exportTo(out, source);
    assert.deepEqual(
      artefacts
        .map(({ path }) => path)
        .concat(MANIFEST_FILE)
        .sort(),
      (await readdir(out)).sort(),
    );
    for (const { path, bytes, rows, role } of artefacts) {
      const text = await readFile(join(out, path));
      assert.equal(text.length, bytes, path);
      assert.equal(text.includes(QUERY), false, path);
      if (["dense", "index", "metadata", "texts", "sparse", "points"].includes(role)) assert.equal(rows, 9, path);
    }
    const ranking = await json(join(out, "test_corpus_rerank.json"));
    assert.deepEqual(ranking.queries[0].scores, [2.1, 1.1, 0.1]);
    assert.equal(ranking.queries[0].point_ids[0], contentUuid(chunkOf(3).id));
  });

  it("gives the same bytes each time, and the same dense files where sparse and rerank never were", async () => {
    const source = await makeSource(join(dir, "same"), { rows: 15, dim: 4, several: true });
    const [a, b, c] = [fresh(), fresh(), fresh()];
    const first = await writeCollection(a, source);
    assert.deepEqual(await writeCollection(b, source), first);
    const alone = await writeCollection(c, { ...source, sparse: null, rerank: null });
    const dense = (roles: string[]) => first.filter(({ role }) => roles.includes(role));
    const kept = ["dense", "index", "metadata", "texts"];
    assert.deepEqual(
      alone.filter(({ role }) => kept.includes(role)),
      dense(kept),
    );
    assert.deepEqual(
      alone.filter(({ role }) => ["sparse", "vocabulary", "rerank"].includes(role)),
      [],
    );
    const [point] = await lines(join(c, "test_corpus_qdrant.jsonl"));
    assert.deepEqual(Object.keys(point.vector), ["fused", "model-a", "org_model_b"]);
    assert.deepEqual((await json(join(c, "test_corpus_qdrant_collection.json"))).sparse_vectors, {});
  });

  it("writes a collection of sparse vectors alone, and one without rows", async () => {
    const source = await makeSource(join(dir, "sparse-only"), { rows: 5, dim: 4 });
    const out = fresh();
    const artefacts = await writeCollection(out, { ...source, dense: null });
    assert.deepEqual(
      artefacts.filter(({ role }) => role === "dense" || role === "index"),
      [],
    );
    const [point] = await lines(join(out, "test_corpus_qdrant.jsonl"));
    assert.deepEqual(Object.keys(point.vector), ["model-a", "bm25"]);
    const none = await makeSource(join(dir, "none"), { rows: 0, dim: 4, rerank: false });
    const empty = await writeCollection(fresh(), none);
    assert.deepEqual(
      empty.filter(({ role, rows }) => role !== "vocabulary" && rows !== undefined && rows !== 0),
      [],
    );
  });

  it("names the chunk of a vector that no store takes", async () => {
    const source = await makeSource(join(dir, "nan"), { rows: 20, dim: 4 });
    const dense = source.dense as NonNullable<typeof source.dense>;
    const data = (await readMatrix(join(dense.dir, "v0.npy"))).data;
    data[4 * 13 + 2] = Number.NaN;
    await writeNpy(join(dense.dir, "v0.npy"), data, [20, 4]);
    await assert.rejects(writeCollection(fresh(), source), {
      code: "non_finite",
      message: /Vector "model-a" of chunk "guide\/doc-3\.md#13" \(row 13, /,
    });
  });

  it("refuses vectors of another corpus and chunks that come twice", async () => {
    const source = await makeSource(join(dir, "other"), { rows: 6, dim: 4 });
    const other = await makeSource(join(dir, "other-7"), { rows: 7, dim: 4 });
    await assert.rejects(writeCollection(fresh(), { ...source, dense: other.dense }), {
      code: "rows_differ",
      message: /"model-a" has 7 rows and the corpus 6 chunks/,
    });
    await assert.rejects(writeCollection(fresh(), { ...source, dense: null, sparse: other.sparse }), {
      code: "rows_differ",
    });
    const writer = await openChunkWriter(source.chunks.dir);
    const record = { document: "d", documentId: "d", sha256: "0".repeat(64), bytes: 0, characters: 0, chunks: 6 };
    await writer.add(record, [0, 1, 2, 3, 4, 1].map(chunkOf));
    await writer.finish();
    await assert.rejects(writeCollection(fresh(), source), {
      code: "duplicate_point",
      message: /"guide\/doc-1\.md#1" comes twice, the second time in row 5/,
    });
  });

  it("refuses names that are no folder for Qdrant", async () => {
    const source = await makeSource(join(dir, "names"), { rows: 1, dim: 4 });
    for (const collection of ["", "../up", "a/b", "a\nb", "-a", "x".repeat(129), "日本"]) {
      await assert.rejects(writeCollection(fresh(), { ...source, collection }), { code: "bad_collection_name" });
    }
  });

  it("takes the manifest away first, and leaves no half files when it is stopped", async () => {
    const source = await makeSource(join(dir, "stop"), { rows: 2000, dim: 16 });
    const out = fresh();
    await exportTo(out, source);
    const stop = new AbortController();
    const progress: number[] = [];
    const onProgress = (done: number, total: number) => {
      progress.push(done);
      if (done > total / 2) stop.abort(new Error("stopped here"));
    };
    await assert.rejects(writeCollection(out, source, { signal: stop.signal, onProgress }), /stopped here/);
    assert.equal(existsSync(join(out, MANIFEST_FILE)), false);
    assert.deepEqual(
      (await readdir(out)).filter((name) => name.endsWith(".tmp")),
      [],
    );
    assert.ok(progress.length > 2 && progress.every((done, i) => i === 0 || done > (progress[i - 1] as number)));
  });

  it("replaces what other parsers refuse, in every file alike", async () => {
    const source = await makeSource(join(dir, "surrogate"), { rows: 1, dim: 4, sparse: false, rerank: false });
    const writer = await openChunkWriter(source.chunks.dir);
    const record = { document: "d", documentId: "d", sha256: "0".repeat(64), bytes: 0, characters: 0, chunks: 1 };
    await writer.add(record, [{ ...chunkOf(0), text: "half \ud83d of an emoji" }]);
    await writer.finish();
    const out = fresh();
    await writeCollection(out, source);
    assert.equal((await lines(join(out, "test_corpus_qdrant.jsonl")))[0].payload.text, "half \ufffd of an emoji");
    assert.deepEqual(await json(join(out, "test_corpus_texts.json")), ["half \ufffd of an emoji"]);
  });

  it("says where a sparse run's arrays do not fit together", async () => {
    const source = await makeSource(join(dir, "misfit"), { rows: 4, dim: 4 });
    const sparse = source.sparse as NonNullable<typeof source.sparse>;
    await writeNpy(join(sparse.dir, "bm25.values.npy"), Float32Array.of(1), [1]);
    await assert.rejects(writeCollection(fresh(), source), {
      code: "array_damaged",
      message: /do not make 4 sparse rows/,
    });
    await writeFile(join(sparse.dir, "bm25.values.npy"), "");
    await assert.rejects(writeCollection(fresh(), source), { code: "array_damaged" });
  });
});
