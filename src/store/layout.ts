import { dirname, join } from "node:path";
import type { StageName } from "../schema/types.js";

/** Where a session keeps what. No other file of the library joins these paths. */
export interface SessionLayout {
  readonly dir: string;
  readonly sessionFile: string;
  readonly lockFile: string;
  readonly historyFile: string;
  /** What passes found out about batches, by device and model. */
  readonly budgetsFile: string;
  /** Vectors that came along with a moved session, until this machine's cache has them. */
  readonly movedVectorsFile: string;
  /** The ledger of GPU time that came along with a moved session, until this machine's has its lines. */
  readonly movedLedgerFile: string;
  /** The folders of all stages. */
  readonly runsDir: string;
  /** Where a chunk run's documents were read on this machine. */
  sourcesFile(id: string): string;
  /** A stage's finished runs. */
  stageDir(stage: StageName): string;
  /** One finished run. */
  runDir(stage: StageName, id: string): string;
  /** The same run while it is being made. */
  partialDir(stage: StageName, id: string): string;
}

/** The layout of the session in `dir`. */
export function layoutOf(dir: string): SessionLayout {
  const runsDir = join(dir, "runs");
  const stageDir = (stage: StageName) => join(runsDir, stage);
  return {
    dir,
    sessionFile: join(dir, "session.json"),
    lockFile: join(dir, "session.lock"),
    historyFile: join(dir, "history.jsonl"),
    budgetsFile: join(dir, "budgets.json"),
    movedVectorsFile: join(dir, MOVED_VECTORS),
    movedLedgerFile: join(dir, GPU_LEDGER),
    runsDir,
    sourcesFile: (id) => join(dir, "sources", `${id}.json`),
    stageDir,
    runDir: (stage, id) => join(stageDir(stage), id),
    partialDir: (stage, id) => join(stageDir(stage), `${id}.partial`),
  };
}

/** What a folder below a stage's is. What is left over no one reads: a run that another took the place of, and one that was being removed. */
export function runOf(folder: string): {
  readonly id: string;
  readonly state: "finished" | "in the making" | "replaced" | "removed";
} {
  const [, id = "", partial, over] = /^(.*?)(\.partial)?(\.old|\.removed)?$/s.exec(folder) ?? [];
  const whole = partial === undefined ? "finished" : "in the making";
  return { id, state: over === ".old" ? "replaced" : over === ".removed" ? "removed" : whole };
}

/** What a run's folder is called while another takes its place. */
export function oldName(path: string): string {
  return `${path}.old`;
}

/** What a folder is called from the moment that it is removed: nothing below takes it for a run any more. */
export function removedName(path: string): string {
  return `${path}.removed`;
}

/** The session's folder that a run's folder lies in. */
export function sessionDirOf(runDir: string): string {
  return dirname(dirname(dirname(runDir)));
}

/** How the vector cache is called in a pack, and in a session that came from one. */
export const MOVED_VECTORS = "vectors.sqlite";

/** The ledger of GPU time: in the folder that holds sessions, in a pack, and in a session that came from one. */
export const GPU_LEDGER = "gpu-hours.jsonl";

/** Where a folder of sessions keeps its ledger of GPU time. */
export function ledgerIn(sessions: string): string {
  return join(sessions, GPU_LEDGER);
}

/** The manifest of a run, written last. */
export const RUN_FILE = "run.json";

/** Stands in a run in the making that was begun with `rerun`. */
export const RERUN_MARKER = "rerun";

/** Where Kaggle keeps what a notebook writes. */
export const KAGGLE_WORKING = "/kaggle/working";

/** How the names of journals end. */
export const JOURNAL_ENDING = ".journal";

/** The journal of a half-done pass over one model. */
export function journalName(model: string): string {
  return `${fileStem(model)}${JOURNAL_ENDING}`;
}

/** The vectors of a dense pass. */
export function vectorsName(name: string): string {
  return `${fileStem(name)}.vectors.npy`;
}

/** The three arrays of a sparse pass. */
export function sparseNames(name: string): { indptr: string; indices: string; values: string } {
  const stem = fileStem(name);
  return { indptr: `${stem}.indptr.npy`, indices: `${stem}.indices.npy`, values: `${stem}.values.npy` };
}

/** A model key as a file name: letters, digits, `.`, `_` and `-`; anything else becomes `_`. */
export function fileStem(name: string): string {
  return name.replace(/[^A-Za-z0-9._-]/g, "_").replace(/^\.+/, "_");
}
