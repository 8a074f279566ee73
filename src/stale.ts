import type { StaleReport } from "./schema/lineage-types.js";
import { contextOf, type Session } from "./stage/context.js";
import { withCard } from "./stage/present.js";

/**
 * Which cells of a session have to be run again, in order, and why: the last run of
 * each stage is held against the documents, settings and models as they are now.
 * Fresh is only what is known to be. Model files are not read for it: after a
 * restart, `primeCache` reads them all.
 */
export async function stale(session: Session): Promise<StaleReport> {
  const { stages } = await contextOf(session).lineage.standings();
  const rerun = stages.filter(({ state }) => state === "stale").map(({ cell }) => cell);
  return withCard({ kind: "stale_report", session: session.name, stages, rerun });
}
