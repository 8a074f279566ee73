import { closeSync, fsyncSync, openSync, renameSync, rmSync } from "node:fs";
import { dirname } from "node:path";
import type { DatabaseSync } from "node:sqlite";
import { transaction } from "./evict.js";
import { openVectorFile } from "./file.js";
import { isRow, type RowSpace, unsealed } from "./payload.js";
import { KEY_BYTES, type Mark, type Rows } from "./rows.js";
import { wordsOf } from "./trouble.js";

/** What {@link importRows} found. */
export interface Imported {
  /** Rows that were not there before. */
  readonly added: number;
  /** Rows that were there. */
  readonly known: number;
  /** Rows that failed their checksum. */
  readonly refused: number;
}

/** The file to import from is at fault, not the cache. */
export class SourceUnreadable extends Error {}

interface SourceRow {
  readonly space: number;
  readonly text: Uint8Array;
  readonly data: Uint8Array;
}

/** Rows in one transaction. */
const STEP_ROWS = 500;

/**
 * Writes all rows to a new file, as they are at one moment, also while others write: aside,
 * synced, then renamed. The file is small again: it has no free pages and no log.
 *
 * @throws SQLite's or the system's own errors
 */
export function exportRows(db: DatabaseSync, path: string): void {
  const aside = `${path}.${process.pid}.tmp`;
  rmSync(aside, { force: true });
  try {
    db.prepare("VACUUM INTO ?").run(aside);
    sync(aside);
    renameSync(aside, path);
    sync(dirname(path));
  } finally {
    rmSync(aside, { force: true });
  }
}

/**
 * Takes over the rows of another cache file whose checksums are right, and leaves those
 * that are here as they are. The other file is only read.
 *
 * @param mark called inside a transaction
 * @throws SourceUnreadable, SQLite's own errors; what was taken over before stays
 */
export function importRows(db: DatabaseSync, rows: Rows, path: string, mark: () => Mark): Imported {
  const source = ofSource(() => openVectorFile(path, { readOnly: true }).db);
  const counts = { added: 0, known: 0, refused: 0 };
  try {
    const spaces = ofSource(
      () =>
        new Map(
          source
            .prepare("SELECT id, hash, model, dtype, output, width FROM spaces")
            .all()
            .map((row) => [row["id"] as number, row as unknown as RowSpace]),
        ),
    );
    const page = ofSource(() =>
      source.prepare(`
        SELECT space, text, data FROM keys JOIN vectors ON vectors.id = keys.vector
        WHERE (space, text) > (?, ?) ORDER BY space, text LIMIT ${STEP_ROWS}`),
    );
    const pageAfter = ({ space, text }: Pick<SourceRow, "space" | "text">) =>
      ofSource(() => page.all(space, text) as unknown as SourceRow[]);
    let found = pageAfter({ space: -1, text: new Uint8Array() });
    while (found.length > 0) {
      transaction(db, () => {
        for (const row of found) counts[importRow(rows, spaces.get(row.space), row, mark)]++;
      });
      found = pageAfter(found.at(-1) as SourceRow);
    }
    return counts;
  } finally {
    source.close();
  }
}

function importRow(rows: Rows, space: RowSpace | undefined, row: SourceRow, mark: () => Mark): keyof Imported {
  const { text, data } = row;
  const payload = space && text.byteLength === KEY_BYTES ? unsealed(space.hash, text, data) : null;
  if (!space || !payload || !isRow(space, payload)) return "refused";
  if (rows.known(space, text)[0] === 1) return "known";
  rows.keep(space, text, [payload], mark());
  return "added";
}

function ofSource<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw new SourceUnreadable(wordsOf(error), { cause: error });
  }
}

function sync(path: string): void {
  const descriptor = openSync(path, "r");
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
