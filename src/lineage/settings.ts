import { canonicalJson } from "../core/hash.js";
import type { StaleReason } from "../schema/lineage-types.js";
import type { Settings } from "../schema/settings-types.js";
import type { Facts } from "./facts.js";
import type { RunHead } from "./head.js";

type SettingReason = Extract<StaleReason, { cause: "setting" }>;

/** A session's setting as a run has it, and as it is now. */
interface Pair {
  readonly name: string;
  readonly from: unknown;
  readonly to: unknown;
}

/** Why a run's cell, as it was called, would give another result under the session's settings of now. What the call gave itself counts for nothing here. */
export function settingReasons(run: RunHead, facts: Facts): SettingReason[] {
  return [...dtypePair(run, facts), ...pairsOf(run, facts)]
    .filter(({ from, to }) => canonicalJson(from) !== canonicalJson(to))
    .map(({ name, from, to }) => ({
      cause: "setting",
      words: `${name}: ${show(from)} → ${show(to)}`,
      name,
      from,
      to,
    }));
}

function pairsOf(run: RunHead, facts: Facts): Pair[] {
  const { settings, keys } = facts;
  switch (run.stage) {
    case "prime":
      return modelsPair(run, [...readers(facts), ...(settings.enableRerank ? [keys.rerank] : [])]);
    case "chunk":
      return modelsPair(run, readers(facts));
    case "dense":
      return densePairs(run, facts);
    case "sparse":
      return ours(run, "engines") ? [{ name: "sparse", from: run.settings["engines"], to: keys.sparse }] : [];
    case "fuse":
      return [];
    case "rerank":
      return [
        ...modelsPair(run, [keys.rerank], "rerank"),
        ...pair(run, "candidates", "rerankCandidates", settings.rerankCandidates),
        ...pair(run, "topK", "rerankTopK", settings.rerankTopK),
      ];
    case "export":
      return togglePairs(run, facts);
  }
}

/** Keys of the models that read a chunk whole. */
function readers({ settings, keys }: Facts): string[] {
  return [...keys.dense, ...(settings.enableSparse ? keys.sparse.filter((key) => key !== "bm25") : [])];
}

function modelsPair(run: RunHead, to: readonly string[], name = "models"): Pair[] {
  const fromSession = Object.values(run.setBy.models).every((setter) => setter.settings.length > 0);
  return fromSession ? [{ name, from: run.models.map(({ key }) => key), to }] : [];
}

/** Weights and fusion count where there are several models, and are compared while these are the same ones. */
function densePairs(run: RunHead, facts: Facts): Pair[] {
  const { settings, keys } = facts;
  const names = run.models.map(({ key }) => key);
  const models = modelsPair(run, keys.dense, "dense");
  const dim = pair(run, "dim", "dim", settings.dim);
  const same = models.every(({ from, to }) => canonicalJson(from) === canonicalJson(to));
  if (names.length < 2 || !same) return [...models, ...dim];
  const weights = names.map((key) => settings.denseWeights[key] ?? 1);
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const agree = run.dims.every((value) => value === run.dims[0]);
  const fusion = settings.denseFusion === "auto" ? (agree ? "mean" : "concat") : settings.denseFusion;
  return [
    ...models,
    ...dim,
    ...pair(
      run,
      "weights",
      "denseWeights",
      weights.map((weight) => weight / total),
    ),
    ...pair(run, "fusion", "denseFusion", fusion),
  ];
}

/** The manifest tells the toggles and who set them. */
function togglePairs(run: RunHead, { settings, provenance }: Facts): Pair[] {
  const toggles = (run.settings["toggles"] ?? {}) as Record<string, unknown>;
  const sources = (toggles["sources"] ?? {}) as Record<string, unknown>;
  const { enableSparse, enableRerank, sparse } = settings;
  return [
    { name: "enableSparse", from: toggles["enable_sparse"], to: enableSparse },
    { name: "enableRerank", from: toggles["enable_rerank"], to: enableRerank },
    { name: "sparse", from: toggles["sparse_models"], to: enableSparse ? sparse : [] },
    { name: "who set enableSparse", from: sources["enable_sparse"], to: provenance.enableSparse.source },
    { name: "who set enableRerank", from: sources["enable_rerank"], to: provenance.enableRerank.source },
  ];
}

/** With `auto` the weights follow the device: another one may take others. */
function dtypePair(run: RunHead, { dtype }: Facts): Pair[] {
  const pairs = run.models.map(({ key, dtype: from }) => ({ name: "dtype", from, to: dtype(key) ?? from }));
  const other = pairs.find(({ from, to }) => from !== to);
  return other ? [other] : [];
}

function pair(run: RunHead, entry: string, name: keyof Settings, to: unknown): Pair[] {
  return ours(run, entry) ? [{ name, from: run.settings[entry], to }] : [];
}

/** Whether the session's settings gave an entry. */
function ours(run: RunHead, entry: string): boolean {
  return (run.setBy.settings[entry]?.settings.length ?? 0) > 0;
}

function show(value: unknown): string {
  if (value === null || value === undefined) return "not set";
  if (!Array.isArray(value)) return String(value);
  return value.length === 0
    ? "none"
    : value.map((item) => (typeof item === "number" ? +item.toFixed(3) : item)).join(", ");
}
