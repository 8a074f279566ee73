/** Made-up runs with realistic numbers, the same on every call: what the tests of cards and charts look at. */
import { planBatches, rowsWithin } from "../../dist/core/batches.js";
import { sha256 } from "../../dist/core/hash.js";
import { histogram } from "../../dist/core/histogram.js";
import type {
  BatchRecord,
  Candidate,
  ChunkRun,
  DenseRun,
  ExportRun,
  FusedRun,
  MemorySeries,
  ModelUse,
  PrimeRun,
  QuerySet,
  RankedCandidate,
  RerankRun,
  Skipped,
  SparseRun,
  SparseVectors,
  StageTelemetry,
} from "../../dist/schema/types.js";

/** Seeded uniform numbers (mulberry32). */
export function randoms(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

function normals(seed: number): () => number {
  const next = randoms(seed);
  return () => Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next());
}

const MiB = 2 ** 20;

export function modelUse(key: string, more: Partial<ModelUse> = {}): ModelUse {
  return {
    key,
    hubId: `rag-cells/${key}`,
    revision: "content:5f2b9d01c77a4e10",
    fingerprint: sha256(key),
    servedFrom: `models/${key}`,
    dtype: "fp32",
    device: "cpu",
    maxTokens: 256,
    pooling: "mean",
    documentPrefix: "",
    queryPrefix: "",
    ...more,
  };
}

/** Batches as a real plan has them: longest texts first, time growing with tokens. */
export function batchesOf(
  model: string,
  rows: number,
  options: { seed?: number; from?: number; speed?: number; device?: string } = {},
): BatchRecord[] {
  const { seed = 1, from = 0.4, speed = 9000, device = "cpu" } = options;
  const next = normals(seed);
  const lengths = Array.from({ length: rows }, () => Math.round(Math.min(256, Math.max(8, 120 + 55 * next()))));
  let at = from;
  return planBatches(lengths, rowsWithin(1024)).batches.map((batch, index) => {
    const paddedTokens = batch.rows.length * batch.paddedTo;
    const tokens = batch.rows.reduce((n, row) => n + (lengths[row] as number), 0);
    const seconds = (paddedTokens / speed) * (1 + 0.06 * Math.abs(next()) + (index % 37 === 11 ? 0.5 : 0));
    at += seconds;
    return {
      index,
      model,
      device,
      rows: batch.rows.length,
      microBatches: [batch.rows.length],
      tokens,
      paddedTokens,
      seconds,
      at,
    };
  });
}

export function memoryOf(batches: readonly BatchRecord[], base = 180, more: Partial<MemorySeries> = {}): MemorySeries {
  const next = normals(7);
  const points = batches.map((b, i) => ({ at: b.at, bytes: (base + 95 * (1 - Math.exp(-i / 6)) + 4 * next()) * MiB }));
  return {
    device: "cpu",
    source: "resident set of the inference process",
    interval: "at the end of every batch; the peak is the system's own high-water mark",
    capBytes: null,
    peakBytes: Math.max(...points.map((p) => p.bytes)) + 22 * MiB,
    points,
    ...more,
  };
}

function telemetry(seconds: number, more: Partial<StageTelemetry> = {}): StageTelemetry {
  return {
    startedAt: "2026-11-20T19:39:15.000Z",
    finishedAt: "2026-11-20T19:39:27.000Z",
    seconds,
    phases: {},
    batches: [],
    memory: [],
    devices: [],
    leases: [],
    events: [],
    ...more,
  };
}

function base<K extends string>(kind: K) {
  return {
    kind,
    id: `${kind}-${sha256(kind).slice(0, 16)}`,
    session: "sample",
    dir: `.rag-cells/sample/${kind}`,
    reused: false,
    resumedBatches: 0,
    inputs: {},
    settings: {},
    setBy: { settings: {}, models: {} },
    notes: [],
    telemetry: telemetry(0.2),
  };
}

export function primeRun(): PrimeRun {
  const files = (key: string, weights: number) =>
    [
      ["onnx/model.onnx", weights],
      ["tokenizer.json", 182_331],
      ["tokenizer_config.json", 1_214],
      ["config.json", 644],
    ].map(([path, bytes]) => ({ path: String(path), bytes: Number(bytes), sha256: sha256(`${key}${path}`) }));
  const primed = (key: string, role: "dense" | "sparse" | "rerank", weights: number) => {
    const list = files(key, weights);
    return {
      model: modelUse(key),
      role,
      licence: "MIT",
      commercialUse: true,
      files: list,
      bytes: list.reduce((n, f) => n + f.bytes, 0),
    };
  };
  const models = [
    primed("sample-bi-encoder", "dense", 3_821_554),
    primed("sample-splade", "sparse", 3_977_120),
    primed("sample-cross-encoder", "rerank", 3_912_006),
  ];
  return {
    ...base("prime"),
    models,
    bytes: models.reduce((n, m) => n + m.bytes, 0),
    fetched: null,
    telemetry: telemetry(0.082, { phases: { hash: 0.061, locate: 0.012 } }),
  };
}

const DOCUMENTS = [
  "retrieval/chunking.md",
  "runtime/prometheus-histograms.md",
  "retrieval/bm25.md",
  "reference/configuration/every-setting-of-a-session-and-who-may-set-it.md",
  "retrieval/similarity.md",
  "runtime/batching.md",
  "how-to/attach-a-model-cache.md",
  "start-here.md",
  "runtime/release-night.txt",
];

export function chunkRun(): ChunkRun {
  const next = normals(3);
  const tokens = Array.from({ length: 412 }, () => Math.round(Math.min(256, Math.max(9, 140 + 62 * next()))));
  return {
    ...base("chunk"),
    count: 412,
    documents: 46,
    characters: 231_904,
    accounted: { blank: 3_120 },
    tokens: tokens.reduce((a, b) => a + b, 0),
    limit: { tokens: 256, model: "sample-bi-encoder" },
    models: [modelUse("sample-bi-encoder")],
    tokenBins: histogram(tokens),
    contentTypes: { prose: 291, code: 58, table: 31, list: 27, front_matter: 5 },
    largest: DOCUMENTS.map((document, i) => ({ document, chunks: 24 - 2 * i, tokens: (24 - 2 * i) * 140 })),
    telemetry: telemetry(0.61, { phases: { read: 0.05, split: 0.4, save: 0.08 } }),
  };
}

export function denseRun(): DenseRun {
  const batches = batchesOf("sample-bi-encoder", 412);
  const next = normals(5);
  const nearest = Array.from({ length: 400 }, () => Math.min(1, Math.max(0.1, 0.71 + 0.11 * next())));
  return {
    ...base("dense"),
    count: 412,
    vectors: [
      {
        name: "sample-bi-encoder",
        model: modelUse("sample-bi-encoder"),
        file: "sample-bi-encoder.npy",
        rows: 412,
        dim: 128,
        matryoshka: [64, 32],
        truncated: 3,
        lostTokens: 71,
        tokens: batches.reduce((n, b) => n + b.tokens, 0),
        paddedTokens: batches.reduce((n, b) => n + b.paddedTokens, 0),
        reused: 0,
      },
    ],
    primary: "sample-bi-encoder",
    fusion: { method: "none", weights: {} },
    nearestBins: histogram(nearest),
    notes: [
      {
        code: "truncated",
        message: "3 texts are longer than sample-bi-encoder reads; their ends are not in the vectors.",
        count: 3,
      },
    ],
    resumedBatches: 12,
    telemetry: telemetry(6.9, {
      batches,
      memory: [memoryOf(batches)],
      phases: { load: 0.41, encode: 6.1, save: 0.06 },
    }),
  };
}

/** Two models on two GPUs with a cap, many batches: what the sample does not show. */
/** Two models one after another on two GPUs, with everything that can happen there. */
export function gpuDenseRun(): DenseRun {
  const run = denseRun();
  const one = run.vectors[0];
  if (!one) throw new Error("the sample has vectors");
  const models = ["bge-small-en-v1.5", "bge-m3"];
  const names = ["cuda:0", "cuda:1"];
  const starts = [3, 30];
  const batches = models.flatMap((model, m) =>
    names.flatMap((device, d) =>
      batchesOf(model, 12_000, {
        speed: m === 0 ? 64_000 : 30_000,
        device,
        seed: 20 + 2 * m + d,
        from: starts[m] as number,
      }),
    ),
  );
  const end = Math.max(...batches.map(({ at }) => at));
  const next = normals(31);
  const series = names.map((device, d): MemorySeries => {
    const points = Array.from({ length: Math.floor(end * 4) }, (_, i) => {
      const at = i / 4;
      const model = at < 3 ? null : at < 28 - d ? 0 : at < 30 ? null : 1;
      const grown = model === null ? 0 : (model === 0 ? 3.2e9 : 8.1e9) * (1 - Math.exp((starts[model] as number) - at));
      return {
        at,
        bytes: 0.31e9 + (model === null ? 0 : 0.9e9 + Math.floor(grown / 1.07e9) * 1.07e9) + 2e6 * Math.abs(next()),
      };
    });
    const peakBytes = Math.max(...points.map(({ bytes }) => bytes));
    return { device, source: "nvidia-smi memory.used", interval: "every 250 ms", capBytes: 12e9, peakBytes, points };
  });
  const sum = (of: readonly BatchRecord[], pick: (b: BatchRecord) => number) => of.reduce((n, b) => n + pick(b), 0);
  const devices = models.flatMap((model, m) =>
    names.map((name, index) => {
      const mine = batches.filter((b) => b.model === model && b.device === name);
      const passSeconds = Math.max(...mine.map(({ at }) => at)) - (starts[m] as number);
      return {
        device: {
          kind: "cuda" as const,
          name,
          product: "Tesla T4",
          index,
          uuid: `GPU-0000000${index}`,
          memoryBytes: 16e9,
          computeCapability: "7.5",
        },
        model,
        batches: mine.length,
        rows: sum(mine, (b) => b.rows),
        tokens: sum(mine, (b) => b.tokens),
        paddedTokens: sum(mine, (b) => b.paddedTokens),
        busySeconds: sum(mine, (b) => b.seconds),
        passSeconds: passSeconds * 1.02,
        placement: { CUDAExecutionProvider: 512, CPUExecutionProvider: 18 },
        utilisation: 0.958 - 0.01 * index,
        peakBytes: series[index]?.peakBytes ?? null,
      };
    }),
  );
  const leases = models.flatMap((model) =>
    names.map((device) => ({
      device,
      owner: `dense · ${model}`,
      waitedSeconds: 0.004,
      heldSeconds: 27.1,
      beforeBytes: 0.31e9,
      afterBytes: 0.31e9,
    })),
  );
  const event = {
    device: "cuda:1",
    model: "bge-m3",
    rows: 48,
    length: 512,
    words: "Failed to allocate memory for requested buffer of size 402653184",
  };
  return {
    ...run,
    count: 24_000,
    vectors: models.map((name) => ({
      ...one,
      name,
      model: modelUse(name, { hubId: `Xenova/${name}`, dtype: "fp16", device: "cuda", maxTokens: 512 }),
      rows: 24_000,
      dim: 1024,
      truncated: 0,
      lostTokens: 0,
    })),
    primary: "bge-m3",
    notes: [],
    telemetry: telemetry(end + 1, {
      phases: { tokenize: 2.1, load: 6.4, encode: end - 6 },
      batches,
      memory: series,
      devices,
      leases,
      events: [
        { ...event, kind: "halved", at: 41.2 },
        { ...event, kind: "halved", at: 43.9, rows: 24 },
        {
          ...event,
          kind: "watchdog",
          at: 47.5,
          words: "11.61 GB were in use, and the process was ended before the cap of 12.0 GB",
        },
      ],
    }),
  };
}

export function largeDenseRun(): DenseRun {
  const a = batchesOf("bge-m3", 24_000, { speed: 61_000, device: "cuda:0", seed: 11 });
  const b = batchesOf("gte-large-en-v1.5", 24_000, { speed: 54_000, device: "cuda:1", seed: 12 });
  const cap = 12 * 2 ** 30;
  const gpu = (batches: BatchRecord[], device: string, base: number) =>
    memoryOf(batches, base, {
      device,
      source: "memory of the device as its driver reports it",
      interval: "every 100 ms",
      capBytes: cap,
      peakBytes: (base + 120) * MiB,
    });
  const run = denseRun();
  const one = run.vectors[0];
  if (!one) throw new Error("the sample has vectors");
  const vectors = (name: string, batches: BatchRecord[] | null) => ({
    ...one,
    name,
    model: batches
      ? modelUse(name, {
          hubId: `Xenova/${name}`,
          dtype: "fp16",
          device: name === "bge-m3" ? "cuda:0" : "cuda:1",
          maxTokens: 8192,
        })
      : null,
    rows: 24_000,
    dim: 1024,
    truncated: 0,
    lostTokens: 0,
    tokens: batches?.reduce((n, r) => n + r.tokens, 0) ?? 0,
    paddedTokens: batches?.reduce((n, r) => n + r.paddedTokens, 0) ?? 0,
  });
  return {
    ...run,
    session: "docling",
    count: 24_000,
    vectors: [vectors("bge-m3", a), vectors("gte-large-en-v1.5", b), vectors("fused", null)],
    primary: "fused",
    fusion: { method: "mean", weights: { "bge-m3": 1, "gte-large-en-v1.5": 0.5 } },
    notes: [],
    resumedBatches: 0,
    reused: true,
    telemetry: telemetry(61.2, {
      batches: [...a, ...b],
      memory: [gpu(a, "cuda:0", 6_120), gpu(b, "cuda:1", 7_410)],
      phases: { load: 7.4, encode: 52.3, save: 0.9 },
    }),
  };
}

export function sparseRun(): SparseRun {
  const batches = batchesOf("sample-splade", 412, { speed: 6000, seed: 2 });
  const next = normals(9);
  const engine = (name: string, kind: "splade" | "bm25", mean: number, empty: number): SparseVectors => {
    const terms = Array.from({ length: 412 - empty }, () => Math.max(1, Math.round(mean + mean * 0.35 * next())));
    return {
      name,
      engine: kind,
      model: kind === "splade" ? modelUse(name) : null,
      space: kind === "splade" ? "wordpiece:5f2b9d01" : "bm25:9e0c41aa",
      rows: 412,
      terms: terms.reduce((a, b) => a + b, 0),
      coverage: (412 - empty) / 412,
      emptyRows: empty,
      truncated: 0,
      lostTokens: 0,
      reused: 0,
      files: { indptr: `${name}.indptr.npy`, indices: `${name}.indices.npy`, values: `${name}.values.npy` },
      vocabulary: kind === "bm25" ? "bm25.terms.txt" : null,
      termBins: histogram(terms),
    };
  };
  return {
    ...base("sparse"),
    count: 412,
    vectors: [engine("sample-splade", "splade", 86, 0), engine("bm25", "bm25", 41, 7)],
    primary: "sample-splade",
    notes: [{ code: "empty_rows", message: "bm25 has no term for 7 chunks, which hold signs alone.", count: 7 }],
    telemetry: telemetry(9.3, {
      batches,
      memory: [memoryOf(batches, 210)],
      phases: { load: 0.39, encode: 8.4, save: 0.05 },
    }),
  };
}

export const QUESTIONS = [
  "how do I export tables?",
  "what happens when the GPU runs out of memory?",
  "which tokens are cut from a long passage",
  "resume after a lost session",
  "reciprocal rank fusion constant",
  "why is int8 slower on this card",
  "where are the hashes of the files",
  "bm25 without stemming",
];

export function querySet(): QuerySet {
  return {
    kind: "queries",
    notes: [{ code: "duplicate_queries", message: "1 text was given more than once; it is asked once.", count: 1 }],
    id: "queries-3f0d7c1f9f7c6f2e",
    queries: QUESTIONS.map((text, i) => ({
      id: `q-${sha256(text).slice(0, 16)}`,
      text,
      source: i < 6 ? ("operator" as const) : ("generated" as const),
    })),
  };
}

const SECTIONS = [
  "Export › Tables",
  "Memory › When a batch does not fit",
  "Truncation",
  "Sessions › After a crash",
  "Fusion › The constant k",
  "",
];

function candidates(seed: number, depth: number): Candidate[] {
  const next = randoms(seed);
  const both = Array.from({ length: depth }, (_, i) => {
    const ranks: Record<string, number> = {};
    const kind = next();
    if (kind < 0.75 - i * 0.015) ranks["dense:sample-bi-encoder"] = Math.max(1, Math.round(i + 1 + 4 * (next() - 0.5)));
    if (kind > 0.3 + i * 0.006 || kind < 0.12)
      ranks["sparse:sample-splade"] = Math.max(1, Math.round(i + 1 + 5 * (next() - 0.5)));
    if (Object.keys(ranks).length === 0) ranks["sparse:sample-splade"] = i + 2;
    return { ranks, score: Object.values(ranks).reduce((s, r) => s + 1 / (60 + r), 0) };
  }).sort((a, b) => b.score - a.score);
  return both.map(({ ranks, score }, i) => ({
    row: Math.floor(next() * 412),
    chunkId: sha256(`${seed} ${i}`).slice(0, 32),
    document: DOCUMENTS[(seed + i) % DOCUMENTS.length] as string,
    section: SECTIONS[(seed + i) % SECTIONS.length] as string,
    score,
    ranks,
  }));
}

export function fusedRun(): FusedRun {
  const queries = querySet();
  return {
    ...base("fuse"),
    method: "rrf",
    sources: ["dense:sample-bi-encoder", "sparse:sample-splade"],
    results: queries.queries.map((q, i) => ({
      queryId: q.id,
      queryLength: q.text.length,
      source: q.source,
      candidates: candidates(i + 1, 20),
    })),
    queries,
    overlap: { "dense:sample-bi-encoder": 0.71, "sparse:sample-splade": 0.64 },
    telemetry: telemetry(0.043, { phases: { search: 0.031, encode: 0.009 } }),
  };
}

export function rerankRun(): RerankRun {
  const fused = fusedRun();
  const next = normals(21);
  const results = fused.results.map((result) => ({
    ...result,
    candidates: result.candidates
      .map((c, i): RankedCandidate => ({ ...c, before: i + 1, logit: 2.4 - 0.21 * i + 1.6 * next() }))
      .sort((a, b) => b.logit - a.logit),
  }));
  const batches = batchesOf("sample-cross-encoder", 160, { speed: 5200, seed: 4 });
  return {
    ...base("rerank"),
    model: modelUse("sample-cross-encoder"),
    results,
    queries: null,
    pairs: 160,
    truncated: 0,
    lostTokens: 0,
    logitBins: histogram(results.flatMap((r) => r.candidates.map((c) => c.logit))),
    telemetry: telemetry(4.6, { batches, memory: [memoryOf(batches, 150)], phases: { load: 0.38, encode: 4.1 } }),
  };
}

export function exportRun(): ExportRun {
  const file = (path: string, role: string, bytes: number) => ({ path, role, bytes, sha256: sha256(path) });
  const files = [
    file("dense/sample-bi-encoder.npy", "dense", 210_944 + 128),
    file("dense/sample-bi-encoder.int8.npy", "dense", 52_864),
    file("faiss/sample-bi-encoder.faiss", "faiss", 210_989),
    file("sparse/sample-splade.jsonl", "sparse", 412_330),
    file("points.jsonl", "points", 1_204_118),
    file("metadata.jsonl", "metadata", 318_450),
    file("rerank.json", "rerank", 41_902),
    file("processing_summary.json", "manifest", 9_812),
  ];
  return {
    ...base("export"),
    folder: "out/sample/collection",
    collection: "sample",
    points: 412,
    files,
    bytes: files.reduce((n, f) => n + f.bytes, 0),
    manifest: "processing_summary.json",
    checks: [
      { name: "hashes", passed: true, detail: "8 of 8 files have the sha256 of the manifest" },
      { name: "dense rows", passed: true, detail: "412 rows of 128, all finite, norms within 1e-6 of 1" },
      { name: "points", passed: true, detail: "412 points, ids unique" },
      { name: "neighbours", passed: true, detail: "top 10 of 50 vectors equal before and after" },
    ],
    telemetry: telemetry(0.31, { phases: { write: 0.12, verify: 0.15 } }),
  };
}

export function skipped(): Skipped {
  return { kind: "skipped", stage: "rerank", reason: "feature_disabled", source: "env" };
}
