/** A GPU that is simulated: how much memory and speed it has, and what goes wrong on it. */
export interface SimulatedGpu {
  /** Such as `Tesla T4 (simulated)`. */
  readonly product: string;
  readonly memoryBytes: number;
  readonly computeCapability: string;
  /** Memory that a process takes for its context, before any model. */
  readonly contextBytes: number;
  /** Arithmetic that it does in a second where batches are large enough, in multiplications with their additions counted as two. */
  readonly flops: number;
  /** Tokens in a batch at which half of that is reached. */
  readonly halfTokens: number;
  /** Seconds that every batch takes beside its arithmetic. */
  readonly launchSeconds: number;
  /** Seconds of the simulation in one second of the clock: 10 lets it run ten times as fast. */
  readonly speedup: number;
  /**
   * `model`: the real model computes on the processor, so that results are real. `hash`: vectors are
   * drawn from a hash of each row's tokens, so that any number of rows takes next to no time.
   */
  readonly compute: "model" | "hash";
  /** How much more memory batches take than the simple formula says: what the budget has to find out. */
  readonly memoryFactor: number;
  readonly faults: readonly SimulatedFault[];
}

/** What goes wrong at a batch of a process on the device, or where it loads a model. */
export interface SimulatedFault {
  /** Counted over all processes on this device, from 0. For `load_hang` it is models that are counted, each time that one is loaded. */
  readonly batch: number;
  readonly kind: "out_of_memory" | "crash" | "hang" | "device_error" | "leak" | "load_hang";
  /** How many batches, or models, from there on it happens to; 1 where absent. */
  readonly times?: number;
  /** For `leak`: bytes that stay taken until the process ends. */
  readonly bytes?: number;
}

/** Devices of a simulation. */
export interface Simulation {
  readonly gpus: readonly SimulatedGpu[];
}
