import assert from "node:assert/strict";
import { cp, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { before, test } from "node:test";
import { jsonDifference } from "../../dist/core/json-difference.js";
import * as rag from "../../dist/index.js";
import { artefactsOf } from "../../dist/parity/artefacts.js";
import { compareSides } from "../../dist/parity/compare.js";
import { type MadeSide, makeSide } from "../../dist/parity/sides.js";
import { tracesOf } from "../../dist/parity/traces.js";
import { classOf } from "../../dist/runtime/instruction-set.js";
import { corpusOf, sampleOptions, scratch, smallCorpus } from "../lib/sample.ts";

const never = new AbortController().signal;
let off: MadeSide;
let on: MadeSide;
let chunks: readonly rag.Chunk[];

before(async () => {
  const row = rag.listModels().find(({ key }) => key === "sample-dense") as rag.ModelCard;
  const session = await rag.openSession(
    sampleOptions(await scratch("parity"), {
      dense: ["sample-dense", "twin"],
      addModels: [{ ...row, key: "twin", documentPrefix: "a twin: " }],
    }),
  );
  const files = join(await corpusOf(smallCorpus), "**/*");
  off = await makeSide(session, join(session.dir, "off"), { files }, false);
  on = await makeSide(session, join(session.dir, "on"), { files }, true);
  chunks = await rag.readChunks(off.chunks);
  session.close();
});

/** A copy of the side with both stages on, to be altered. */
async function altered(harm: (side: MadeSide) => Promise<void>): Promise<MadeSide> {
  const dir = await scratch("altered");
  await cp(on.sessionDir, dir, { recursive: true });
  const moved = <T extends { readonly dir: string }>(run: T): T => ({
    ...run,
    dir: join(dir, run.dir.slice(on.sessionDir.length)),
  });
  const side: MadeSide = {
    sessionDir: dir,
    chunks: moved(on.chunks),
    dense: moved(on.dense),
    exported: { ...moved(on.exported), folder: dir },
  };
  await harm(side);
  return side;
}

/** Alters one float32 of a file whose rows begin at `start`. */
async function alterFloat(path: string, row: number, dim: number, dimension: number, start: number): Promise<void> {
  const bytes = await readFile(path);
  const at = start + 4 * (row * dim + dimension);
  bytes.writeFloatLE(bytes.readFloatLE(at) + 2 ** -24, at);
  await writeFile(path, bytes);
}

async function alterLine(path: string, line: number, from: RegExp, to: string): Promise<void> {
  const lines = (await readFile(path, "utf8")).split("\n");
  const before = lines[line] as string;
  lines[line] = before.replace(from, to);
  assert.notEqual(lines[line], before);
  await writeFile(path, lines.join("\n"));
}

test("with both stages on and off, every dense artefact is the same, the fused vectors too", async () => {
  const { artefacts, difference } = await compareSides(off, on, never);
  assert.equal(difference, null);
  assert.ok(artefacts.every(({ equal }) => equal));
  assert.deepEqual(
    artefacts.map(({ name }) => name),
    [
      "chunk run, chunks.jsonl",
      "chunk run, chunks.offsets.npy",
      "chunk run, documents.jsonl",
      "dense run, sample-dense.vectors.npy",
      "dense run, twin.vectors.npy",
      "dense run, fused.vectors.npy",
      "export, parity_embeddings.npy",
      "export, parity_sample-dense_embeddings.npy".replace("sample-dense", "sample_dense"),
      "export, parity_twin_embeddings.npy",
      "export, parity_index.faiss",
      "export, parity_metadata.json",
      "export, parity_texts.json",
      "export, parity_qdrant.jsonl, dense part",
      "export, parity_qdrant_collection.json, vectors",
      "export, parity_stats.json, dense part",
    ],
  );
  const points = await readFile(join(on.exported.folder, "parity_qdrant.jsonl"), "utf8");
  assert.match(points, /"bm25":\{"indices"/, "with both on the points have sparse vectors, which are left out");
});

test("one float of a model's vectors: its file, row, chunk and dimension are named, and both values", async () => {
  const side = await altered((s) => alterFloat(join(s.dense.dir, "twin.vectors.npy"), 3, 128, 17, 128));
  const { difference, artefacts } = await compareSides(off, side, never);
  assert.deepEqual(
    [difference?.artefact, difference?.row, difference?.chunkId, difference?.field],
    ["dense run, twin.vectors.npy", 3, chunks[3]?.id, "dimension 17"],
  );
  assert.deepEqual(difference?.between, ["with both stages off", "with both stages on"]);
  const [a, b] = (difference as rag.ParityDifference).values.map(Number) as [number, number];
  assert.ok(a !== b && Math.abs(a - b) < 1e-6);
  assert.deepEqual(
    artefacts.filter(({ equal }) => !equal).map(({ name }) => name),
    ["dense run, twin.vectors.npy"],
  );
});

test("each other artefact, altered in one place, is named with the place", async () => {
  const cases: [string, (side: MadeSide) => Promise<void>, number | null, string][] = [
    ["chunk run, chunks.jsonl", (s) => alterLine(join(s.chunks.dir, "chunks.jsonl"), 2, /"text":"/, "$&x"), 2, "text"],
    [
      "chunk run, documents.jsonl",
      (s) => alterLine(join(s.chunks.dir, "documents.jsonl"), 1, /"bytes":/, "$&1"),
      1,
      "bytes",
    ],
    [
      "export, parity_embeddings.npy",
      (s) => alterFloat(join(s.exported.folder, "parity_embeddings.npy"), 1, 128, 0, 128),
      1,
      "dimension 0",
    ],
    [
      "export, parity_index.faiss",
      (s) => alterFloat(join(s.exported.folder, "parity_index.faiss"), 2, 128, 127, 45),
      2,
      "dimension 127",
    ],
    [
      "export, parity_metadata.json",
      (s) => alterLine(join(s.exported.folder, "parity_metadata.json"), 5, /"token_count":/, "$&1"),
      4,
      "token_count",
    ],
    [
      "export, parity_texts.json",
      (s) => alterLine(join(s.exported.folder, "parity_texts.json"), 1, /"/, '"x'),
      0,
      "value",
    ],
    [
      "export, parity_qdrant.jsonl, dense part",
      (s) => alterLine(join(s.exported.folder, "parity_qdrant.jsonl"), 2, /"scores":\{"density":/, "$&1"),
      2,
      "payload.scores.density",
    ],
    [
      "export, parity_qdrant.jsonl, dense part",
      (s) => alterLine(join(s.exported.folder, "parity_qdrant.jsonl"), 2, /"twin":\[/, "$&0.5,"),
      2,
      "vector.twin[0]",
    ],
    [
      "export, parity_qdrant_collection.json, vectors",
      (s) => alterLine(join(s.exported.folder, "parity_qdrant_collection.json"), 3, /128/, "129"),
      0,
      "fused.size",
    ],
    [
      "export, parity_stats.json, dense part",
      (s) => alterLine(join(s.exported.folder, "parity_stats.json"), 3, /\d+/, "99"),
      0,
      "chunk_stats.total_chunks",
    ],
  ];
  for (const [name, harm, row, field] of cases) {
    const { difference } = await compareSides(off, await altered(harm), never);
    assert.deepEqual([difference?.artefact, difference?.row, difference?.field], [name, row, field], name);
    const ofChunk = !/documents|collection|stats/.test(name);
    assert.equal(difference?.chunkId, ofChunk ? chunks[row as number]?.id : null, name);
  }
});

test("a row too few, and a file that only one side has", async () => {
  const shorter = await altered(async (s) => {
    const path = join(s.chunks.dir, "chunks.jsonl");
    const lines = (await readFile(path, "utf8")).trimEnd().split("\n");
    await writeFile(path, `${lines.slice(0, -1).join("\n")}\n`);
  });
  const { difference } = await compareSides(off, shorter, never);
  assert.deepEqual(
    [difference?.row, difference?.field, difference?.values[1]],
    [chunks.length - 1, "rows", `${chunks.length - 1} rows`],
  );
  const fewer = { ...on, dense: { ...on.dense, vectors: on.dense.vectors.slice(1) } };
  assert.equal((await compareSides(off, fewer, never)).difference?.artefact, "dense run, sample-dense.vectors.npy");
  assert.deepEqual((await compareSides(fewer, off, never)).difference?.values, ["missing", "there"]);
});

test("sparse vectors, rankings and times may differ: they are no part of it", async () => {
  const names = artefactsOf(on).map(({ name }) => name);
  assert.ok(!names.some((name) => /sparse\.jsonl|rerank|vocabulary|processing_summary/.test(name)));
  const side = await altered((s) =>
    alterLine(join(s.exported.folder, "parity_qdrant.jsonl"), 0, /"bm25":\{"indices":\[/, "$&0,"),
  );
  assert.equal((await compareSides(off, side, never)).difference, null);
});

test("with both off there is no trace of the stages but the toggles; with both on all kinds are found", async () => {
  assert.deepEqual(await tracesOf(off.sessionDir, off.exported.folder), []);
  const traces = await tracesOf(on.sessionDir, on.exported.folder);
  for (const trace of [
    "manifest: sparse_run",
    "manifest: rerank_run",
    "manifest: fusion_run",
    "manifest: telemetry.spans.rag.sparse",
    "manifest: telemetry.spans.rag.fusion",
    "manifest: telemetry.spans.rag.rerank",
    "manifest: telemetry.spans.rag.export.attributes.export_sparse_jsonl",
    "manifest: performance_baseline.stages.sparse",
    "manifest: performance_baseline.stages.fuse",
    "manifest: performance_baseline.hydration.per_stage.rerank",
    "manifest: artefact parity_bm25_vocabulary.txt (vocabulary)",
    "file: parity_sparse.jsonl",
    "file: parity_rerank.json",
    "runs: sparse",
    "runs: fuse",
    "runs: rerank",
  ])
    assert.ok(traces.includes(trace), `${trace} in ${traces.join(", ")}`);
});

test("the first difference of JSON values is named by its path", () => {
  assert.equal(jsonDifference({ a: [1, { b: 2 }] }, { a: [1, { b: 2 }] }), null);
  assert.deepEqual(jsonDifference({ a: [1, { b: 2 }] }, { a: [1, { b: 3 }] }), { path: "a[1].b", a: 2, b: 3 });
  assert.deepEqual(jsonDifference({ a: 1 }, { a: 1, c: null }), { path: "c", a: undefined, b: null });
  assert.deepEqual(jsonDifference([1, 2], [1]), { path: "[1]", a: 2, b: undefined });
  assert.equal(jsonDifference({}, [])?.path, "");
});

test("the class of vector instructions, by the system's list of flags", () => {
  const flags = (text: string) => classOf(`processor\t: 0\nflags\t\t: fpu sse2 ${text}\nbugs\t\t: none\n`);
  assert.equal(flags("avx avx2 fma avx512f avx512bw avx512dq avx512vl"), "avx512");
  assert.equal(flags("avx avx2 fma avx512f"), "avx2");
  assert.equal(flags("avx avx2"), "avx");
  assert.equal(flags(""), "sse");
  assert.equal(classOf("Features\t: asimd"), "unknown");
});
