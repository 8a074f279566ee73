import { badOption, runFileDamaged, runNeeded, unknownRun } from "../core/errors.js";
import type { ListedRun } from "./table.js";

/** Which runs {@link removeRuns} removes, where they are not named. */
export interface RunChoice {
  /** Finished runs that no stage's latest run was made from, and that are not the latest themselves. */
  readonly unused?: boolean;
  /** Runs in the making: their finished batches are lost. */
  readonly unfinished?: boolean;
}

/**
 * The folders that a removal means, with all that earlier removals left over.
 *
 * @param which ids of runs: all folders of that name; or a choice
 * @throws RagError `bad_option`, `unknown_run`, `run_needed`, `run_damaged`
 */
export function chooseRuns(
  which: readonly string[] | RunChoice,
  runs: readonly ListedRun[],
  session: string,
): ListedRun[] {
  const chosen = Array.isArray(which) ? named(which, runs, session) : byChoice(which as RunChoice, runs);
  return runs.filter((run) => run.state === "left over" || chosen.includes(run));
}

function named(ids: readonly unknown[], runs: readonly ListedRun[], session: string): ListedRun[] {
  const unknown = ids.find((id) => !runs.some((run) => run.id === id));
  if (unknown !== undefined) throw unknownRun(unknown, session);
  const chosen = runs.filter(({ id }) => ids.includes(id));
  for (const { row, id } of chosen) {
    const others = row.neededBy.filter((other) => !ids.includes(other));
    if (others.length > 0) throw runNeeded(id, others);
  }
  return chosen;
}

function byChoice(which: RunChoice, runs: readonly ListedRun[]): ListedRun[] {
  const { unused = false, unfinished = false, ...more } = which ?? {};
  if ((unused !== true && unfinished !== true) || Object.keys(more).length > 0)
    throw badOption("which", which, "ids of runs are needed, or { unused: true }, { unfinished: true } or both");
  // What a damaged run was made from is not known, so neither is what nothing needs.
  const damaged = unused ? runs.find(({ state, row }) => state === "damaged" && !row.unused) : undefined;
  if (damaged) throw runFileDamaged(damaged.path, damaged.problem);
  return runs.filter(({ state, row }) => (unused && row.unused) || (unfinished && state === "in the making"));
}
