import { readFileSync } from "node:fs";
import { availableParallelism } from "node:os";

/**
 * Threads for one inference process: as many as there are physical cores that this
 * process may use. Two threads on one core share its arithmetic units, and matrix
 * products gain nothing from that. Where the system does not tell cores from
 * threads (outside Linux), every logical CPU counts.
 */
export function defaultThreads(): number {
  return Math.max(1, Math.min(availableParallelism(), physicalCores() ?? Number.POSITIVE_INFINITY));
}

/** Different pairs of package and core among the CPUs that this process may run on, or null where the system does not say. */
function physicalCores(): number | null {
  try {
    const allowed = /^Cpus_allowed_list:\s*(\S+)$/m.exec(readFileSync("/proc/self/status", "latin1"))?.[1];
    if (!allowed) return null;
    const read = (cpu: number, name: string) =>
      readFileSync(`/sys/devices/system/cpu/cpu${cpu}/topology/${name}`, "latin1").trim();
    return new Set(cpuList(allowed).map((cpu) => `${read(cpu, "physical_package_id")}:${read(cpu, "core_id")}`)).size;
  } catch {
    return null;
  }
}

/** `0-3,8` as the kernel writes sets of CPUs. */
function cpuList(text: string): number[] {
  return text.split(",").flatMap((range) => {
    const [from = 0, to = from] = range.split("-").map(Number);
    return Array.from({ length: to - from + 1 }, (_, i) => from + i);
  });
}
