import { setTimeout as sleep } from "node:timers/promises";
import { hubAnswerBad, hubBusy, hubUnreachable, RagError } from "../../core/errors.js";
import { type HubAccess, Transient, WrongAnswer } from "./access.js";

/** Attempts at an answer that was wrong: a portal or a proxy that gives pages for files rarely changes its mind. */
const WRONG_ANSWERS = 3;
/** Attempts at a host that can't be reached at all: without a network the operator should know soon. */
const UNREACHABLE = 3;

/** What happened on the way. */
export interface Retries {
  count: number;
}

/**
 * Tries until it works, fails for good, or has made no progress in as many attempts
 * as the limits allow. Waits grow twofold with a random part, so that many clients
 * of a busy hub don't come back all at once (https://www.rfc-editor.org/rfc/rfc6585
 * for `Retry-After`).
 *
 * @param what names the thing in errors
 * @param attempt one try; it says by `progressed` that it got further than all before it
 * @throws RagError `hub_unreachable`, `hub_busy`, `hub_answer_bad`, what the attempt throws, and what the signal aborts with
 */
export async function withRetries<T>(
  access: HubAccess,
  what: string,
  retries: Retries,
  signal: AbortSignal,
  attempt: (progressed: () => void) => Promise<T>,
): Promise<T> {
  const { limits, endpoint } = access;
  let failures = 0;
  let wrong = 0;
  for (;;) {
    let moved = false;
    try {
      return await attempt(() => {
        moved = true;
      });
    } catch (error) {
      if (signal.aborted) throw signal.reason;
      if (!(error instanceof Transient)) throw error;
      failures = moved ? 1 : failures + 1;
      if (error instanceof WrongAnswer) wrong++;
      if (wrong >= WRONG_ANSWERS) throw hubAnswerBad(what, endpoint, error.message);
      if (error.unreachable && failures >= UNREACHABLE) throw hubUnreachable(what, endpoint, error.message, error);
      if (failures >= limits.attempts) throw hubBusy(what, endpoint, error.message, failures, error);
      if (error.retryAfterMs !== null && error.retryAfterMs > limits.longestRetryAfterMs)
        throw hubBusy(what, endpoint, `it asks to wait ${Math.round(error.retryAfterMs / 1000)} s`, failures, error);
      retries.count++;
      const most = Math.min(limits.longestWaitMs, limits.firstWaitMs * 2 ** (failures - 1));
      const wait = error.retryAfterMs ?? most * (0.5 + Math.random() / 2);
      await sleep(wait, undefined, { signal }).catch((cause) => {
        throw signal.aborted ? signal.reason : cause;
      });
    }
  }
}

/** Whether an error means that there is no network, rather than that the hub refused. */
export function isUnreachable(error: unknown): boolean {
  return error instanceof RagError && error.code === "hub_unreachable";
}
