import type { DatabaseSync } from "node:sqlite";

/** Which rows go. */
export interface Victims {
  /** Rows that were not used since then, in seconds since 1970. */
  readonly before?: number;
  readonly model?: string;
  /** Least recently used rows, until the used pages are at most so many bytes. */
  readonly toBytes?: number;
}

/** What went. */
export interface Removed {
  readonly rows: number;
  /** Bytes of vectors. */
  readonly bytes: number;
}

/** Rows in one transaction: another process waits for no longer than it takes to remove them. */
const STEP_ROWS = 500;
/** Rows that one search finds. */
const FOUND_ROWS = 20_000;
/** Free pages given back to the disk in one transaction. */
const STEP_PAGES = 1000;

interface Found {
  readonly space: number;
  readonly text: Uint8Array;
  readonly vector: number;
  readonly bytes: number;
}

/** Bytes of the pages that hold something. */
export function usedBytes(db: DatabaseSync): number {
  return (pragma(db, "page_count") - pragma(db, "freelist_count")) * pragma(db, "page_size");
}

/**
 * Removes rows in small transactions, least recently used first, and gives their pages back
 * to the disk. The order is by the counter of passes, then by age in the file, and not by the
 * clock, which may run backwards.
 *
 * @param until stops there, by `performance.now()`; a later call goes on
 * @throws SQLite's own errors
 */
export function removeRows(db: DatabaseSync, victims: Victims, until = Number.POSITIVE_INFINITY): Removed {
  const { before, model, toBytes } = victims;
  const find = db.prepare(`
    SELECT space, text, vector, bytes FROM keys
    WHERE at < ? AND (? IS NULL OR space IN (SELECT id FROM spaces WHERE model = ?))
    ORDER BY used, vector LIMIT ${FOUND_ROWS}`);
  const removeKey = db.prepare("DELETE FROM keys WHERE space = ? AND text = ?");
  const removeVector = db.prepare("DELETE FROM vectors WHERE id = ?");
  const enough = () => performance.now() > until || (toBytes !== undefined && usedBytes(db) <= toBytes);
  let [rows, bytes] = [0, 0];
  let found: Found[] = [];
  while (!enough()) {
    if (found.length === 0)
      found = find.all(before ?? Number.MAX_SAFE_INTEGER, model ?? null, model ?? null) as unknown as Found[];
    const step = found.splice(0, STEP_ROWS);
    if (step.length === 0) break;
    transaction(db, () => {
      for (const row of step) {
        removeKey.run(row.space, row.text);
        removeVector.run(row.vector);
        rows++;
        bytes += row.bytes;
      }
    });
  }
  while (pragma(db, "freelist_count") > 0 && performance.now() <= until) {
    const left = pragma(db, "freelist_count");
    db.exec(`PRAGMA incremental_vacuum(${STEP_PAGES})`);
    if (pragma(db, "freelist_count") >= left) break;
  }
  return { rows, bytes };
}

/** A row of the future was marked while the clock was ahead: it counts as used now, or it would never grow old. */
export function clampTimes(db: DatabaseSync, now: number): void {
  db.prepare("UPDATE keys SET at = ? WHERE at > ?").run(now, now);
}

/** Runs work in one transaction for writing. @throws what the work throws, after undoing it */
export function transaction<T>(db: DatabaseSync, work: () => T): T {
  db.exec("BEGIN IMMEDIATE");
  try {
    const result = work();
    db.exec("COMMIT");
    return result;
  } catch (error) {
    try {
      db.exec("ROLLBACK");
    } catch {
      // A failure such as a full disk may have ended the transaction by itself.
    }
    throw error;
  }
}

function pragma(db: DatabaseSync, name: string): number {
  return Object.values(db.prepare(`PRAGMA ${name}`).get() ?? {})[0] as number;
}
