import { readFileSync } from "node:fs";

/** Flags of the processor, and the class that the runtime's kernels for float32 are chosen by; the largest first. */
const CLASSES: readonly (readonly [flags: readonly string[], name: string])[] = [
  [["avx512f", "avx512bw", "avx512dq", "avx512vl"], "avx512"],
  [["avx2", "fma"], "avx2"],
  [["avx"], "avx"],
  [["sse2"], "sse"],
];

/**
 * The class of vector instructions that matrix products run on here. Sums are
 * ordered by the width of its registers, so the last bits of vectors are the same
 * within a class only.
 *
 * @returns `unknown` where the system does not say (x64 outside Linux)
 */
export function instructionSet(): string {
  if (process.arch === "arm64") return "neon";
  try {
    return classOf(readFileSync("/proc/cpuinfo", "latin1"));
  } catch {
    return "unknown";
  }
}

/** The class by the text of `/proc/cpuinfo`. */
export function classOf(cpuinfo: string): string {
  const flags = new Set(/^flags\s*:(.*)$/m.exec(cpuinfo)?.[1]?.trim().split(/\s+/));
  return CLASSES.find(([needed]) => needed.every((flag) => flags.has(flag)))?.[1] ?? "unknown";
}
