import { accessSync, constants, existsSync, linkSync, mkdirSync, renameSync, rmSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { pathToFileURL } from "node:url";
import { foreignness, SCHEMA } from "./schema.js";

/** An open cache file. */
export interface VectorFile {
  readonly db: DatabaseSync;
  readonly writable: boolean;
  /** Tells whether the path still leads to this file. */
  readonly inode: number;
}

/** A file that is not ours to touch: of a newer version, or of another program. */
export class NotOurs extends Error {}

/** A file that SQLite would take for a new database. */
export class EmptyFile extends Error {}

/** Milliseconds that SQLite waits for another process's transaction. It waits in the cache's own thread. */
const BUSY_MS = 3000;

/**
 * Opens the cache file, or begins one. On a disk or in a folder that can't be written it
 * is opened for reading.
 *
 * @throws NotOurs, EmptyFile, and SQLite's or the system's own errors
 */
export function openVectorFile(path: string, { readOnly = false } = {}): VectorFile {
  if (!existsSync(path) && !readOnly) begin(path);
  const writable = !readOnly && canWrite(path) && canWrite(dirname(path));
  const { ino: inode, size } = statSync(path);
  if (size === 0) throw new EmptyFile("it is empty");
  const db = writable ? opened(new DatabaseSync(path)) : openReadOnly(path);
  // A commit may be lost to a power cut, the file is whole all the same: it is synced when pages go from the log to it.
  if (writable) db.exec("PRAGMA synchronous = NORMAL; PRAGMA journal_size_limit = 16777216");
  return { db, writable, inode };
}

/** Made aside and put in place whole, so that two processes can begin at once and none sees a half-made file. */
function begin(path: string): void {
  mkdirSync(dirname(path), { recursive: true });
  const aside = `${path}.${process.pid}.new`;
  rmSync(aside, { force: true });
  try {
    const db = new DatabaseSync(aside);
    try {
      db.exec(SCHEMA);
    } finally {
      db.close();
    }
    linkSync(aside, path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "EEXIST") return; // The other process was first.
    // Disks without links, such as exFAT: the one that renames last wins, and both files are empty.
    if (code !== "EPERM" && code !== "ENOTSUP" && code !== "EOPNOTSUPP") throw error;
    renameSync(aside, path);
  } finally {
    for (const ending of ["", "-wal", "-shm", "-journal"]) rmSync(aside + ending, { force: true });
  }
}

/** A log needs a file for its locks; where none can be made, the database is read as it stands, without the log. */
function openReadOnly(path: string): DatabaseSync {
  try {
    return opened(new DatabaseSync(path, { readOnly: true }));
  } catch (error) {
    if (error instanceof NotOurs) throw error;
    const address = pathToFileURL(path);
    address.search = "?immutable=1";
    return opened(new DatabaseSync(address, { readOnly: true }));
  }
}

/** Sets how long it waits for others, and checks whose it is. */
function opened(db: DatabaseSync): DatabaseSync {
  try {
    // By pragma: older Node 22 leaves the option of this name unread.
    db.exec(`PRAGMA busy_timeout = ${BUSY_MS}`);
    const problem = foreignness(db);
    if (problem !== "") throw new NotOurs(problem);
    return db;
  } catch (error) {
    db.close();
    throw error;
  }
}

function canWrite(path: string): boolean {
  try {
    accessSync(path, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

/**
 * Moves a damaged file and its log aside; nothing where the path leads to another file by
 * now, since then another process has done it. A process that still has the old file open
 * goes on in it until it meets the damage itself. One that opens the path between the
 * renames would find the old log beside a new file: it is then damaged too, and healed.
 *
 * @returns the new name, or null
 */
export function moveAside(path: string, inode: number | null): string | null {
  const stat = statSync(path, { throwIfNoEntry: false });
  if (!stat || (inode !== null && stat.ino !== inode)) return null;
  let n = 1;
  while (existsSync(`${path}.damaged-${n}`)) n++;
  const aside = `${path}.damaged-${n}`;
  for (const ending of ["", "-wal", "-shm"]) {
    if (existsSync(path + ending)) renameSync(path + ending, aside + ending);
  }
  return aside;
}
