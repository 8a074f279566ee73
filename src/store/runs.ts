import { existsSync } from "node:fs";
import { readFile, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { RagError, runFileDamaged, runFileNewer, storeWriteFailed } from "../core/errors.js";
import type { RunFacts } from "../core/runs.js";
import { parseRunFile, RUN_SCHEMA } from "../schema/run-file.js";
import type { StageName } from "../schema/types.js";
import { makeFolders, removeLeftovers, syncFolder, writeAtomic } from "./atomic.js";
import { finishRun } from "./finish.js";
import { appendHistory, readHistory } from "./history.js";
import { layoutOf, RERUN_MARKER, RUN_FILE, type SessionLayout } from "./layout.js";

/** A run as it stands in `run.json`: all of it but what depends on who asks. */
export type StoredRun<K extends StageName> = RunFacts<K>;

/** One line of a session's history. */
export interface HistoryEntry {
  readonly stage: StageName;
  readonly id: string;
  /** ISO 8601, UTC. For people: the order of the lines is the order of the calls, whatever the clock said. */
  readonly at: string;
  readonly outcome: "computed" | "resumed" | "reused";
  /** Why it was computed or reused, in a few words. */
  readonly why: string;
  /** How much the run holds: models, chunks, vectors, queries, pairs or points. */
  readonly rows: number;
  readonly seconds: number;
}

/** The stored runs of one session. */
export interface RunStore {
  readonly layout: SessionLayout;
  /** A finished run, or null. @throws RagError `run_damaged`, `run_newer` */
  find<K extends StageName>(stage: K, id: string): Promise<StoredRun<K> | null>;
  /**
   * The folder of a run in the making, with what an interrupted attempt left in it.
   * `rerun` goes on from an attempt that was itself a rerun, and from no other.
   */
  begin(stage: StageName, id: string, rerun: boolean): Promise<string>;
  /** Makes the run in the making the finished one: its manifest is written last, then the folder is renamed. */
  commit<K extends StageName>(stage: K, id: string, run: StoredRun<K>): Promise<string>;
  log(entry: HistoryEntry): Promise<void>;
  history(): Promise<HistoryEntry[]>;
}

/** Opens the run store in a session's folder. Creates nothing. */
export function openRunStore(dir: string): RunStore {
  const layout = layoutOf(dir);
  return {
    layout,
    async find(stage, id) {
      const path = join(layout.runDir(stage, id), RUN_FILE);
      const text = await readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
        if (error.code === "ENOENT") return null;
        throw runFileDamaged(path, error.message);
      });
      if (text === null) return null;
      const parsed = parseRunFile(text, stage, id);
      if (!parsed.ok)
        throw parsed.newer ? runFileNewer(path, parsed.newer, RUN_SCHEMA) : runFileDamaged(path, parsed.problem);
      // The head is checked; the rest was written by this library under this very id.
      return parsed.run as unknown as StoredRun<typeof stage>;
    },
    async begin(stage, id, rerun) {
      const dir = layout.partialDir(stage, id);
      const marker = join(dir, RERUN_MARKER);
      try {
        if (rerun && !existsSync(marker)) await rm(dir, { recursive: true, force: true });
        await makeFolders(dir);
        // All of them: a kill may have come between making one and syncing it.
        for (const above of [dirname(layout.dir), layout.dir, layout.runsDir, layout.stageDir(stage)])
          await syncFolder(above);
        await removeLeftovers(dir);
        if (rerun && !existsSync(marker)) await writeAtomic(marker, "");
      } catch (cause) {
        throw cause instanceof RagError ? cause : storeWriteFailed(dir, `the ${stage} run`, cause);
      }
      return dir;
    },
    async commit(stage, id, run) {
      const partial = layout.partialDir(stage, id);
      const final = layout.runDir(stage, id);
      await writeAtomic(join(partial, RUN_FILE), `${JSON.stringify({ schema: RUN_SCHEMA, ...run }, null, 1)}\n`);
      try {
        await finishRun(partial, final);
      } catch (cause) {
        throw storeWriteFailed(final, `the ${stage} run`, cause);
      }
      return final;
    },
    log: (entry) => appendHistory(layout.historyFile, entry),
    history: () => readHistory(layout.historyFile),
  };
}
