/** A small collection made of real files on disk, in the form the stages leave them. No session is needed. */
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { contentId, sha256 } from "../../dist/core/hash.js";
import { type CollectionSource, writeCollection, writeManifest } from "../../dist/export/collection.js";
import { buildSummary, type SummaryInput } from "../../dist/export/summary.js";
import { togglesOf } from "../../dist/export/toggles.js";
import type { ManifestArtefact, ProcessingSummary } from "../../dist/schema/manifest.js";
import type {
  Chunk,
  ChunkRun,
  DenseRun,
  ModelUse,
  RerankRun,
  SparseRun,
  StageTelemetry,
} from "../../dist/schema/types.js";
import { openChunkWriter } from "../../dist/store/chunks.js";
import { writeNpy } from "../../dist/store/npy.js";

/** Texts with what breaks careless formats: quotes, line ends, other scripts, emoji, a tab, markup. */
export const TEXTS = [
  'Export a table\n\n| a | b |\n|---|---|\n| 1 | "2" |\n',
  "```python\ndef f(x):\n\treturn x  # tab and two spaces\n```",
  "Größe, naïve café, 日本語のテキスト, עברית, 👩‍💻 emoji.",
  "<script>alert('x')</script> & <b>markup</b> \\u0041 \\n as text",
  "line separator \u2028 and nul \u0000 and bell \u0007",
  "A plain paragraph about vector search and neighbours.",
  "Another paragraph, about sparse vectors and terms.",
];

const telemetry = (batches: number, model: string): StageTelemetry => ({
  startedAt: "2026-11-20T10:00:00.000Z",
  finishedAt: "2026-11-20T10:00:02.500Z",
  seconds: 2.5,
  phases: { load: 0.5, encode: 1.75 },
  batches: Array.from({ length: batches }, (_, index) => ({
    index,
    model,
    device: "cpu",
    rows: 4,
    microBatches: [4],
    tokens: 40,
    paddedTokens: 48,
    seconds: 0.25 + index / 8,
    at: 1 + index,
  })),
  devices: [],
  leases: [],
  events: [],
  memory: [
    {
      device: "cpu",
      source: "resident set",
      interval: "every batch",
      capBytes: null,
      peakBytes: 5e7,
      points: [
        { at: 1, bytes: 4e7 },
        { at: 2, bytes: 5e7 },
      ],
    },
  ],
});

export const model = (key: string): ModelUse => ({
  key,
  hubId: `example/${key}`,
  revision: "0123456789abcdef0123456789abcdef01234567",
  fingerprint: sha256(key),
  servedFrom: "models/model",
  dtype: "fp32",
  device: "cpu",
  maxTokens: 256,
  pooling: "mean",
  documentPrefix: "",
  queryPrefix: "",
});

const base = <K extends string>(kind: K, dir: string, chunk: string, batches: number) => ({
  kind,
  id: contentId(kind, { dir: kind }),
  session: "test",
  dir,
  reused: false,
  resumedBatches: 0,
  inputs: { chunk },
  settings: {},
  setBy: { settings: {}, models: {} },
  notes: kind === "dense" ? [{ code: "truncated", message: "2 chunks were cut.", count: 2 }] : [],
  telemetry: telemetry(batches, kind === "dense" ? "model-a" : kind),
});

/** Numbers in -1 .. 1, the same on every run. */
export function noise(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 31 - 1;
  };
}

/** Unit rows of noise. */
export function unitRows(rows: number, dim: number, seed: number): Float32Array {
  const next = noise(seed);
  const data = Float32Array.from({ length: rows * dim }, next);
  for (let r = 0; r < rows; r++) {
    const row = data.subarray(r * dim, (r + 1) * dim);
    const length = Math.hypot(...row);
    row.forEach((value, i) => {
      row[i] = value / length;
    });
  }
  return data;
}

export function chunkOf(row: number): Chunk {
  const text = `${TEXTS[row % TEXTS.length]} (${row})`;
  return {
    id: `guide/doc-${row % 5}.md#${row}`,
    document: `guide/doc-${row % 5}.md`,
    documentId: sha256(`doc-${row % 5}`).slice(0, 16),
    index: Math.floor(row / 5),
    text,
    start: row * 100,
    ownStart: row * 100,
    end: row * 100 + text.length,
    sectionPath: row % 3 === 0 ? [] : ["Guide", `Section "${row % 5}"`],
    contentType: row % 7 === 0 ? "table" : row % 7 === 1 ? "code" : "prose",
    tokens: 12 + (row % 9),
    scores: { density: 0.5, structure: 1 },
  };
}

export interface CorpusOptions {
  readonly rows: number;
  readonly dim?: number;
  /** Also a second dense model and the fused vectors. */
  readonly several?: boolean;
  readonly sparse?: boolean;
  readonly rerank?: boolean;
}

/** Writes the runs' files below `dir` and returns the runs. */
export async function makeSource(dir: string, options: CorpusOptions): Promise<CollectionSource> {
  const { rows, dim = 48 } = options;
  const at = async (name: string) => {
    const folder = join(dir, name);
    await mkdir(folder, { recursive: true });
    return folder;
  };
  const chunkDir = await at("chunk");
  const writer = await openChunkWriter(chunkDir);
  const document = {
    document: "guide/doc.md",
    documentId: "d",
    sha256: sha256("d"),
    bytes: 1,
    characters: 1,
    chunks: rows,
  };
  for (let from = 0; from < rows; from += 1000) {
    await writer.add(
      document,
      Array.from({ length: Math.min(1000, rows - from) }, (_, r) => chunkOf(from + r)),
    );
  }
  await writer.finish();
  const chunks: ChunkRun = {
    ...base("chunk", chunkDir, "", 0),
    count: rows,
    documents: 5,
    characters: rows * 100,
    accounted: { blank: 7 },
    tokens: rows * 16,
    limit: { tokens: 256, model: "model-a" },
    models: [model("model-a")],
    tokenBins: [],
    contentTypes: { prose: rows, code: 0, table: 0, list: 0, front_matter: 0 },
    largest: [],
  };

  const denseDir = await at("dense");
  const names = options.several ? ["model-a", "org/model b", "fused"] : ["model-a"];
  const vectors = [];
  for (const [i, name] of names.entries()) {
    const file = `v${i}.npy`;
    const width = name === "fused" ? dim * 2 : dim;
    await writeNpy(join(denseDir, file), unitRows(rows, width, i + 1), [rows, width]);
    vectors.push({
      name,
      model: name === "fused" ? null : model(name),
      file,
      rows,
      dim: width,
      matryoshka: [],
      truncated: 2,
      lostTokens: 9,
      tokens: rows * 16,
      paddedTokens: rows * 20,
      reused: 0,
    });
  }
  const dense: DenseRun = {
    ...base("dense", denseDir, chunks.id, 4),
    count: rows,
    vectors,
    primary: names.at(-1) as string,
    fusion: { method: options.several ? "concat" : "none", weights: { "model-a": 1 } },
    nearestBins: [],
  };
  return {
    collection: "test corpus",
    chunks,
    dense,
    sparse: options.sparse === false ? null : await makeSparse(await at("sparse"), chunks.id, rows),
    rerank: options.rerank === false ? null : makeRerank(chunks.id, rows),
    tokenizers: new Map(),
  };
}

/** SPLADE-like and BM25-like vectors; every ninth BM25 row is empty. */
async function makeSparse(dir: string, chunk: string, rows: number): Promise<SparseRun> {
  const vectors = [];
  for (const [e, name] of ["model-a", "bm25"].entries()) {
    const next = noise(e + 50);
    const indptr = new Float64Array(rows + 1);
    const indices: number[] = [];
    const values: number[] = [];
    let emptyRows = 0;
    for (let r = 0; r < rows; r++) {
      const terms =
        name === "bm25" && r % 9 === 8
          ? []
          : [...new Set(Array.from({ length: 6 }, () => Math.floor((next() + 1) * 100)))].sort((a, b) => a - b);
      if (terms.length === 0) emptyRows++;
      indices.push(...terms);
      values.push(...terms.map(() => Math.fround(Math.abs(next()) + 0.01)));
      indptr[r + 1] = indices.length;
    }
    const files = { indptr: `${name}.indptr.npy`, indices: `${name}.indices.npy`, values: `${name}.values.npy` };
    await writeNpy(join(dir, files.indptr), indptr, [rows + 1], "int64");
    await writeNpy(join(dir, files.indices), Uint32Array.from(indices), [indices.length]);
    await writeNpy(join(dir, files.values), Float32Array.from(values), [values.length]);
    const bm25 = name === "bm25";
    if (bm25) await writeFile(join(dir, "bm25.txt"), Array.from({ length: 200 }, (_, i) => `term${i}\n`).join(""));
    vectors.push({
      name,
      engine: bm25 ? ("bm25" as const) : ("splade" as const),
      model: bm25 ? null : model(name),
      space: bm25 ? "bm25:test" : "word-pieces:test",
      rows,
      terms: indices.length,
      coverage: (rows - emptyRows) / Math.max(1, rows),
      emptyRows,
      truncated: 0,
      lostTokens: 0,
      reused: 0,
      files,
      vocabulary: bm25 ? "bm25.txt" : null,
      termBins: [],
    });
  }
  return { ...base("sparse", dir, chunk, 2), count: rows, vectors, primary: "model-a" };
}

export const QUERY = "a query whose text must stay in memory";

function makeRerank(chunk: string, rows: number): RerankRun {
  const candidates = [3, 1, 0]
    .filter((row) => row < rows)
    .map((row, i) => ({
      row,
      chunkId: chunkOf(row).id,
      document: chunkOf(row).document,
      section: "Guide",
      score: 0.5 / (i + 1),
      ranks: { "dense:model-a": i + 1 },
      logit: Math.fround(2.1 - i),
      before: 3 - i,
    }));
  return {
    ...base("rerank", "", chunk, 1),
    model: model("cross"),
    results: [{ queryId: sha256(QUERY).slice(0, 16), queryLength: QUERY.length, source: "operator", candidates }],
    queries: {
      kind: "queries",
      id: "q",
      notes: [],
      queries: [{ id: sha256(QUERY).slice(0, 16), text: QUERY, source: "operator" }],
    },
    pairs: 3,
    truncated: 1,
    lostTokens: 5,
    logitBins: [],
  };
}

const unset = { layer: "default", source: "default" } as const;

/** Toggles as a session has them. */
export function toggles(enableRerank = true, enableSparse = true) {
  const source = { layer: "environment", source: "env" } as const;
  return togglesOf(
    { enableRerank, enableSparse, sparse: ["model-a", "bm25"] },
    { enableRerank: enableRerank ? unset : source, enableSparse: enableSparse ? unset : source, sparse: unset },
  );
}

/** The manifest of a written source, with fixed times. */
export function summaryOf(
  source: CollectionSource,
  artefacts: readonly ManifestArtefact[],
  over: Partial<SummaryInput> = {},
): ProcessingSummary {
  return buildSummary({
    collection: source.collection,
    generatedAt: "2026-11-20T11:00:00.000Z",
    toggles: toggles(),
    chunks: source.chunks,
    dense: source.dense,
    sparse: source.sparse,
    rerank: source.rerank,
    artefacts,
    measure: {
      startedAt: "2026-11-20T10:59:00.000Z",
      finishedAt: "2026-11-20T10:59:01.500Z",
      files: artefacts.length,
      bytes: 2_000_000,
    },
    ...over,
  });
}

/** A whole export in `folder`. */
export async function exportTo(folder: string, source: CollectionSource): Promise<ManifestArtefact[]> {
  const artefacts = await writeCollection(folder, source);
  await writeManifest(folder, summaryOf(source, artefacts));
  return artefacts;
}
