import type { MemoryLimits } from "../schema/device-types.js";

/** Batches are planned for ten twelfths of the cap, and a process is ended at eleven and a half: between two readings memory can still grow. */
export function limitsOf(capBytes: number): MemoryLimits {
  return { softBytes: (capBytes * 10) / 12, watchdogBytes: (capBytes * 11.5) / 12, capBytes };
}
