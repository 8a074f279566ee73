import { stopped } from "../core/errors.js";

/** Longest stretch of synchronous work, in milliseconds. */
const SLICE_MS = 8;

/**
 * Calls `work` for every item in order and lets the event loop turn whenever
 * 8 ms have passed, so that progress moves and Stop is heard. One call of `work`
 * is never interrupted.
 *
 * @throws RagError `stopped` at the next turn after the signal aborted
 */
export async function yielding<T>(
  items: Iterable<T> | AsyncIterable<T>,
  work: (item: T, index: number) => void,
  signal?: AbortSignal,
): Promise<void> {
  let index = 0;
  let start = performance.now();
  for await (const item of items) {
    work(item, index++);
    if (performance.now() - start < SLICE_MS) continue;
    await new Promise((resolve) => setImmediate(resolve));
    if (signal?.aborted) throw stopped(`after ${index} items`);
    start = performance.now();
  }
}
