import { type RunsTable, runsTable } from "../charts/tables.js";
import { contextOf, type Session } from "../stage/context.js";
import { runFolders } from "../store/inventory.js";
import { relate } from "./table.js";

/**
 * Every run on disk, as an arquero table: what it takes there, when it was used
 * last, which runs were made from it, and whether any latest run still needs it.
 * Runs in the making are in it with their finished batches. Reads only.
 *
 * @throws RagError `not_a_session`, `session_closed`, `store_unreadable`
 */
export async function listRuns(session: Session): Promise<RunsTable> {
  const { store } = contextOf(session);
  const runs = relate(await runFolders(store), await store.history());
  return runsTable(runs.map(({ row }) => row));
}
