/** How the hub is reached. The token never leaves this value but in a header to the hub's own origin. */
export interface HubAccess {
  /** Such as `https://huggingface.co`, without a slash at the end. */
  readonly endpoint: string;
  readonly token: string | null;
  readonly limits: HubLimits;
}

/** How patient a connection is. */
export interface HubLimits {
  /** Silence after which a request counts as dead, before the answer and within it. */
  readonly silenceMs: number;
  /** Attempts in a row that bring no new byte before a request is given up. */
  readonly attempts: number;
  /** Wait before the second attempt; each further one waits twice as long, up to `longestWaitMs`. */
  readonly firstWaitMs: number;
  readonly longestWaitMs: number;
  /** The longest `Retry-After` that is waited for. */
  readonly longestRetryAfterMs: number;
}

/** Limits for a hub on the internet. */
export const usualLimits: HubLimits = {
  silenceMs: 30_000,
  attempts: 6,
  firstWaitMs: 500,
  longestWaitMs: 30_000,
  longestRetryAfterMs: 300_000,
};

/** A failure that may pass: the same request is worth another attempt. */
export class Transient extends Error {
  /** How long the server asked to wait, in milliseconds. */
  readonly retryAfterMs: number | null;
  /** True where no connection came about at all. */
  readonly unreachable: boolean;

  constructor(message: string, options: { cause?: unknown; retryAfterMs?: number | null; unreachable?: boolean } = {}) {
    super(message, { cause: options.cause });
    this.retryAfterMs = options.retryAfterMs ?? null;
    this.unreachable = options.unreachable ?? false;
  }
}

/** An answer that is not what was asked for, such as a web page in place of a file. It may pass, so it is asked for again, but not often. */
export class WrongAnswer extends Transient {}
