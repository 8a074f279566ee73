import { existsSync } from "node:fs";
import { readdir, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { storeWriteFailed } from "../core/errors.js";
import { removeLeftovers, syncFolder } from "./atomic.js";
import { JOURNAL_ENDING, oldName, RERUN_MARKER, runOf, type SessionLayout } from "./layout.js";

/**
 * Gives a run in the making its final name, in place of the run that may bear it:
 * that one is put aside, and is back where this fails. Durable when it resolves.
 */
export async function finishRun(partial: string, final: string): Promise<void> {
  await settle(final);
  const old = oldName(final);
  if (existsSync(final)) await rename(final, old);
  await rename(partial, final).catch(async (cause) => {
    await rename(old, final).catch(() => {});
    throw cause;
  });
  await syncFolder(dirname(final));
  // The run stands. What can't be removed now costs only disk, until the session is opened again.
  await tidy(final).catch(() => {});
}

/**
 * Sets right what a kill left of {@link finishRun}, of the removal of a run or of a file
 * in the session's folder: a run whose successor did not arrive gets its name back, and
 * what no one needs is removed. Call it under the session's lock.
 *
 * @throws RagError `store_write_failed`
 */
export async function recoverSession({ dir: sessionDir, runsDir }: SessionLayout): Promise<void> {
  try {
    await removeLeftovers(sessionDir);
    for (const stage of await namesIn(runsDir)) {
      const dir = join(runsDir, stage);
      const names = await namesIn(dir);
      for (const { id, state } of names.map(runOf)) if (state === "replaced") await settle(join(dir, id));
      for (const name of await namesIn(dir)) {
        const { state } = runOf(name);
        if (state === "removed") await rm(join(dir, name), { recursive: true, force: true });
        else if (state === "finished") await tidy(join(dir, name));
      }
    }
  } catch (cause) {
    throw storeWriteFailed(sessionDir, "the session's folder", cause);
  }
}

/** Ends with one run of that name at most, and none put aside. */
async function settle(final: string): Promise<void> {
  const old = oldName(final);
  if (!existsSync(old)) return;
  if (existsSync(final)) await rm(old, { recursive: true, force: true });
  else await rename(old, final);
  await syncFolder(dirname(final));
}

/** Removes what a finished run needs no more: the run it replaced, the journals whose batches its arrays hold, the mark of a rerun. */
async function tidy(final: string): Promise<void> {
  await rm(oldName(final), { recursive: true, force: true });
  for (const name of await namesIn(final)) {
    if (name.endsWith(JOURNAL_ENDING) || name === RERUN_MARKER) await rm(join(final, name), { force: true });
  }
}

/** What a folder holds; nothing where there is none, or a file in its place. */
function namesIn(dir: string): Promise<string[]> {
  return readdir(dir).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT" || error.code === "ENOTDIR") return [];
    throw error;
  });
}
