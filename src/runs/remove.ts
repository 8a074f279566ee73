import type { RunRemoval } from "../schema/run-types.js";
import { contextOf, type Session } from "../stage/context.js";
import { withCard } from "../stage/present.js";
import { underStop } from "../stage/stop.js";
import { freeBytes } from "../store/disk.js";
import { runFolders } from "../store/inventory.js";
import { removeFolders } from "../store/remove.js";
import { chooseRuns, type RunChoice } from "./choose.js";
import { type ListedRun, relate } from "./table.js";

/** Options of {@link removeRuns}. */
export interface RemoveOptions {
  /** Say what would be removed, and remove nothing. */
  readonly dryRun?: boolean;
}

/**
 * Removes runs from the disk: those that are named, or all that no latest run needs.
 * A run that others were made from goes only together with them. Files that an
 * export wrote stay. A removal that was killed is finished by the next one, whatever
 * it is asked for. A removed run is computed again when its cell is run.
 *
 * @param which ids of runs, finished or in the making; or a choice
 * @returns what was removed, and the bytes
 * @throws RagError `not_a_session`, `session_closed`, `store_unreadable`, `stopped`, `unknown_run`, `run_needed` (with the ids of what needs it), `run_damaged`, `bad_option`, `stage_busy`, `store_write_failed`
 */
export async function removeRuns(
  session: Session,
  which: readonly string[] | RunChoice,
  options: RemoveOptions = {},
): Promise<RunRemoval> {
  const context = contextOf(session);
  const { store } = context;
  const { dryRun = false } = options;
  const remove = async (signal: AbortSignal | null) => {
    const runs = relate(await runFolders(store), await store.history());
    const chosen = chooseRuns(which, runs, session.name);
    if (signal)
      await removeFolders(
        chosen.map(({ path }) => path),
        signal,
      );
    const kept = runs.filter((run) => !chosen.includes(run));
    return {
      kind: "run_removal" as const,
      session: session.name,
      dryRun,
      removed: chosen.map(({ stage, id, state, bytes }) => ({ stage, id, state, bytes })),
      bytes: total(chosen),
      kept: kept.length,
      keptBytes: total(kept),
      freeBytes: await freeBytes(session.dir),
    };
  };
  return withCard(dryRun ? await remove(null) : await underStop(context, "removal", ({ signal }) => remove(signal)));
}

function total(runs: readonly ListedRun[]): number {
  return runs.reduce((sum, { bytes }) => sum + bytes, 0);
}
