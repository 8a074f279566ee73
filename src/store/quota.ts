import { relative, resolve, sep } from "node:path";
import { type FolderUse, folderUse } from "./folder-use.js";

/** So long a count is good enough for a card. */
const FRESH_MS = 60_000;

/** A folder that may hold so many bytes, whatever its disk has: what Kaggle calls the output of a notebook. */
export interface DiskQuota {
  readonly folder: string;
  readonly bytes: number;
  /** Whether what is written to a folder counts. */
  holds(folder: string): boolean;
  /** Counts now. */
  count(): Promise<FolderUse>;
  /** The last count, and a new one begun where it is older than a minute; null before the first one has ended. */
  last(): FolderUse | null;
}

/** A quota on a folder. */
export function diskQuota(folder: string, bytes: number): DiskQuota {
  let known: { readonly use: FolderUse; readonly at: number } | null = null;
  let counting: Promise<FolderUse> | null = null;
  const count = async () => {
    // What is written meanwhile may be missed by a count that goes on: who asks later gets one that began later.
    while (counting) await counting;
    counting = folderUse(folder).finally(() => {
      counting = null;
    });
    const use = await counting;
    known = { use, at: performance.now() };
    return use;
  };
  return {
    folder,
    bytes,
    holds(other) {
      const way = relative(folder, resolve(other));
      return way !== ".." && !way.startsWith(`..${sep}`);
    },
    count,
    last() {
      if (!counting && (known === null || performance.now() - known.at > FRESH_MS)) void count();
      return known?.use ?? null;
    },
  };
}
