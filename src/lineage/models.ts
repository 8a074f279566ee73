import type { StaleReason } from "../schema/lineage-types.js";
import type { ModelUse } from "../schema/types.js";
import type { Facts } from "./facts.js";
import type { RunHead } from "./head.js";

type ModelReason = Extract<StaleReason, { cause: "model" }>;

/** What of a model's row or configuration enters a run's id, beside its files. */
const parts = ["maxTokens", "pooling", "documentPrefix"] as const;

/** Which models are no longer as a run used them, and of which it can't be said. */
export function modelReasons(run: RunHead, facts: Facts): { reasons: ModelReason[]; unseen: string[] } {
  const reasons: ModelReason[] = [];
  const unseen: string[] = [];
  for (const used of run.models) {
    const now = facts.models.get(used.key);
    if (!now) unseen.push(used.key);
    // Other weights are other files: the setting says it.
    else if (now.dtype === used.dtype) reasons.push(...differences(used, now));
  }
  return { reasons: [...reasons, ...prefixReasons(run, facts)], unseen };
}

function differences(used: ModelUse, now: ModelUse): ModelReason[] {
  const { key } = used;
  if (used.fingerprint !== now.fingerprint) {
    const by = used.revision === now.revision ? "fingerprint" : "revision";
    return [reason(key, `files of ${key} changed`, short(used[by]), short(now[by]))];
  }
  const part = parts.find((name) => used[name] !== now[name]);
  return part ? [reason(key, `${part} of ${key} changed`, String(used[part]), String(now[part]))] : [];
}

/** What is put before a query: of no concern to documents, so it stands among the settings of the stages that read queries. */
function prefixReasons(run: RunHead, facts: Facts): ModelReason[] {
  const { queryPrefix, queryPrefixes } = run.settings;
  const used = (queryPrefixes ?? (run.stage === "rerank" && { [run.models[0]?.key ?? ""]: queryPrefix })) || {};
  return Object.entries(used).flatMap(([key, prefix]) => {
    const now = facts.models.get(key);
    return now && now.queryPrefix !== prefix
      ? [reason(key, `queryPrefix of ${key} changed`, String(prefix), now.queryPrefix)]
      : [];
  });
}

function reason(model: string, what: string, from: string, to: string): ModelReason {
  return { cause: "model", words: `${what} (${from || "none"} → ${to || "none"})`, model, from, to };
}

/** A commit or a hash, cut to what tells two apart. */
function short(id: string): string {
  return id.startsWith("content:") ? id.slice(0, 20) : id.slice(0, 12);
}
