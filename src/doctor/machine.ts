import { tmpdir } from "node:os";
import { missing, note, ok } from "../core/checks.js";
import { defaultThreads } from "../runtime/threads.js";
import type { DoctorCheck } from "../schema/doctor-types.js";
import { freeBytes } from "../store/disk.js";

/** Below the first a stage may not fit; below the second not even a journal does. */
const LITTLE_DISK = 2e9;
const NO_DISK = 100e6;
/** What the kernel, the inference process and a small model take together. */
const LITTLE_MEMORY = 1e9;

export function checkNode(version: string = process.versions.node): DoctorCheck {
  const [major, minor] = version.split(".").map(Number) as [number, number];
  return major > 22 || (major === 22 && minor >= 13)
    ? ok("Node", `${version} (${process.platform}-${process.arch})`)
    : missing("Node", version, "rag-cells needs 22.13 or later: run it with the Node that its packages bring");
}

/** @param sessions the folder that holds sessions, which need not exist */
export async function checkDisk(sessions: string): Promise<DoctorCheck> {
  const places = [sessions, tmpdir()];
  const free = await Promise.all(places.map(async (place) => ({ place, bytes: await freeBytes(place) })));
  const said = free
    .map(({ place, bytes }) => `${bytes === null ? "not known" : `${(bytes / 1e9).toFixed(1)} GB`} free for ${place}`)
    .join(", ");
  const least = Math.min(...free.map(({ bytes }) => bytes ?? Number.POSITIVE_INFINITY));
  if (least < NO_DISK) return missing("disk", said, "Free space, or open sessions elsewhere with RAG_CELLS_DIR");
  return least < LITTLE_DISK
    ? note("disk", said, "Little for a large collection; RAG_CELLS_DIR names another disk for sessions")
    : ok("disk", said);
}

export function checkMemory(available: number = process.availableMemory()): DoctorCheck {
  const said = `${(available / 1e9).toFixed(1)} GB free, ${defaultThreads()} threads for inference`;
  return available < LITTLE_MEMORY
    ? note("memory", said, "Little for a model: shut other notebooks down, or choose a small model")
    : ok("memory", said);
}
