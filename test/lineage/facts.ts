import { createHash } from "node:crypto";
import type { Facts } from "../../dist/lineage/facts.js";
import type { RunHead } from "../../dist/lineage/head.js";
import type { SetBy } from "../../dist/schema/lineage-types.js";
import type { Provenance, Settings } from "../../dist/schema/settings-types.js";
import type { ModelUse, StageName } from "../../dist/schema/types.js";

export const settings: Settings = {
  dense: ["a"],
  denseWeights: {},
  denseFusion: "auto",
  dim: null,
  enableSparse: true,
  sparse: ["s", "bm25"],
  enableRerank: true,
  rerank: "r",
  rerankCandidates: 100,
  rerankTopK: 20,
  rerankBatchCap: null,
  dtype: "fp32",
  device: "cpu",
  gpus: null,
  simulation: "t4x2",
  memoryCapBytes: 12e9,
  deterministic: false,
  leaseWaitSeconds: 600,
  batchTimeoutSeconds: 600,
  loadTimeoutSeconds: 600,
  failedRows: "error",
  threads: 1,
  tokenBudget: 1024,
  modelDirs: [],
  cacheDir: "/nowhere",
  modelLock: "/nowhere/models.lock.json",
  hubEndpoint: "https://example.org",
  offline: true,
  sessionHours: null,
  sessionStart: null,
  endMarginMinutes: 10,
  gpuQuotaHours: null,
  diskQuotaBytes: null,
  vectorCache: null,
  vectorCacheBytes: 2 ** 30,
  vectorCacheDays: null,
};

export const use = (key: string, more: Partial<ModelUse> = {}): ModelUse => ({
  key,
  hubId: `acme/${key}`,
  revision: createHash("sha256").update(key).digest("hex").slice(0, 40),
  fingerprint: createHash("sha256").update(key).digest("hex"),
  servedFrom: "models",
  dtype: "fp32",
  device: "cpu",
  maxTokens: 256,
  pooling: "mean",
  documentPrefix: "",
  queryPrefix: "",
  ...more,
});

export const ours = (...names: string[]): SetBy => ({ source: "env", settings: names });
export const theirs: SetBy = { source: "call", settings: [] };

export const provenance = Object.fromEntries(
  Object.keys(settings).map((name) => [name, { layer: "default", source: "default" }]),
) as unknown as Provenance;

const head = (stage: StageName, more: Partial<RunHead>): RunHead => ({
  stage,
  id: `${stage}-1`,
  inputs: {},
  settings: {},
  setBy: { settings: {}, models: {} },
  models: [],
  dims: [],
  ...more,
});

/** One run of every stage, each made from those before it. */
export const heads = (): Record<StageName, RunHead> => ({
  prime: head("prime", {
    models: [use("a"), use("s"), use("r")],
    setBy: { settings: {}, models: { a: ours("dense"), s: ours("sparse"), r: ours("rerank") } },
  }),
  chunk: head("chunk", {
    inputs: { corpus: "corpus-1" },
    settings: { maxTokens: [256] },
    models: [use("a"), use("s")],
    setBy: { settings: { maxTokens: theirs }, models: { a: ours("dense"), s: ours("sparse") } },
  }),
  dense: head("dense", {
    inputs: { chunk: "chunk-1" },
    settings: { dim: null, weights: null, fusion: "none" },
    models: [use("a")],
    dims: [128],
    setBy: {
      settings: { dim: ours("dim"), weights: ours("denseWeights"), fusion: ours("denseFusion") },
      models: { a: ours("dense") },
    },
  }),
  sparse: head("sparse", {
    inputs: { chunk: "chunk-1" },
    settings: { engines: ["s", "bm25"], bm25: {} },
    models: [use("s")],
    setBy: { settings: { engines: ours("sparse"), bm25: theirs }, models: { s: ours("sparse") } },
  }),
  fuse: head("fuse", {
    inputs: { chunk: "chunk-1", dense: "dense-1", sparse: "sparse-1", queries: "queries-1" },
    settings: { queryPrefixes: { a: "" } },
  }),
  rerank: head("rerank", {
    inputs: { fuse: "fuse-1", chunk: "chunk-1" },
    settings: { candidates: 100, topK: 20, queryPrefix: "" },
    models: [use("r")],
    setBy: {
      settings: { candidates: ours("rerankCandidates"), topK: ours("rerankTopK"), queryPrefix: theirs },
      models: { r: ours("rerank") },
    },
  }),
  export: head("export", {
    inputs: { chunk: "chunk-1", dense: "dense-1", sparse: "sparse-1", rerank: "rerank-1" },
    settings: {
      toggles: {
        enable_sparse: true,
        enable_rerank: true,
        sparse_models: ["s", "bm25"],
        sources: { enable_sparse: "default", enable_rerank: "default", sparse_models: "default" },
      },
    },
  }),
});

/** Facts under which everything is fresh, and what a test changes of them. */
export function factsOf(
  change: { runs?: Partial<Record<StageName, RunHead | "damaged" | "removed" | undefined>> } & Partial<
    Omit<Facts, "runs" | "settings">
  > & { settings?: Partial<Settings> } = {},
): Facts {
  const { runs, settings: changed, ...more } = change;
  const all = Object.entries({ ...heads(), ...runs }).filter(([, run]) => run !== undefined);
  const now = { ...settings, ...changed };
  return {
    runs: new Map(all as [StageName, RunHead][]),
    settings: now,
    provenance,
    keys: { dense: now.dense, sparse: now.sparse, rerank: now.rerank },
    dtype: () => now.dtype,
    models: new Map([use("a"), use("s"), use("r")].map((model) => [model.key, model])),
    documents: { changed: [], added: [], removed: [], unread: 0 },
    ...more,
  };
}
