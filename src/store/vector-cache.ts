import { resolve } from "node:path";
import { storeWriteFailed, vectorCacheNotImported } from "../core/errors.js";
import type { KeptRows } from "../schema/kept-rows.js";
import type { Settings } from "../schema/settings-types.js";
import type { Note } from "../schema/types.js";
import type { SpaceContents } from "./vectors/contents.js";
import { bytesOnDisk } from "./vectors/disk.js";
import type { Removed, Victims } from "./vectors/evict.js";
import type { KeeperOptions } from "./vectors/keeper.js";
import { packRows, unpackRows } from "./vectors/messages.js";
import type { Imported } from "./vectors/portable.js";
import { rowSpace, type VectorSpace } from "./vectors/space.js";
import { startThread } from "./vectors/thread.js";

export type { SpaceContents } from "./vectors/contents.js";
export type { Removed } from "./vectors/evict.js";
export type { Imported } from "./vectors/portable.js";
export type { VectorSpace } from "./vectors/space.js";

/**
 * Vectors that are used again: rows by space and by the sha256 of their text, in one SQLite
 * file that sessions and collections share, also at the same time. The file stands behind a
 * thread of its own, so no call holds the event loop. Every row has a checksum over space,
 * text and vector; a damaged row is removed, a damaged file is moved aside and begun anew.
 * No trouble of the cache fails a stage: it becomes a note.
 */
export interface VectorCache {
  readonly path: string;
  /** The rows of one space. */
  space(description: VectorSpace): KeptRows;
  /** What the file holds; nothing where it can't be read. */
  contents(): Promise<{ readonly spaces: readonly SpaceContents[]; readonly bytes: number }>;
  /** Bytes of the file and its log. */
  bytesOnDisk(): number;
  /** Removes rows now, whatever the limits say. */
  remove(victims: Victims): Promise<Removed>;
  /**
   * Writes all rows to a new file, as they are at one moment, also while others write. A file
   * of this name is replaced.
   *
   * @throws RagError `store_write_failed`
   */
  exportTo(path: string): Promise<void>;
  /**
   * Takes over the rows of another cache file whose checksums are right. The file is only
   * read. A checksum finds damage, not deceit: import what you trust.
   *
   * @throws RagError `vector_cache_not_imported` where the file is no vector cache or ours can't be written
   */
  importFrom(path: string): Promise<Imported>;
  /** What did not stop a pass but belongs to its result. Complete when `close` has resolved. */
  notes(): readonly Note[];
  /** Closes the file, after removing what is beyond the limits unless told not to shrink. */
  close(options?: { readonly shrink?: boolean }): Promise<void>;
}

/** The vector cache that a session's settings name; null where it is switched off. The caller closes it. */
export function vectorCacheOf(settings: Settings): VectorCache | null {
  const { vectorCache, vectorCacheBytes: maxBytes, vectorCacheDays: maxDays } = settings;
  return vectorCache === null ? null : openVectorCache({ path: resolve(vectorCache), maxBytes, maxDays });
}

/** Opens the cache in `path`; the file is opened or begun by the first call that needs it. */
export function openVectorCache(options: KeeperOptions): VectorCache {
  const { path } = options;
  const notes = new Map<string, Note>();
  const thread = startThread(options, (note) => {
    // Counts of one kind add up; the same words twice say nothing more.
    const key = note.count === undefined ? `${note.code} ${note.message}` : note.code;
    const before = notes.get(key);
    notes.set(key, before?.count === undefined ? note : { ...note, count: before.count + (note.count ?? 0) });
  });
  return {
    path,
    space(description) {
      const space = rowSpace(description);
      return {
        known: async (texts) => (await thread.call("known", { space, texts })) ?? new Uint8Array(texts.byteLength / 32),
        async take(texts) {
          const packed = await thread.call("take", { space, texts });
          return packed ? unpackRows(packed) : new Array<null>(texts.byteLength / 32).fill(null);
        },
        async keep(texts, payloads) {
          const rows = packRows(payloads);
          await thread.call("keep", { space, texts, rows }, [rows.sizes.buffer, rows.bytes.buffer]);
        },
      };
    },
    contents: async () => (await thread.call("contents", null)) ?? { spaces: [], bytes: 0 },
    bytesOnDisk: () => bytesOnDisk(path),
    remove: async (victims) => (await thread.call("remove", victims)) ?? { rows: 0, bytes: 0 },
    async exportTo(target) {
      const problem = (await thread.call("exportTo", target)) ?? "its thread has ended";
      if (problem !== "") throw storeWriteFailed(target, "the copy of the vector cache", new Error(problem));
    },
    async importFrom(source) {
      const found = (await thread.call("importFrom", source)) ?? "its thread has ended";
      if (typeof found === "string") throw vectorCacheNotImported(source, path, found);
      return found;
    },
    notes: () => [...notes.values()],
    async close({ shrink = true } = {}) {
      await thread.call("close", { shrink });
      await thread.ended;
    },
  };
}
