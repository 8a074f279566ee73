import type { Provenance, Settings } from "../schema/settings-types.js";
import type { ModelUse, StageName } from "../schema/types.js";
import type { DocumentChanges } from "./documents.js";
import type { RunHead } from "./head.js";

/** Everything that decides whether runs still hold, gathered beforehand: judging it asks no disk. */
export interface Facts {
  /** The last run of each stage; a word where it can't be read or is gone; absent where the stage never ran. */
  readonly runs: ReadonlyMap<StageName, RunHead | "damaged" | "removed">;
  readonly settings: Settings;
  readonly provenance: Provenance;
  /** Registry keys of the models that the settings name. */
  readonly keys: { readonly dense: readonly string[]; readonly sparse: readonly string[]; readonly rerank: string };
  /** Which weights the session loads of a model; null where the model's row has none of them, or is not there. */
  dtype(key: string): string | null;
  /** Models whose files this session has read, as they are now. */
  readonly models: ReadonlyMap<string, ModelUse>;
  /** The documents of the last chunk run, or why nothing is known of them. */
  readonly documents: DocumentChanges | { readonly unknown: string };
}
