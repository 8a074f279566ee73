import type { BatchReport, DenseBatch, EncoderOptions, SparseBatch, TokenBatch } from "./types.js";

/**
 * What the notebook's process sends to an inference process: a `load`, then batches, each followed by a `run` when it is its turn.
 * A batch takes the place of one that was sent before it and not run. Another `load` makes a new session.
 */
export type ToWorker =
  | { readonly kind: "load"; readonly options: EncoderOptions }
  | { readonly kind: "batch"; readonly microBatches: readonly TokenBatch[] }
  | { readonly kind: "run"; readonly id: number };

/** What an inference process answers. Words in a message are onnxruntime's own, or ours about the file. */
export type FromWorker =
  | {
      readonly kind: "loaded";
      readonly rssBytes: number;
      readonly placement: Readonly<Record<string, number>> | null;
    }
  | { readonly kind: "unusable"; readonly words: string }
  | {
      readonly kind: "done";
      readonly id: number;
      readonly output: DenseBatch | SparseBatch;
      readonly report: BatchReport;
      /** Why the micro-batches behind those that `report` counts were not computed; null where all were. */
      readonly words: string | null;
    }
  | { readonly kind: "failed"; readonly id: number; readonly words: string };
