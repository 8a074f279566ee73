/**
 * Where a result came from, and whether it still holds. No zod here, as in types.ts.
 */

import type { ModelUse, Note, StageName } from "./types.js";

/** Who set something that a run was made with. */
export interface SetBy {
  /**
   * `default`, `config:<file>`, `env-file`, `env` or `call`; `model` where the model's row
   * or files say it. Several, such as `call, default`, where several settings decide.
   */
  readonly source: string;
  /** The session's settings that it came from; empty where the stage's own option or default gave it. */
  readonly settings: readonly string[];
}

/** Who set what a run was made with. Recorded, never part of an identity. */
export interface RunSetBy {
  /** By the names of the run's `settings`. */
  readonly settings: Readonly<Record<string, SetBy>>;
  /** By model key. */
  readonly models: Readonly<Record<string, SetBy>>;
}

/** Why a run no longer is what its cell would give now. `words` is for people. */
export type StaleReason =
  | {
      readonly cause: "documents";
      readonly words: string;
      readonly changed: readonly string[];
      readonly added: readonly string[];
      readonly removed: readonly string[];
    }
  | {
      readonly cause: "setting";
      readonly words: string;
      /** The session's setting. */
      readonly name: string;
      readonly from: unknown;
      readonly to: unknown;
    }
  | {
      readonly cause: "model";
      readonly words: string;
      readonly model: string;
      /** Revision, fingerprint, or what its row said. */
      readonly from: string;
      readonly to: string;
    }
  | {
      readonly cause: "input";
      readonly words: string;
      readonly stage: StageName;
      /** Ids of the run it was made from, and of that stage's last run. */
      readonly from: string;
      readonly to: string;
    }
  | { readonly cause: "upstream"; readonly words: string; readonly stages: readonly StageName[] };

/** How the last run of a stage stands against the documents, settings and models as they are now. */
export interface StageStanding {
  readonly stage: StageName;
  /** The verb of its cell, such as `runDense`. */
  readonly cell: string;
  /** `fresh` only where all of it is known. `off`: the stage is switched off. */
  readonly state: "fresh" | "stale" | "unknown" | "never_run" | "off";
  /** The stage's last run; null where there is none. */
  readonly id: string | null;
  /** Why it is stale; empty unless it is. */
  readonly reasons: readonly StaleReason[];
  /** What can't be known, and why; what else there is to say. */
  readonly remarks: readonly string[];
}

/** Which cells of a session have to be run again. */
export interface StaleReport {
  readonly kind: "stale_report";
  readonly session: string;
  /** Every stage, in the order of the journey. */
  readonly stages: readonly StageStanding[];
  /** Verbs of the stale stages, in the order in which their cells have to be run again. */
  readonly rerun: readonly string[];
}

/** What a run was made from, and what that was made from. */
export interface LineageNode {
  readonly stage: StageName | "queries" | "corpus";
  readonly id: string;
  /** Whether the run is on the session's disk; `no_run` for documents and queries, which are none. */
  readonly state: "on_disk" | "missing" | "damaged" | "no_run";
  readonly inputs: readonly LineageNode[];
}

/** A setting of a run. */
export interface ExplainedSetting {
  readonly name: string;
  readonly value: unknown;
  readonly setBy: SetBy;
}

/** A model of a run. */
export interface ExplainedModel {
  readonly model: ModelUse;
  readonly setBy: SetBy;
}

/** Where a run came from. */
export interface RunExplanation {
  readonly kind: "explanation";
  readonly stage: StageName;
  readonly id: string;
  readonly session: string;
  readonly dir: string;
  /** False where the run's folder was removed: what is said comes from the value alone. */
  readonly onDisk: boolean;
  /** How the stored result was made. */
  readonly made: {
    readonly outcome: "computed" | "resumed";
    /** ISO 8601, UTC. */
    readonly at: string;
    readonly seconds: number;
    /** Why it was not reused, from the history; empty where that does not say. */
    readonly why: string;
  };
  /** Calls that ended in this run, by the session's history. */
  readonly calls: { readonly computed: number; readonly resumed: number; readonly reused: number };
  /** What was not computed: batches of an interrupted attempt, and vectors kept from earlier runs (null where none are kept). */
  readonly reused: { readonly batches: number; readonly vectors: number | null };
  readonly settings: readonly ExplainedSetting[];
  readonly models: readonly ExplainedModel[];
  readonly inputs: readonly LineageNode[];
  readonly notes: readonly Note[];
  /** How it stands now; null where no session is open on its folder in this kernel. */
  readonly standing: StageStanding | null;
  /** The stage's last run in the session, where that is another one. */
  readonly newer: string | null;
}

/** Why a stage did not run. */
export interface SkipExplanation {
  readonly kind: "skip_explanation";
  readonly stage: "sparse" | "rerank";
  /** The setting that switched it off, and who set it. */
  readonly setting: string;
  readonly setBy: SetBy;
}
