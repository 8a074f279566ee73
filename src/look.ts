import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { modelList } from "./charts/card-models.js";
import { showCard } from "./charts/present.js";
import { type HistoryTable, historyTable } from "./charts/tables.js";
import { noRunYet, unknownVectors, wrongRun } from "./core/errors.js";
import { isStage, stages, verbs } from "./core/journey.js";
import type { Matrix } from "./core/matrix.js";
import type { SparseMatrix } from "./core/sparse-matrix.js";
import { registryRows } from "./models/registry-data.js";
import type { RunExplanation, SkipExplanation, StaleReport } from "./schema/lineage-types.js";
import type { ModelCard } from "./schema/model-types.js";
import type {
  AnyRun,
  Chunk,
  ChunkRun,
  DenseRun,
  ExportRun,
  QuerySet,
  RunOf,
  Skipped,
  SparseRun,
  StageName,
} from "./schema/types.js";
import { contextOf, type Session } from "./stage/context.js";
import { cardNow, present } from "./stage/present.js";
import { loadMatrix, loadSparse } from "./store/arrays.js";
import { openChunkReader } from "./store/chunks.js";
import type { StoredRun } from "./store/runs.js";

/**
 * The run a stage returned last in this session, from disk: how a stage's cell
 * runs alone after a kernel restart. Queries are not kept on disk, so a fused or
 * reranked run comes back without their text.
 *
 * @throws RagError `not_a_session`, `session_closed`, `wrong_run` for what is no stage, `no_run_yet`, `run_damaged`, `run_newer`, `store_unreadable`
 */
export async function latest<K extends StageName>(session: Session, stage: K): Promise<RunOf[K]> {
  const context = contextOf(session);
  if (!isStage(stage)) throw wrongRun(`one of the stages ${stages.join(", ")}`, stage, "the documentation");
  const history = await context.store.history();
  for (const entry of history.reverse()) {
    if (entry.stage !== stage) continue;
    const stored = await context.store.find(stage, entry.id);
    if (!stored) continue;
    const place = stage === "export" ? placeOf(stored as unknown as StoredRun<"export">, session.dir) : {};
    return present(context, stage, stored, true, place as Partial<RunOf[K]>);
  }
  throw noRunYet(stage, session.name, verbs[stage]);
}

/** What a stored run can't say by itself: where on this machine an export's files are. */
function placeOf(stored: Pick<ExportRun, "settings" | "notes" | "manifest">, dir: string): Partial<ExportRun> {
  const folder = resolve(dir, String(stored.settings["folder"]));
  const manifest = join(folder, stored.manifest);
  if (existsSync(manifest)) return { folder, manifest };
  const message =
    "Where its files are is not known here: they were written outside of the session's folder, or were removed. Running its cell says where, and writes what is missing.";
  return { notes: [...stored.notes, { code: "export_elsewhere", message }] };
}

/**
 * What ran in this session, oldest first, as an arquero table: stage, id, at, outcome, why, rows, seconds.
 *
 * @throws RagError `not_a_session`, `session_closed`, `store_unreadable`
 */
export async function history(session: Session): Promise<HistoryTable> {
  return historyTable(await contextOf(session).store.history());
}

/**
 * Every model this library knows by itself, as rows of data; as a cell's last
 * expression it shows them as a table. A row is what `addModels` takes.
 */
export function listModels(): readonly ModelCard[] {
  return modelList(registryRows);
}

/** Shows a card now, also in the middle of a cell; in a plain terminal prints its text. */
export async function show(
  value: AnyRun | Skipped | QuerySet | StaleReport | RunExplanation | SkipExplanation,
): Promise<void> {
  await (isRun(value) ? showCard(value, await cardNow(value)) : showCard(value));
}

function isRun(value: { readonly kind: string }): value is AnyRun {
  return isStage(value.kind);
}

/**
 * Chunks of a run, straight from disk, in corpus order.
 *
 * @param from first row, 0-based
 * @param to one past the last row; all of a large corpus may not fit in memory, see {@link streamChunks}
 * @throws RagError `wrong_run`, `array_damaged`
 */
export async function readChunks(run: ChunkRun, from = 0, to?: number): Promise<Chunk[]> {
  const chunks: Chunk[] = [];
  for await (const chunk of streamChunks(run, from, to)) chunks.push(chunk);
  return chunks;
}

/**
 * Chunks of a run as {@link readChunks} gives them, one at a time, with 256 KiB of them in memory. For use inside an async function:
 * tslab does not take `for await` at the top of a cell.
 *
 * @throws RagError `wrong_run`, `array_damaged`
 */
export async function* streamChunks(run: ChunkRun, from = 0, to?: number): AsyncGenerator<Chunk> {
  if (run?.kind !== "chunk") throw wrongRun("a chunk run", run, "chunk");
  const reader = await openChunkReader(run);
  try {
    yield* reader.range(Math.max(0, from), Math.min(run.count, to ?? run.count));
  } finally {
    await reader.close();
  }
}

/** The vectors of a dense run, float32 `[count, dim]`, by model key or `fused`; the primary ones by default. @throws RagError `wrong_run`, `unknown_vectors`, `array_damaged` */
export async function readVectors(run: DenseRun, name: string = run?.primary): Promise<Matrix> {
  if (run?.kind !== "dense") throw wrongRun("a dense run", run, "runDense");
  const vectors = run.vectors.find((candidate) => candidate.name === name);
  if (!vectors)
    throw unknownVectors(
      name,
      run.vectors.map((v) => v.name),
    );
  return loadMatrix(run.dir, vectors);
}

/** The vectors of a sparse run as CSR, by engine name; the primary ones by default. @throws RagError `wrong_run`, `unknown_vectors`, `array_damaged` */
export async function readSparse(run: SparseRun, name: string = run?.primary): Promise<SparseMatrix> {
  if (run?.kind !== "sparse") throw wrongRun("a sparse run (the stage may be off: look at its kind)", run, "runSparse");
  const vectors = run.vectors.find((candidate) => candidate.name === name);
  if (!vectors)
    throw unknownVectors(
      name,
      run.vectors.map((v) => v.name),
    );
  return loadSparse(run.dir, vectors);
}
