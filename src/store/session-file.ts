import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { formatSessionFile, parseSessionFile, type SessionFile } from "../schema/session-file.js";
import { writeAtomic } from "./atomic.js";
import type { SessionLayout } from "./layout.js";

/** Writes `session.json` where there is none. @throws RagError `store_write_failed` */
export async function beginSessionFile({ sessionFile }: SessionLayout, name: string): Promise<void> {
  if (!existsSync(sessionFile)) await writeAtomic(sessionFile, formatSessionFile({ name, origin: null }));
}

/** Writes `session.json`, in place of what is there. @throws RagError `store_write_failed` */
export async function writeSessionFile({ sessionFile }: SessionLayout, content: SessionFile): Promise<void> {
  await writeAtomic(sessionFile, formatSessionFile(content));
}

/** What `session.json` says; null where there is none, or none that this version reads. */
export async function readSessionFile({ sessionFile }: SessionLayout): Promise<SessionFile | null> {
  const text = await readFile(sessionFile, "utf8").catch(() => null);
  return text === null ? null : parseSessionFile(text);
}
