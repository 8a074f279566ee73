import { readFile } from "node:fs/promises";
import { storeUnreadable } from "../core/errors.js";
import { parseHistoryLine } from "../schema/run-file.js";
import { appendLine } from "./append.js";
import type { HistoryEntry } from "./runs.js";

/** Appends a line to a session's history; durable when it resolves. @throws RagError `store_write_failed` */
export async function appendHistory(path: string, entry: HistoryEntry): Promise<void> {
  await appendLine(path, entry, "the history");
}

/** A session's history, oldest first. Torn lines are left out: the runs themselves are the truth. @throws RagError `store_unreadable` */
export async function readHistory(path: string): Promise<HistoryEntry[]> {
  const text = await readFile(path, "utf8").catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === "ENOENT") return "";
    throw storeUnreadable(path, "the history", cause);
  });
  return text.split("\n").flatMap((line) => parseHistoryLine(line) ?? []);
}
