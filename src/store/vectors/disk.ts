import { statSync } from "node:fs";

/** Bytes of the file and its log. */
export function bytesOnDisk(path: string): number {
  return ["", "-wal", "-shm"].reduce(
    (sum, ending) => sum + (statSync(path + ending, { throwIfNoEntry: false })?.size ?? 0),
    0,
  );
}
