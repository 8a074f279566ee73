/** The longest that nothing is looked at. */
const SLICE_MS = 200;

const cell = new Int32Array(new SharedArrayBuffer(4));
const parent = process.ppid;

/**
 * Waits as a process does that is busy on a GPU: nothing else happens in it meanwhile, and it takes no processor time.
 * Where the process that started it is gone, it ends: nobody else would ever end a hang.
 *
 * @param until by `performance.now()`; Infinity hangs
 */
export function pause(until: number): void {
  for (let left = until - performance.now(); left > 0; left = until - performance.now()) {
    Atomics.wait(cell, 0, 0, Math.min(left, SLICE_MS));
    if (process.ppid !== parent) process.exit();
  }
}
