import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { MANIFEST_FILE } from "../export/names.js";

/** Where a manifest says that the stages are off. */
const TOGGLES = ["feature_toggles", "activation_provenance", "activation_provenance_lines"];
/** Keys that only these stages, and the fusion before them, have. */
const THEIRS = /sparse|rerank|^fusion_run$|^rag\.fusion$/i;
/** Where `fuse` means the stage. In the dense stage it is a phase: the fusion of its models. */
const FUSE_STAGE = ["performance_baseline.stages.fuse", "performance_baseline.hydration.per_stage.fuse"];

/**
 * What sparse, fusion and rerank left of themselves although they were off: keys of
 * the manifest, files of the export, runs. Empty where they might never have existed.
 *
 * @param sessionDir the session that the collection was made in
 */
export async function tracesOf(sessionDir: string, folder: string): Promise<string[]> {
  const manifest = JSON.parse(await readFile(join(folder, MANIFEST_FILE), "utf8")) as Record<string, unknown>;
  const rest = Object.entries(manifest).filter(([key]) => !TOGGLES.includes(key));
  const keys = keysOf(Object.fromEntries(rest), "").map((path) => `manifest: ${path}`);
  const roles = (manifest["artefacts"] as readonly { readonly path: string; readonly role: string }[])
    .filter(({ role }) => role === "sparse" || role === "rerank" || role === "vocabulary")
    .map(({ path, role }) => `manifest: artefact ${path} (${role})`);
  const files = (await readdir(folder)).filter((name) => /_sparse\.jsonl$|_vocabulary\.txt$|_rerank\.json$/.test(name));
  const runs = (await readdir(join(sessionDir, "runs"))).filter((stage) => /^(sparse|fuse|rerank)$/.test(stage));
  return [...keys, ...roles, ...files.map((name) => `file: ${name}`), ...runs.map((stage) => `runs: ${stage}`)];
}

/** Paths of all keys that belong to those stages. Values are not looked at: a path or a model may be called anything. */
function keysOf(value: unknown, path: string): string[] {
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([key, below]) => {
    const here = path === "" ? key : `${path}.${key}`;
    return THEIRS.test(key) || FUSE_STAGE.includes(here) ? [here] : keysOf(below, here);
  });
}
