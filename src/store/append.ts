import { open } from "node:fs/promises";
import { dirname } from "node:path";
import { storeWriteFailed } from "../core/errors.js";
import { syncFolder } from "./atomic.js";

/**
 * Appends a value as a line of JSON; durable when it resolves. It begins on a line of
 * its own also where a kill or a full disk left the last one torn.
 *
 * @param what names the file in the message
 * @throws RagError `store_write_failed`
 */
export async function appendLine(path: string, value: unknown, what: string): Promise<void> {
  try {
    const file = await open(path, "a+");
    try {
      const { size } = await file.stat();
      const last = Buffer.alloc(1);
      if (size > 0) await file.read(last, 0, 1, size - 1);
      const torn = size > 0 && last[0] !== 10;
      await file.writeFile(`${torn ? "\n" : ""}${JSON.stringify(value)}\n`);
      await file.sync();
      if (size === 0) await syncFolder(dirname(path));
    } finally {
      await file.close();
    }
  } catch (cause) {
    throw storeWriteFailed(path, what, cause);
  }
}
