import type { MemoryLimits, ModelShape } from "../schema/device-types.js";

/** What one micro-batch showed. */
export interface BudgetObservation {
  readonly rows: number;
  /** Tokens that each row was padded to. */
  readonly length: number;
  /** Seconds that it took, reading its output included. */
  readonly seconds: number;
  /**
   * Most bytes used on the device while its batch computed; null where no reading fell into that. For the first
   * micro-batch of a batch: readings came behind everything that ran before it, and behind which of the others is not known.
   */
  readonly peakBytes: number | null;
}

/** How large a batch may be, for one model with one dtype on one device. Buckets of lengths have limits of their own. */
export interface BatchBudget {
  /** Rows of `length` tokens that the next batch may have; 0 where not even one is expected to fit. */
  rowsFor(length: number): number;
  /** Whether it is known how fast batches of this size are. */
  knowsSpeed(rows: number, length: number): boolean;
  /** Whether such a batch needs nothing that the session has not taken and that was not read. */
  holds(rows: number, length: number): boolean;
  /** Bytes that such a batch is expected to take on the device, everything that is there included. */
  expectedBytes(rows: number, length: number): number;
  /** Learns from a batch that was computed. */
  observe(observation: BudgetObservation): void;
  /** A batch did not fit: none of that size or larger is tried again in its bucket. */
  outOfMemory(rows: number, length: number): void;
  /**
   * The session was made anew, in the same process or in another: what the old one's allocator held is free again.
   *
   * @param loadedBytes bytes used on the device with the model loaded again; null where nothing tells
   */
  renewed(loadedBytes: number | null): void;
  /** What was found, to be remembered for the next pass. */
  found(): RememberedBudget;
}

/** A batch, and most bytes that it can have taken beside the loaded model. */
export interface MeasuredBatch {
  /** Tokens, padding included. */
  readonly tokens: number;
  /** Tokens that each row was padded to. */
  readonly length: number;
  readonly bytes: number;
}

/** What a pass found about one model with one dtype on one kind of device. Plain data: kept as JSON. */
export interface RememberedBudget {
  /** Factor between the bytes that were seen and those that the formula says, at the largest batch that was measured; 1 where none was. */
  readonly bytesFactor: number;
  readonly buckets: readonly {
    /** Rows of up to so many tokens. */
    readonly upTo: number;
    /** Tokens of the best batch, padding included, and its throughput in tokens a second. */
    readonly tokens: number;
    readonly tokensPerSecond: number;
    /** Whether larger ones were tried and were no faster: a pass of few rows ends before that. */
    readonly settled: boolean;
    /** Fewest tokens, padding included, that did not fit; null where all did. */
    readonly tooMany: number | null;
    /** A batch of which it is known what it took at most; null where no reading told. */
    readonly measured: MeasuredBatch | null;
  }[];
}

/** What a budget is opened with. */
export interface BudgetInput {
  readonly shape: ModelShape;
  readonly limits: MemoryLimits;
  /** Bytes used on the device by others, before the model was loaded. */
  readonly baseBytes: number;
  /** Bytes used once the model was loaded, where they were read. */
  readonly loadedBytes: number | null;
  /** Longest row of the pass, in tokens. */
  readonly longest: number;
  readonly remembered: RememberedBudget | null;
}
