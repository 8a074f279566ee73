/** Milliseconds a loop may hold the event loop: a 10 ms timer is then late by about as much. */
const HOLD_MS = 8;

/**
 * For long loops in the notebook's own process. The function it returns gives
 * null while there is time left, else a promise to await, after which timers,
 * messages and Stop have had their turn. Null costs no turn of the event loop,
 * so it may be asked often: `const turn = pace(); if (turn) await turn;`.
 *
 * @param signal the promise rejects with its reason once it aborts
 */
export function pacer(signal?: AbortSignal): () => Promise<void> | null {
  let until = performance.now() + HOLD_MS;
  return () => {
    if (performance.now() < until) return null;
    return new Promise((resolve, reject) => {
      setImmediate(() => {
        until = performance.now() + HOLD_MS;
        if (signal?.aborted) reject(signal.reason);
        else resolve();
      });
    });
  };
}
