import { mkdir, readdir, rename, rm, rmdir } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { folderTaken, packWriteFailed, quoteList } from "../core/errors.js";
import { isAlive, syncFolder } from "../store/atomic.js";

/** A folder in the making, beside the one that it will be. */
export interface FolderAside {
  readonly dir: string;
  /** Makes it stand under its name. @throws RagError `pack_write_failed` */
  commit(): Promise<void>;
  /** Removes it with all that is in it. */
  abort(): Promise<void>;
}

/** @throws RagError `folder_taken` where a folder is there and not empty */
export async function checkEmpty(dir: string): Promise<void> {
  const way = "Name a new folder or an empty one";
  const names: string[] = await readdir(dir).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return [];
    throw folderTaken(dir, error.code === "ENOTDIR" ? "it is no folder" : error.message, way);
  });
  if (names.length > 0) throw folderTaken(dir, `it holds ${quoteList(names, 5)}, and is to be empty`, way);
}

/** Begins a folder; what killed processes left of the same one is removed. @throws RagError `pack_write_failed` */
export async function openFolderAside(dir: string): Promise<FolderAside> {
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
    throw packWriteFailed(dir, cause);
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
        throw packWriteFailed(dir, cause);
      }
    },
    abort: () => rm(aside, { recursive: true, force: true }),
  };
}
