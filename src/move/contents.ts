import { readdir } from "node:fs/promises";
import { posix } from "node:path";
import { folderEntries } from "../archive/folder.js";
import { nameProblem } from "../archive/names.js";
import { sessionNotPackable } from "../core/errors.js";
import type { PackedRunRecord } from "../schema/session-pack.js";
import type { StageName } from "../schema/types.js";
import { ASIDE } from "../store/atomic.js";
import { countBatches } from "../store/journal-format.js";
import { GPU_LEDGER, JOURNAL_ENDING, MOVED_VECTORS, runOf } from "../store/layout.js";
import type { RunStore } from "../store/runs.js";

/** A file of the session, by its path in the session's folder, with `/`. */
export interface SessionPart {
  readonly path: string;
  readonly bytes: number;
  /** Whether it belongs to an exported collection. */
  readonly exported: boolean;
  /** Where its bytes are, absolute, for what does not lie in the session's folder. */
  readonly place?: string;
}

/** What a pack of the session is to hold. */
export interface SessionContents {
  readonly files: readonly SessionPart[];
  readonly runs: readonly PackedRunRecord[];
  /** Paths of what is no part of the session. */
  readonly leftOut: readonly string[];
}

const stages: readonly StageName[] = ["prime", "chunk", "dense", "sparse", "fuse", "rerank", "export"];
/** What belongs to this machine alone: the lock, what removing a dead one may leave, and where documents were read. */
const OF_THIS_MACHINE = /^(session\.lock(\.\d+\.stale)?|sources\/[^/]+\.json)$/;

/**
 * Goes through a session's folder. Lock, leftovers of killed writes and runs whose
 * place was taken belong in no pack.
 *
 * @param withCollection whether files that an export left in the folder are wanted
 * @throws RagError `session_not_packable` for a link, a special file, or a name that other systems can't have
 */
export async function sessionContents(
  store: RunStore,
  withCollection: boolean,
  signal: AbortSignal,
): Promise<SessionContents> {
  const { dir } = store.layout;
  const exported = await exportedFiles(store);
  const files: SessionPart[] = [];
  const leftOut: string[] = [];
  const runs = new Map<string, PackedRunRecord>();
  for await (const { name: path, kind, bytes } of folderEntries(dir)) {
    signal.throwIfAborted();
    if (kind === "folder") continue;
    if (kind !== "file") throw sessionNotPackable(dir, path, `is ${kind}`);
    const role = OF_THIS_MACHINE.test(path) || ASIDE.test(posix.basename(path)) ? "leftover" : roleOf(path);
    if (role === "leftover") continue;
    if (role === null && !exported.has(path)) leftOut.push(path);
    else if (role !== null || withCollection) {
      const problem = nameProblem(path);
      if (problem !== null) throw sessionNotPackable(dir, path, problem);
      files.push({ path, bytes, exported: role === null });
    }
    if (role === null || role === "session") continue;
    const key = `${role.stage}/${role.id}/${role.state}`;
    const run = runs.get(key) ?? { ...role, state: await stateOf(store, role), batches: 0 };
    const batches = path.endsWith(JOURNAL_ENDING) ? await countBatches(`${dir}/${path}`) : 0;
    runs.set(key, { ...run, batches: run.batches + batches });
  }
  return { files, runs: [...runs.values()], leftOut };
}

type RunRole = Pick<PackedRunRecord, "stage" | "id"> & { readonly state: "finished" | "in the making" };

/** What a file is by its place; null where the layout has no such place. */
function roleOf(path: string): RunRole | "session" | "leftover" | null {
  if (path === "session.json" || path === "history.jsonl" || path === MOVED_VECTORS || path === GPU_LEDGER)
    return "session";
  const [top, stage, folder, file] = path.split("/");
  if (top !== "runs" || file === undefined || !stages.includes(stage as StageName)) return null;
  const { id, state } = runOf(folder as string);
  return state === "replaced" || state === "removed" ? "leftover" : { stage: stage as StageName, id, state };
}

async function stateOf(store: RunStore, { stage, id, state }: RunRole): Promise<PackedRunRecord["state"]> {
  if (state === "in the making") return state;
  const run = await store.find(stage, id).catch(() => null);
  return run === null ? "damaged" : "finished";
}

/** Paths that the session's exports wrote within its folder. */
async function exportedFiles(store: RunStore): Promise<ReadonlySet<string>> {
  const paths = new Set<string>();
  for (const name of await readdir(store.layout.stageDir("export")).catch(() => [])) {
    const { id, state } = runOf(name);
    if (state !== "finished") continue;
    const run = await store.find("export", id).catch(() => null);
    const folder = run?.settings["folder"];
    if (run === null || typeof folder !== "string") continue;
    for (const file of run.files) paths.add(posix.join(folder, file.path));
  }
  return paths;
}
