import type { Note } from "../../schema/types.js";
import { contentsOf, type SpaceContents } from "./contents.js";
import { bytesOnDisk } from "./disk.js";
import { clampTimes, type Removed, removeRows, transaction, usedBytes, type Victims } from "./evict.js";
import { moveAside, openVectorFile, type VectorFile } from "./file.js";
import type { RowSpace } from "./payload.js";
import { exportRows, type Imported, importRows, SourceUnreadable } from "./portable.js";
import { KEY_BYTES, type Mark, prepareRows, type Rows } from "./rows.js";
import { isCorrupt, type Trouble, troubleOf, wordsOf } from "./trouble.js";

/** Where the cache is and how large and old it may grow. */
export interface KeeperOptions {
  readonly path: string;
  readonly maxBytes: number;
  /** Days after which an unused row goes; null for never. */
  readonly maxDays: number | null;
}

/** The cache file in the thread that owns it. Its troubles are notes: nothing here throws for a bad file or disk. */
export interface Keeper {
  known(space: RowSpace, texts: Uint8Array): Uint8Array;
  take(space: RowSpace, texts: Uint8Array): (Uint8Array | null)[];
  keep(space: RowSpace, texts: Uint8Array, payloads: readonly Uint8Array[]): void;
  contents(): { readonly spaces: SpaceContents[]; readonly bytes: number };
  remove(victims: Victims): Removed;
  /** What went wrong, or an empty string. */
  exportTo(path: string): string;
  /** What was found, or why the file can't be read or the cache not be written. */
  importFrom(path: string): Imported | string;
  /** Closes the file, after removing what is too old or too much where `shrink` says so. */
  close(shrink: boolean): void;
  /** Notes since the last call. */
  notes(): Note[];
}

const DAY = 86_400;
/** Milliseconds that closing may take to shrink the file; a later closing goes on. */
const SHRINK_MS = 2000;

/** Opens the cache at the first call that needs it. */
export function openKeeper({ path, maxBytes, maxDays }: KeeperOptions): Keeper {
  let open: (VectorFile & { readonly rows: Rows }) | null = null;
  let mark: Mark | null = null;
  let readable = true;
  let writing = true;
  let notes: Note[] = [];

  const note = (code: string, message: string, count?: number) => {
    notes.push(count === undefined ? { code, message } : { code, message, count });
  };
  const shut = () => {
    try {
      open?.db.close();
    } catch {
      // What can't be closed is left to the end of the thread.
    }
    open = null;
    mark = null;
  };
  const ready = () => {
    if (!open) {
      const file = openVectorFile(path);
      open = { ...file, rows: prepareRows(file.db) };
      if (!file.writable && writing) {
        writing = false;
        note(
          "vector_cache_unavailable",
          `The vector cache ${path} can't be written: vectors are taken from it, and none are added.`,
        );
      }
    }
    return open;
  };
  const marked = (rows: Rows) => {
    mark ??= rows.nextMark();
    return mark;
  };

  /** Heals a damaged file: opened anew first, since another process may have healed it; then moved aside. */
  const heal = (attempt: number, error: unknown) => {
    const inode = open?.inode ?? null;
    shut();
    if (attempt === 0) return;
    const aside = moveAside(path, inode);
    if (aside !== null)
      note(
        "vector_cache_damaged",
        `The vector cache was damaged (${wordsOf(error)}) and is begun anew; the old file is now ${aside} and can be deleted.`,
      );
  };
  const giveUp = (trouble: Trouble, error: unknown) => {
    shut();
    writing = false;
    if (trouble !== "unwritable" && trouble !== "busy") readable = false;
    const rest = readable ? "no more vectors are added to it in this pass" : "this pass goes on without it";
    note("vector_cache_unavailable", `The vector cache ${path} can't be used: ${wordsOf(error)}; ${rest}.`);
  };
  /** Does work on the open file, healing it on the way; `otherwise` where it can't be done. */
  const attempt = <T>(otherwise: T, writes: boolean, work: (file: VectorFile & { readonly rows: Rows }) => T): T => {
    for (let n = 0; readable && (writing || !writes); n++) {
      try {
        const file = ready();
        if (writes && !file.writable) return otherwise;
        return work(file);
      } catch (error) {
        const trouble = troubleOf(error);
        if (trouble === null) throw error;
        if (trouble === "damaged" && n < 3) {
          try {
            heal(n, error);
            continue;
          } catch (failure) {
            giveUp("unavailable", failure);
            break;
          }
        }
        giveUp(trouble === "damaged" ? "unavailable" : trouble, error);
      }
    }
    return otherwise;
  };

  const touch = (space: RowSpace, texts: Uint8Array, taken: readonly number[], damaged: readonly number[]) =>
    attempt(undefined, true, ({ db, rows }) =>
      transaction(db, () => {
        rows.touch(space, texts, taken, marked(rows));
        rows.remove(space, texts, damaged);
      }),
    );

  return {
    known: (space, texts) =>
      attempt(new Uint8Array(texts.byteLength / KEY_BYTES), false, ({ rows }) => rows.known(space, texts)),
    take(space, texts) {
      const none = { payloads: new Array<Uint8Array | null>(texts.byteLength / KEY_BYTES).fill(null), damaged: [] };
      const { payloads, damaged } = attempt(none, false, ({ rows }) => rows.take(space, texts));
      if (damaged.length > 0)
        note(
          "vector_cache_rows_damaged",
          "Kept vectors failed their checksum; they were removed and computed again.",
          damaged.length,
        );
      const taken = payloads.flatMap((payload, i) => (payload === null ? [] : [i]));
      if (taken.length + damaged.length > 0) touch(space, texts, taken, damaged);
      return payloads;
    },
    keep: (space, texts, payloads) =>
      attempt(undefined, true, ({ db, rows }) => {
        transaction(db, () => void rows.keep(space, texts, payloads, marked(rows)));
        // Not only when it is closed: a large corpus would fill the disk before that.
        if (usedBytes(db) > maxBytes) removeRows(db, { toBytes: maxBytes * 0.9 });
      }),
    contents: () =>
      attempt({ spaces: [], bytes: 0 }, false, ({ db }) => ({ spaces: contentsOf(db), bytes: bytesOnDisk(path) })),
    remove: (victims) => attempt({ rows: 0, bytes: 0 }, true, ({ db }) => removeRows(db, victims)),
    exportTo: (target) =>
      attempt("the vector cache can't be read", false, ({ db }) => {
        try {
          exportRows(db, target);
          return "";
        } catch (error) {
          if (isCorrupt(error)) throw error;
          return wordsOf(error); // The target's trouble, such as a full disk, is none of the cache's.
        }
      }),
    importFrom: (source) =>
      attempt<Imported | string>("the vector cache can't be written", true, ({ db, rows }) => {
        try {
          return importRows(db, rows, source, () => marked(rows));
        } catch (error) {
          if (error instanceof SourceUnreadable) return error.message;
          throw error;
        }
      }),
    close(shrink) {
      if (shrink && open?.writable)
        attempt(undefined, true, ({ db }) => {
          const until = performance.now() + SHRINK_MS;
          if (maxDays !== null) {
            const now = Math.floor(Date.now() / 1000);
            clampTimes(db, now);
            removeRows(db, { before: now - maxDays * DAY }, until);
          }
          if (usedBytes(db) > maxBytes) removeRows(db, { toBytes: maxBytes * 0.9 }, until);
        });
      shut();
    },
    notes() {
      const taken = notes;
      notes = [];
      return taken;
    },
  };
}
