import type { Place, Slot } from "./exchange.js";
import type { OutputHead } from "./row-bytes.js";
import type { BatchReport, EncoderOptions } from "./types.js";

/**
 * What the notebook's process sends to an inference process: a `load`, then batches, one when the answer to the one before was
 * read. Another `load` makes a new session. Token ids and results stand in files; see {@link Exchange}.
 */
export type ToWorker =
  | { readonly kind: "load"; readonly options: EncoderOptions }
  | { readonly kind: "run"; readonly slot: Slot; readonly microBatches: readonly Place[] };

/** What an inference process answers. Words in a message are onnxruntime's own, or ours about the file. */
export type FromWorker =
  | {
      readonly kind: "loaded";
      readonly rssBytes: number;
      readonly placement: Readonly<Record<string, number>> | null;
    }
  | { readonly kind: "unusable"; readonly words: string }
  /** A micro-batch is computed, and its results stand in their file; see {@link packOutput}. */
  | { readonly kind: "computed"; readonly output: OutputHead; readonly at: number; readonly report: BatchReport }
  /** The batch is over. `words` say why the micro-batches behind those that were computed were not; null where all were. */
  | { readonly kind: "over"; readonly words: string | null };
