import { canonicalJson } from "../core/hash.js";
import type { RunHead } from "./head.js";

/** What the history says of a run that was there. */
export const WHY_REUSED = "same inputs, settings and models";

/** Why a stage computed and did not reuse, against its run before: what differs, in a few words. */
export function whyComputed(before: RunHead | null, now: RunHead): string {
  if (before === null) return "first run of the stage";
  if (before.id === now.id) return "its stored run was gone";
  const models = (run: RunHead) =>
    run.models.map(({ key, fingerprint, dtype, maxTokens, pooling, documentPrefix }) => [
      key,
      fingerprint,
      dtype,
      maxTokens,
      pooling,
      documentPrefix,
    ]);
  const other = [
    ...differing(before.inputs, now.inputs).map((name) => (name === "corpus" ? "documents" : name)),
    ...differing(before.settings, now.settings),
    ...(canonicalJson(models(before)) === canonicalJson(models(now)) ? [] : ["models"]),
  ];
  return other.length > 0 ? `other ${other.join(", ")}` : "other version of the stage";
}

function differing(a: Readonly<Record<string, unknown>>, b: Readonly<Record<string, unknown>>): string[] {
  const names = [...new Set([...Object.keys(a), ...Object.keys(b)])];
  return names.filter((name) => canonicalJson(a[name] ?? null) !== canonicalJson(b[name] ?? null));
}
