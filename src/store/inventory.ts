import { readdir } from "node:fs/promises";
import { join } from "node:path";
import type { RunState } from "../schema/run-types.js";
import type { StageName } from "../schema/types.js";
import { diskUsage } from "./disk.js";
import { countBatches } from "./journal-format.js";
import { JOURNAL_ENDING, runOf } from "./layout.js";
import type { RunStore } from "./runs.js";

/** One folder below `runs/<stage>`, as it was found. */
export interface RunFolder {
  readonly stage: StageName;
  readonly id: string;
  readonly state: RunState;
  /** Absolute. */
  readonly path: string;
  readonly bytes: number;
  readonly batches: number | null;
  /** Ids of what a finished run was made from. */
  readonly inputs: readonly string[];
  /** Why a damaged run can't be read; else empty. */
  readonly problem: string;
}

const stages: readonly StageName[] = ["prime", "chunk", "dense", "sparse", "fuse", "rerank", "export"];

/** Every folder of a run, in the order of the stages, then of the names. Reads only. */
export async function runFolders({ layout, find }: RunStore): Promise<RunFolder[]> {
  const folders: RunFolder[] = [];
  for (const stage of stages) {
    const entries = await readdir(layout.stageDir(stage), { withFileTypes: true }).catch(() => []);
    const names = entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
    for (const name of names.sort()) {
      const path = join(layout.stageDir(stage), name);
      const { id, state } = runOf(name);
      const about = { stage, id, path, bytes: await diskUsage(path) };
      if (state === "replaced" || state === "removed")
        folders.push({ ...about, state: "left over", batches: null, inputs: [], problem: "" });
      else if (state === "in the making")
        folders.push({ ...about, state, batches: await batchesIn(path), inputs: [], problem: "" });
      else folders.push({ ...about, batches: null, ...(await lookInto(find, stage, name)) });
    }
  }
  return folders;
}

async function lookInto(
  find: RunStore["find"],
  stage: StageName,
  id: string,
): Promise<Pick<RunFolder, "state" | "inputs" | "problem">> {
  try {
    const run = await find(stage, id);
    if (run) return { state: "finished", inputs: Object.values(run.inputs).flat(), problem: "" };
    return { state: "damaged", inputs: [], problem: "it has no run.json" };
  } catch (error) {
    return { state: "damaged", inputs: [], problem: (error as Error).message };
  }
}

async function batchesIn(dir: string): Promise<number> {
  let batches = 0;
  for (const name of await readdir(dir))
    if (name.endsWith(JOURNAL_ENDING)) batches += await countBatches(join(dir, name));
  return batches;
}
