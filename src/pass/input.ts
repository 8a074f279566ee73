import type { TokenizedText } from "../runtime/types.js";
import type { KeptRows } from "../schema/kept-rows.js";
import type { LocatedModel } from "../schema/model-types.js";
import type { Settings } from "../schema/settings-types.js";
import type { StageName } from "../schema/types.js";
import type { Measured } from "./plan.js";

/** What one pass of a model over many texts needs. */
export interface PassInput {
  readonly stage: StageName;
  readonly model: LocatedModel;
  readonly normalize: boolean;
  readonly count: number;
  /** Counts the tokens of all rows; not asked for where a plan is on disk. */
  readonly measure: () => Promise<Measured>;
  /** A row, asked for when its batch is due. */
  readonly row: (row: number) => Promise<PreparedRow>;
  /** What a row is called in messages, such as a chunk's id. */
  readonly nameOf: (row: number) => Promise<string>;
  readonly padId: number;
  readonly settings: Settings;
  /** Most rows of a batch. */
  readonly maxRows: number;
  /** Rows of this model that are kept over runs; null where none are. */
  readonly kept: KeptRows | null;
  /** What rows are called in the progress line. */
  readonly unit: string;
}

/** A row as its batch needs it. */
export interface PreparedRow {
  /** Tokenises, which a row that is kept never needs. */
  readonly tokens: () => TokenizedText;
  /** sha256 of the text; null where no rows are kept. */
  readonly hash: Uint8Array | null;
}
