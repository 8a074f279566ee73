import { readFileSync, readlinkSync } from "node:fs";

/** When a process started, in clock ticks since boot: with its id it names one process, as ids are used again. Empty where there is no /proc. */
export function processStart(pid: number): string {
  return statOf(pid)?.[19] ?? "";
}

/** Whether the process of that id and start runs. One that has ended and waits for its parent to notice holds nothing any more. */
export function processRuns(pid: number, started: string): boolean {
  let foreign = false;
  try {
    process.kill(pid, 0);
  } catch (error) {
    foreign = (error as NodeJS.ErrnoException).code === "EPERM";
    if (!foreign) return false;
  }
  const stat = statOf(pid);
  // A system may hide the processes of other users; there they get the benefit of the doubt.
  if (!stat) return foreign || started === "";
  return stat[19] === started && stat[0] !== "Z" && stat[0] !== "X";
}

/** Tells whose process ids ours are: those of one container mean nothing to another that sees the same folder. Empty where there is no /proc. */
export function pidNamespace(): string {
  try {
    return /\d+/.exec(readlinkSync("/proc/self/ns/pid"))?.[0] ?? "";
  } catch {
    return "";
  }
}

/** /proc/PID/stat from its third field on, the state; a name before it may hold anything. */
function statOf(pid: number): string[] | null {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "latin1");
    return text.slice(text.lastIndexOf(")") + 2).split(" ");
  } catch {
    return null;
  }
}
