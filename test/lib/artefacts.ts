import { createHash } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { join, relative } from "node:path";

/** What a run says of when and how it was made, which no two runs share. */
const measured = ["telemetry", "resumedBatches"];

/**
 * Every file under a folder by its path, as the sha256 of its bytes: equal snapshots
 * are equal artefacts, down to files too many. Of a `run.json` all counts but what was
 * measured; the manifest of an export and the history hold times, and locks are no artefacts.
 */
export async function artefactsOf(root: string): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  for (const entry of await readdir(root, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    const name = relative(root, path);
    if (entry.isDirectory() || /(^|\/)(processing_summary\.json|history\.jsonl|[^/]*\.lock(\.\d+\.stale)?)$/.test(name))
      continue;
    const bytes = await readFile(path);
    found[name] = createHash("sha256")
      .update(entry.name === "run.json" ? unmeasured(bytes.toString("utf8")) : bytes)
      .digest("hex");
  }
  return Object.fromEntries(Object.entries(found).sort());
}

/** Paths whose files differ, are too many or are missing, each with how; none where two snapshots are equal. */
export function differences(found: Record<string, string>, wanted: Record<string, string>): string[] {
  const missing = Object.keys(wanted).filter((name) => !(name in found));
  const wrong = Object.keys(found).filter((name) => found[name] !== wanted[name]);
  return [
    ...missing.map((name) => `missing: ${name}`),
    ...wrong.map((name) => `${name in wanted ? "differs" : "too many"}: ${name}`),
  ];
}

function unmeasured(text: string): string {
  const run = JSON.parse(text) as Record<string, unknown>;
  for (const key of measured) delete run[key];
  // The manifest's own hash: it tells times.
  if (Array.isArray(run["files"])) run["files"] = run["files"].filter(({ role }) => role !== "manifest");
  if (run["kind"] === "export") delete run["bytes"];
  return JSON.stringify(run);
}
