import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { quote } from "../core/errors.js";
import { type ManifestArtefact, type ProcessingSummary, parseSummary } from "../schema/manifest.js";
import type { ExportRun } from "../schema/types.js";
import { MANIFEST_FILE } from "./names.js";
import { contentProblem, placeProblem } from "./verify-files.js";
import { checkPoints } from "./verify-points.js";
import { checkDense, checkIndex, checkNeighbours } from "./verify-vectors.js";

/** What one comparison found. */
export type ExportCheck = ExportRun["checks"][number];

/**
 * Reads an export back from disk by its manifest and compares: sizes and hashes
 * of all files; shapes, finite numbers and lengths of the vectors; points, texts,
 * metadata and sparse lines with each other and with the arrays; the FAISS index
 * with the array, bit by bit and by neighbours. Nothing is loaded whole.
 *
 * @returns the checks in a fixed order; a failed one names the file and the place
 * @throws the signal's reason when it aborts
 */
export async function verifyExport(
  folder: string,
  options: { readonly signal?: AbortSignal } = {},
): Promise<ExportCheck[]> {
  const { signal } = options;
  const checks: ExportCheck[] = [];
  const run = async (name: string, path: string, work: () => Promise<string>) => {
    signal?.throwIfAborted();
    try {
      checks.push({ name, passed: true, detail: await work() });
    } catch (error) {
      signal?.throwIfAborted();
      checks.push({ name, passed: false, detail: `${path}: ${(error as Error).message}` });
    }
  };

  let summary: ProcessingSummary | null = null;
  await run("manifest", MANIFEST_FILE, async () => {
    const parsed = parseSummary(JSON.parse(await readFile(join(folder, MANIFEST_FILE), "utf8")));
    if (!parsed.ok) throw new Error(parsed.problem);
    const paths = parsed.summary.artefacts.map(({ path }) => path);
    const twice = paths.find((path, i) => paths.indexOf(path) !== i);
    if (twice !== undefined) throw new Error(`it lists ${quote(twice)} twice`);
    summary = parsed.summary;
    return `${parsed.summary.schema_version}, ${paths.length} files, ${parsed.summary.chunk_count} chunks`;
  });
  if (summary === null) return checks;
  const { artefacts: listed, chunk_count: count } = summary as ProcessingSummary;

  const artefacts: ManifestArtefact[] = [];
  let whole = 0;
  for (const artefact of listed) {
    const misplaced = await placeProblem(folder, artefact.path);
    const problem = misplaced ?? (await contentProblem(folder, artefact, signal));
    if (problem !== null) checks.push({ name: "file", passed: false, detail: `${artefact.path}: ${problem}` });
    else whole++;
    // A file that is only altered is read on: what is wrong inside it tells more than its hash.
    if (misplaced === null) artefacts.push(artefact);
  }
  if (whole === listed.length) {
    const bytes = listed.reduce((sum, artefact) => sum + artefact.bytes, 0);
    const detail = `${whole} files, ${bytes} bytes, sizes and sha256 as the manifest says`;
    checks.push({ name: "files", passed: true, detail });
  }
  for (const artefact of artefacts) {
    if (artefact.rows !== undefined && artefact.role !== "vocabulary" && artefact.rows !== count) {
      checks.push({
        name: "counts",
        passed: false,
        detail: `${artefact.path}: the manifest says ${artefact.rows} rows for ${count} chunks`,
      });
    }
  }

  const arrays = artefacts.filter(({ role }) => role === "dense");
  for (const artefact of arrays) await run("dense", artefact.path, () => checkDense(folder, artefact, count, signal));
  for (const { path, problem, detail } of await checkPoints(folder, artefacts, count, signal)) {
    checks.push({ name: "rows", passed: problem === null, detail: `${path}: ${problem ?? detail}` });
  }
  const index = artefacts.find(({ role }) => role === "index");
  if (index) {
    const primary = arrays.find(({ name }) => name === index.name);
    await run("index", index.path, async () => checkIndex(folder, index, needed(primary, index), signal));
    await run("neighbours", index.path, async () => checkNeighbours(folder, index, needed(primary, index), signal));
  }
  return checks;
}

function needed(primary: ManifestArtefact | undefined, index: ManifestArtefact): ManifestArtefact {
  if (!primary) throw new Error(`there is no array of the vectors ${quote(index.name)}`);
  return primary;
}
