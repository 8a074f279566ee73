import { open, readFile } from "node:fs/promises";
import { dirname } from "node:path";
import { storeUnreadable, storeWriteFailed } from "../core/errors.js";
import { parseHistoryLine } from "../schema/run-file.js";
import { syncFolder } from "./atomic.js";
import type { HistoryEntry } from "./runs.js";

/**
 * Appends a line to a session's history; durable when it resolves. It begins on a
 * line of its own also where a kill or a full disk left the last one torn.
 *
 * @throws RagError `store_write_failed`
 */
export async function appendHistory(path: string, entry: HistoryEntry): Promise<void> {
  try {
    const file = await open(path, "a+");
    try {
      const { size } = await file.stat();
      const last = Buffer.alloc(1);
      if (size > 0) await file.read(last, 0, 1, size - 1);
      const torn = size > 0 && last[0] !== 10;
      await file.writeFile(`${torn ? "\n" : ""}${JSON.stringify(entry)}\n`);
      await file.sync();
      if (size === 0) await syncFolder(dirname(path));
    } finally {
      await file.close();
    }
  } catch (cause) {
    throw storeWriteFailed(path, "the history", cause);
  }
}

/** A session's history, oldest first. Torn lines are left out: the runs themselves are the truth. @throws RagError `store_unreadable` */
export async function readHistory(path: string): Promise<HistoryEntry[]> {
  const text = await readFile(path, "utf8").catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === "ENOENT") return "";
    throw storeUnreadable(path, "the history", cause);
  });
  return text.split("\n").flatMap((line) => parseHistoryLine(line) ?? []);
}
