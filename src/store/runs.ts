import { existsSync } from "node:fs";
import { appendFile, mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { runFileDamaged, storeWriteFailed } from "../core/errors.js";
import { parseRunFile, RUN_SCHEMA } from "../schema/run-file.js";
import type { RunOf, StageName } from "../schema/types.js";
import { syncFolder, writeAtomic } from "./atomic.js";
import { JOURNAL_ENDING, layoutOf, RERUN_MARKER, RUN_FILE, type SessionLayout } from "./layout.js";

/** A run as it stands in `run.json`: all of it but what depends on who asks. */
export type StoredRun<K extends StageName> = Omit<RunOf[K], "dir" | "reused" | "session">;

/** One line of a session's history. */
export interface HistoryEntry {
  readonly stage: StageName;
  readonly id: string;
  /** ISO 8601, UTC. */
  readonly at: string;
  readonly outcome: "computed" | "resumed" | "reused";
  readonly seconds: number;
}

/** The stored runs of one session. */
export interface RunStore {
  readonly layout: SessionLayout;
  /** A finished run, or null. @throws RagError `run_damaged` */
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
      if (!parsed.ok) throw runFileDamaged(path, parsed.problem);
      // The head is checked; the rest was written by this library under this very id.
      return parsed.run as unknown as StoredRun<typeof stage>;
    },
    async begin(stage, id, rerun) {
      const dir = layout.partialDir(stage, id);
      const marker = join(dir, RERUN_MARKER);
      try {
        if (rerun && !existsSync(marker)) await rm(dir, { recursive: true, force: true });
        await mkdir(dir, { recursive: true });
        if (rerun) await writeFile(marker, "");
      } catch (cause) {
        throw storeWriteFailed(dir, `the ${stage} run`, cause);
      }
      return dir;
    },
    async commit(stage, id, run) {
      const partial = layout.partialDir(stage, id);
      const final = layout.runDir(stage, id);
      await writeAtomic(join(partial, RUN_FILE), `${JSON.stringify({ schema: RUN_SCHEMA, ...run }, null, 1)}\n`);
      try {
        const old = `${final}.old`;
        await rm(old, { recursive: true, force: true });
        await rename(final, old).catch((error: NodeJS.ErrnoException) => {
          if (error.code !== "ENOENT") throw error;
        });
        await rename(partial, final);
        await syncFolder(dirname(final));
        await rm(old, { recursive: true, force: true });
        // What they held is in the arrays now. Not before the rename: until then they are all that a kill leaves.
        for (const name of await readdir(final)) {
          if (name.endsWith(JOURNAL_ENDING) || name === RERUN_MARKER) await rm(join(final, name));
        }
      } catch (cause) {
        throw storeWriteFailed(final, `the ${stage} run`, cause);
      }
      return final;
    },
    async log(entry) {
      try {
        await appendFile(layout.historyFile, `${JSON.stringify(entry)}\n`, { flush: true });
      } catch (cause) {
        throw storeWriteFailed(layout.historyFile, "the history", cause);
      }
    },
    async history() {
      const text = await readFile(layout.historyFile, "utf8").catch(() => "");
      return text.split("\n").flatMap((line) => {
        try {
          return [JSON.parse(line) as HistoryEntry];
        } catch {
          return []; // The empty end, or a line torn by a kill: the runs themselves are the truth.
        }
      });
    },
  };
}
