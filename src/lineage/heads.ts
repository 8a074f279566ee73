import { stat } from "node:fs/promises";
import { join } from "node:path";
import type { StageName } from "../schema/types.js";
import { RUN_FILE } from "../store/layout.js";
import type { RunStore } from "../store/runs.js";
import { headOf, type RunHead } from "./head.js";

/** Reads heads of runs, each once while its file stays as it is. */
export interface Heads {
  /** Null where there is no such run. @throws RagError `run_damaged` */
  read(stage: StageName, id: string): Promise<RunHead | null>;
  /** The last run of each stage by the history: a word where it can't be read, or where none of those that ran is left. */
  last(): Promise<Map<StageName, RunHead | "damaged" | "removed">>;
}

/** Opens the heads of a store's runs. */
export function openHeads(store: RunStore): Heads {
  const seen = new Map<string, RunHead>();
  const read: Heads["read"] = async (stage, id) => {
    const file = await stat(join(store.layout.runDir(stage, id), RUN_FILE)).catch(() => null);
    if (!file) return null;
    const key = [stage, id, file.size, file.mtimeMs, file.ino].join("\n");
    const known = seen.get(key);
    if (known) return known;
    const run = await store.find(stage, id);
    if (run === null) return null;
    const head = headOf(run);
    seen.set(key, head);
    return head;
  };
  return {
    read,
    async last() {
      const last = new Map<StageName, RunHead | "damaged" | "removed">();
      for (const { stage, id } of (await store.history()).reverse()) {
        if (last.has(stage) && last.get(stage) !== "removed") continue;
        last.set(stage, (await read(stage, id).catch(() => "damaged" as const)) ?? "removed");
      }
      return last;
    },
  };
}
