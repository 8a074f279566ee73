import { readFileSync } from "node:fs";

/** Resident set of this process, in bytes. */
export function residentBytes(): number {
  return process.memoryUsage.rss();
}

/**
 * High-water mark of this process's resident set, in bytes. On Linux from
 * `VmHWM`: `getrusage` would answer with the parent's size at the fork where that
 * was larger, because `ru_maxrss` survives exec.
 */
export function peakResidentBytes(): number {
  if (process.platform === "linux") {
    const kilobytes = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync("/proc/self/status", "latin1"))?.[1];
    if (kilobytes !== undefined) return Number(kilobytes) * 1024;
  }
  return process.resourceUsage().maxRSS * 1024;
}
