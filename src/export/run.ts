import { stat } from "node:fs/promises";
import { isAbsolute, join, relative, resolve, sep } from "node:path";
import { exportNotVerified, RagError } from "../core/errors.js";
import { contentId } from "../core/hash.js";
import { byCall, byDefault, bySession } from "../lineage/set-by.js";
import type { ManifestArtefact } from "../schema/manifest.js";
import type { Artefact, ChunkRun, DenseRun, ExportRun, RerankRun, Skipped, SparseRun } from "../schema/types.js";
import { contextOf, type Session, type SessionContext } from "../stage/context.js";
import { runStage } from "../stage/run.js";
import type { StageWork } from "../stage/work.js";
import { sha256OfFile } from "../store/hash-file.js";
import { removeManifest, writeCollection, writeManifest } from "./collection.js";
import { MANIFEST_FILE } from "./names.js";
import { fusedBehind, lastPrime, type Parts, requireSameSources, sortOut } from "./parts.js";
import { exportSpace } from "./space.js";
import { buildSummary } from "./summary.js";
import { togglesOf } from "./toggles.js";
import { verifyExport } from "./verify.js";

/** Options of {@link exportCollection}. */
export interface ExportOptions {
  /** Names the collection and its files; the session's name by default. */
  readonly collection?: string;
  /** Where the files go; the session's own folder by default. */
  readonly folder?: string;
  readonly rerun?: boolean;
}

/**
 * Writes a collection that others can read: dense vectors as `.npy` and as a flat
 * FAISS index, sparse vectors, points for Qdrant with the full text, metadata, and
 * `processing_summary.json` with the hash of every file, last. Then reads all of
 * it back from disk and compares.
 *
 * @param runs a chunk run, with at most one dense, sparse and rerank run of it; a skipped stage says so in the manifest
 * @throws RagError `not_a_session`, `session_closed`, `bad_collection_name`, `foreign_run`, `same_stage_twice`, `wrong_run`, `rows_differ`,
 *   `duplicate_point`, `non_finite`, `export_not_verified`;
 *   as every stage `stage_busy`, `input_missing`, `run_damaged`, `run_newer`, `array_damaged`, `disk_too_small`, `store_write_failed`, `session_ending`, `stopped`
 */
export async function exportCollection(
  session: Session,
  runs: readonly (ChunkRun | DenseRun | SparseRun | RerankRun | Skipped)[],
  options: ExportOptions = {},
): Promise<ExportRun> {
  const context = contextOf(session);
  const parts = sortOut(runs);
  const { chunks, dense, sparse, rerank } = parts;
  const collection = options.collection ?? session.name;
  const folder = resolve(options.folder ?? session.dir);
  const ids = Object.fromEntries(
    [chunks, dense, sparse, rerank].flatMap((run) => (run && "id" in run ? [[run.kind, run.id]] : [])),
  );
  const settings = {
    collection,
    folder: placeOf(session.dir, folder),
    toggles: togglesOf(session.settings, session.provenance),
  };
  const input = (rerun: boolean, because?: string) => ({
    stage: "export" as const,
    version: 1,
    inputs: ids,
    settings,
    models: [],
    setBy: {
      settings: {
        collection: byCall(options.collection, byDefault),
        folder: byCall(options.folder, byDefault),
        toggles: bySession(session.provenance, "enableSparse", "enableRerank", "sparse"),
      },
      models: {},
    },
    rerun,
    ...(because && { because }),
    inMemory: { folder, manifest: join(folder, MANIFEST_FILE) },
    space: () =>
      exportSpace(folder, collection, chunks, {
        dense,
        sparse: sparse?.kind === "sparse" ? sparse : null,
        rerank: rerank?.kind === "rerank" ? rerank : null,
      }),
    work: (work: StageWork) => write(work, context, parts, collection, folder),
  });
  const run = await runStage(context, input(options.rerun ?? false));
  // The files stand outside the run's own folder: another export or a person may have changed them since.
  return run.reused && !(await isIntact(run))
    ? runStage(context, input(true, "its files were changed or removed"))
    : run;
}

async function write(work: StageWork, context: SessionContext, parts: Parts, collection: string, folder: string) {
  const { chunks, dense } = parts;
  const { session } = context;
  const sparse = parts.sparse?.kind === "sparse" ? parts.sparse : null;
  const rerank = parts.rerank?.kind === "rerank" ? parts.rerank : null;
  const fused = rerank ? await fusedBehind(context, rerank) : null;
  if (rerank && fused) requireSameSources(rerank, fused, [dense, sparse]);
  // One reading of the wall clock: a clock that is set back meanwhile gives no negative time.
  const startedAt = new Date();
  const began = performance.now();
  const tokenizers = await tokenizersOf(work, context, sparse);
  let line: ReturnType<StageWork["progress"]> | null = null;
  const written = await work.recorder.timed("write", () =>
    writeCollection(
      folder,
      { collection, chunks, dense, sparse, rerank, tokenizers },
      {
        signal: work.signal,
        onProgress: (done, total) => {
          line ??= work.progress({ label: "export", total, unit: "rows" });
          line.update(done);
        },
      },
    ),
  );
  const summary = buildSummary({
    collection,
    generatedAt: new Date().toISOString(),
    toggles: togglesOf(session.settings, session.provenance),
    prime: await lastPrime(context),
    chunks,
    dense,
    sparse: parts.sparse,
    fused,
    rerank: parts.rerank,
    artefacts: written,
    measure: {
      startedAt: startedAt.toISOString(),
      finishedAt: new Date(startedAt.getTime() + performance.now() - began).toISOString(),
      files: written.length,
      bytes: written.reduce((sum, file) => sum + file.bytes, 0),
    },
  });
  const manifest = await writeManifest(folder, summary);
  const checks = await work.recorder.timed("verify", () => verifyExport(folder, { signal: work.signal }));
  (line as ReturnType<StageWork["progress"]> | null)?.finish();
  const failed = checks.filter((check) => !check.passed);
  if (failed.length > 0) {
    await removeManifest(folder);
    throw exportNotVerified(folder, failed);
  }
  const files: Artefact[] = [...written.map(plain), { path: MANIFEST_FILE, role: "manifest", ...manifest }];
  return {
    folder: ".",
    collection,
    points: chunks.count,
    files,
    bytes: files.reduce((sum, file) => sum + file.bytes, 0),
    manifest: MANIFEST_FILE,
    checks,
  };
}

/** A folder as the run's settings have it: relative within the session's, else by a hash, since a run stores no path of the machine. */
function placeOf(sessionDir: string, folder: string): string {
  const path = relative(sessionDir, folder).split(sep).join("/") || ".";
  return path === ".." || path.startsWith("../") || isAbsolute(path) ? contentId("outside", path) : path;
}

/** The tokenizers of the engines that have one, where the models they were made by are on this machine. */
async function tokenizersOf(
  work: StageWork,
  { locate }: SessionContext,
  sparse: SparseRun | null,
): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  for (const { name, model } of sparse?.vectors ?? []) {
    if (!model) continue;
    const located = await locate([{ key: model.key, role: "sparse" }]).catch((error) => {
      if (error instanceof RagError) return [];
      throw error;
    });
    const same = located.find(({ fingerprint }) => fingerprint === model.fingerprint);
    if (same) found.set(name, same.tokenizerFile);
    else
      work.note(
        "terms_without_words",
        `The model ${model.key} is not on this machine as it made the sparse vectors, so their indices have no words beside them.`,
      );
  }
  return found;
}

function plain({ path, role, bytes, sha256 }: ManifestArtefact): Artefact {
  return { path, role, bytes, sha256 };
}

/** Whether the manifest is the one this run wrote, and every file has the size it had. */
async function isIntact(run: ExportRun): Promise<boolean> {
  for (const file of run.files) {
    const path = join(run.folder, file.path);
    const bytes = await stat(path).then(
      (s) => s.size,
      () => -1,
    );
    if (bytes !== file.bytes) return false;
    if (file.role === "manifest" && (await sha256OfFile(path)) !== file.sha256) return false;
  }
  return true;
}
