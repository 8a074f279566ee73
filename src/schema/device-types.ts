/** What models compute on, and what a run says of it. */

/** A kind of device; `simulated` behaves like a GPU of a given memory and speed, for tests and for planning. */
export type DeviceKind = "cpu" | "cuda" | "webgpu" | "simulated";

/** A device that models can compute on. */
export interface Device {
  readonly kind: DeviceKind;
  /** `cpu`, `cuda:0`, `webgpu`, `simulated:1`: what records, charts and messages call it. */
  readonly name: string;
  /** What its maker calls it, such as `Tesla T4`. */
  readonly product: string;
  /** Its number as `nvidia-smi` counts; null for devices that `nvidia-smi` does not know. */
  readonly index: number | null;
  readonly uuid: string | null;
  /** Total memory in bytes; null where the device has none of its own, or does not say. */
  readonly memoryBytes: number | null;
  /** Such as `7.5`; null for devices without CUDA. */
  readonly computeCapability: string | null;
}

/** The limits for a device's memory, in bytes: batches are planned below the first, a process is killed at the second, more than the third is a violation. */
export interface MemoryLimits {
  readonly softBytes: number;
  readonly watchdogBytes: number;
  readonly capBytes: number;
}

/** What decides how much memory and time a model takes. */
export interface ModelShape {
  readonly layers: number;
  /** Width of a token's state. */
  readonly hidden: number;
  readonly heads: number;
  /** Width between the two matrices of a feed-forward layer; one with a gate has a third matrix and counts as half as wide again. */
  readonly intermediate: number;
  readonly vocabulary: number;
  /** Bytes of the weights as they are on disk. */
  readonly weightBytes: number;
  /** Bytes of one number of a token's state: 2 for fp16, 4 for fp32 and for int8 weights. */
  readonly numberBytes: number;
  /** Whether every token gives a number for every word of the vocabulary (SPLADE), before pooling. */
  readonly vocabularyOutput: boolean;
  /** Where the numbers come from: `config.json`, or `estimated from its parameters`. */
  readonly source: string;
}

/** A turn on a device: what was waited for, and its memory before and after. */
export interface LeaseEvent {
  readonly device: string;
  /** Who held it: stage and model. */
  readonly owner: string;
  /** Seconds waited for others to release it. */
  readonly waitedSeconds: number;
  readonly heldSeconds: number;
  /** Bytes used on the device before the first process was started there; null where nothing tells. */
  readonly beforeBytes: number | null;
  /** Bytes used after the last process was gone; null where nothing tells. */
  readonly afterBytes: number | null;
}

/** Something that happened on a device and changed how the work went. */
export interface DeviceEvent {
  readonly device: string;
  readonly model: string;
  /**
   * `halved`: out of memory, the batch was cut in two. `new_session`, `new_process`: out of memory again.
   * `row_failed`: one row alone did not fit. `restarted`: any other error. `watchdog`: killed above the second limit.
   * `violation`: more than the cap was seen. `timeout`: no answer in time.
   */
  readonly kind:
    | "halved"
    | "new_session"
    | "new_process"
    | "row_failed"
    | "restarted"
    | "watchdog"
    | "violation"
    | "timeout";
  /** Seconds since the stage began. */
  readonly at: number;
  readonly rows: number;
  /** Tokens that each row was padded to. */
  readonly length: number;
  /** The device's or the runtime's own words, one line. */
  readonly words: string;
}

/** Memory and use of one device over a pass, as they were read. */
export interface DeviceReport {
  readonly device: Device;
  readonly model: string;
  readonly batches: number;
  readonly rows: number;
  /** Tokens of texts, and tokens computed with padding. */
  readonly tokens: number;
  readonly paddedTokens: number;
  /** Seconds inside the model, and from the first batch's start to the last one's end over all devices. */
  readonly busySeconds: number;
  readonly passSeconds: number;
  /** Nodes of the graph by the provider that computed them in a probe; null where no probe was made. */
  readonly placement: Readonly<Record<string, number>> | null;
  /** Mean of the device's own utilisation while the pass ran, 0..1; null where nothing tells. */
  readonly utilisation: number | null;
  /** Largest memory seen, in bytes; null where nothing tells. */
  readonly peakBytes: number | null;
}
