/** What `listRuns` and `removeRuns` say of the runs on disk. */

import type { StageName } from "./types.js";

/**
 * What a folder of a run is: whole; half done; left by a kill in the moment between
 * two renames; or whole by its name, with a `run.json` that can't be read.
 */
export type RunState = "finished" | "in the making" | "left over" | "damaged";

/** One run on disk. */
export interface RunRow {
  readonly stage: StageName;
  readonly id: string;
  readonly state: RunState;
  /** Finished batches in its journals; null for runs that are not in the making. */
  readonly batches: number | null;
  /** What it takes on the disk. */
  readonly bytes: number;
  /** Number of the last call that returned it, from 1, in the order of the history; null where the history has none. */
  readonly call: number | null;
  /** When that was: ISO 8601, UTC, by the clock of that time. */
  readonly usedAt: string | null;
  /** True for the run that `latest` gives for its stage. */
  readonly latest: boolean;
  /** Finished runs that were made from it. */
  readonly neededBy: readonly string[];
  /** True where no latest run of any stage was made from it: what `removeRuns(session, { unused: true })` removes. */
  readonly unused: boolean;
}

/** What {@link RunRemoval} removed, or would. */
export interface RemovedRun {
  readonly stage: StageName;
  readonly id: string;
  readonly state: RunState;
  readonly bytes: number;
}

/** What `removeRuns` did, or would do. */
export interface RunRemoval {
  readonly kind: "run_removal";
  readonly session: string;
  /** True where nothing was removed. */
  readonly dryRun: boolean;
  readonly removed: readonly RemovedRun[];
  /** Bytes of what was removed. */
  readonly bytes: number;
  /** Runs that stay, of any state. */
  readonly kept: number;
  readonly keptBytes: number;
  /** Free on that disk afterwards; null where the system does not say. */
  readonly freeBytes: number | null;
}
