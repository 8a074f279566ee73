/** What is left to a session of time, GPU hours and disk: plain data, for cards and messages. */

/** The time of a machine's session. */
export interface TimeLeft {
  readonly limitSeconds: number;
  /** Below 0 where the limit has passed and the machine is still there. */
  readonly leftSeconds: number;
  /** So long before the end stages stop; 0 for never. */
  readonly marginSeconds: number;
  /** What the session's start was taken from. */
  readonly startFrom: "the session's first process" | "sessionStart" | "the start of this kernel";
}

/** Time on machines with a GPU in the last seven days, as far as sessions of this library saw it. */
export interface GpuTime {
  readonly usedSeconds: number;
  readonly quotaSeconds: number;
  /** Whether this machine has a GPU, so that its time counts. */
  readonly counting: boolean;
}

/** What lies in a folder that has a quota. */
export interface DiskUse {
  readonly folder: string;
  /** Null until it is counted. */
  readonly usedBytes: number | null;
  readonly quotaBytes: number;
  /** False where there were too many files to count them all. */
  readonly whole: boolean;
}

/** What a session has left; null where there is no limit. */
export interface SessionStatus {
  readonly time: TimeLeft | null;
  readonly gpu: GpuTime | null;
  readonly disk: DiskUse | null;
}
