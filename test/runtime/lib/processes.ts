import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

/** Whether a process runs. One that has ended and waits for its parent to notice does not. */
export function runs(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch {
    return false;
  }
  if (process.platform !== "linux") return true;
  try {
    return !/^\d+ \(.*\) [ZX] /.test(readFileSync(`/proc/${pid}/stat`, "latin1"));
  } catch {
    return false;
  }
}

/** Milliseconds until a process is gone; gives up with an error. */
export async function goneWithin(pid: number, milliseconds: number): Promise<number> {
  const start = performance.now();
  while (runs(pid)) {
    if (performance.now() - start > milliseconds) throw new Error(`process ${pid} still runs after ${milliseconds} ms`);
    await sleep(10);
  }
  return performance.now() - start;
}
