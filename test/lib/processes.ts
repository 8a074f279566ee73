import { readdirSync, readFileSync } from "node:fs";

/** Process ids of the inference processes that `parent` has started. Linux only, as the tests that kill them. */
export function inferenceProcesses(parent = process.pid): number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => {
      try {
        const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
        const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
        return (
          Number(fields[1]) === parent &&
          fields[0] !== "Z" &&
          readFileSync(`/proc/${pid}/cmdline`, "latin1").includes("worker")
        );
      } catch {
        return false; // It ended while we looked.
      }
    });
}

/** Polls until `probe` gives a value that is neither null nor undefined. */
export async function until<T>(
  probe: () => T | null | undefined | Promise<T | null | undefined>,
  what: string,
  ms = 30_000,
): Promise<T> {
  const end = performance.now() + ms;
  for (;;) {
    const value = await probe();
    if (value !== null && value !== undefined) return value;
    if (performance.now() > end) throw new Error(`waited ${ms} ms for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
