import type { Note } from "./types.js";

/** What one model of one stage will take. */
export interface PlannedPass {
  readonly stage: "dense" | "sparse" | "rerank";
  /** Registry key. */
  readonly model: string;
  readonly dtype: string;
  /** Chunks, or pairs of a query and a chunk. */
  readonly rows: number;
  readonly batches: number;
  /** Tokens of texts, and tokens computed with padding. */
  readonly tokens: number;
  readonly paddedTokens: number;
  /** Seconds from the loading of the model to the last batch's end; null where nothing tells how fast the device is. */
  readonly seconds: number | null;
  /** Of those, seconds until the model is loaded. */
  readonly loadSeconds: number;
  /** Share of the time behind the loading in which a device computes, 0..1, over all devices. */
  readonly busy: number | null;
  /** Most bytes in use on a device; null for devices without memory of their own. */
  readonly peakBytes: number | null;
  /** Rows that are expected not to fit, even alone. */
  readonly tooLong: number;
  /** Where the speed comes from, in words. */
  readonly basis: string;
}

/** What dense, sparse and rerank passes over a corpus will take on some devices. Nothing is computed for it. */
export interface ComputePlan {
  readonly kind: "compute_plan";
  readonly session: string;
  /** Id of the chunk run. */
  readonly chunks: string;
  /** What the devices are called by their maker, one each. */
  readonly devices: readonly string[];
  /** The memory cap of each; null for the CPU. */
  readonly capBytes: number | null;
  readonly passes: readonly PlannedPass[];
  /** All passes, one after another; null where that of one is not known. */
  readonly seconds: number | null;
  readonly gpuQuotaHours: number;
  /** Share of these hours; null on the CPU, and where the time is not known. */
  readonly quotaShare: number | null;
  readonly notes: readonly Note[];
}
