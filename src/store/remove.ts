import { rename, rm } from "node:fs/promises";
import { basename, dirname } from "node:path";
import { storeWriteFailed } from "../core/errors.js";
import { syncFolder } from "./atomic.js";
import { removedName, runOf } from "./layout.js";

/**
 * Removes folders of runs. Each gets another name first, where it stands: a kill in
 * the middle leaves no half a run under a run's name, and a full disk needs no room
 * for it.
 *
 * @throws RagError `store_write_failed`; the signal's reason between two folders
 */
export async function removeFolders(paths: readonly string[], signal: AbortSignal): Promise<void> {
  for (const path of paths) {
    signal.throwIfAborted();
    try {
      const { state } = runOf(basename(path));
      const aside = state === "replaced" || state === "removed" ? path : removedName(path);
      if (aside !== path) {
        await rm(aside, { recursive: true, force: true });
        await rename(path, aside);
        await syncFolder(dirname(path));
      }
      await rm(aside, { recursive: true, force: true });
    } catch (cause) {
      throw storeWriteFailed(path, "the removal of a run", cause);
    }
  }
}
