import { mkdir, readdir, rename, rm, rmdir } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { isAlive, syncFolder } from "./atomic.js";

/** A folder in the making, beside the one that it will be. */
export interface FolderAside {
  readonly dir: string;
  /** Makes it stand under its name, where there is nothing or an empty folder. @throws what `failed` makes */
  commit(): Promise<void>;
  /** Removes it with all that is in it. */
  abort(): Promise<void>;
}

/**
 * Begins a folder; what killed processes left of the same one is removed.
 *
 * @param failed makes the error for a write that the disk refuses
 * @throws what `failed` makes
 */
export async function openFolderAside(dir: string, failed: (cause: unknown) => Error): Promise<FolderAside> {
  const parent = dirname(dir);
  const name = (pid: number | string) => `.${basename(dir)}.${pid}.unpacking`;
  const aside = join(parent, name(process.pid));
  try {
    await mkdir(parent, { recursive: true });
    for (const other of await readdir(parent)) {
      const pid = Number(/\.(\d+)\.unpacking$/.exec(other)?.[1] ?? 0);
      if (pid > 0 && other === name(pid) && (pid === process.pid || !isAlive(pid)))
        await rm(join(parent, other), { recursive: true, force: true });
    }
    await mkdir(aside);
  } catch (cause) {
    throw failed(cause);
  }
  return {
    dir: aside,
    async commit() {
      try {
        await rmdir(dir).catch((error: NodeJS.ErrnoException) => {
          if (error.code !== "ENOENT") throw error;
        });
        await rename(aside, dir);
        await syncFolder(parent);
      } catch (cause) {
        throw failed(cause);
      }
    },
    abort: () => rm(aside, { recursive: true, force: true }),
  };
}
