import type { DatabaseSync } from "node:sqlite";

/** "RagV", so that another program's database is never taken for ours. */
const APPLICATION = 0x52616756;
/** Raised when an older version could not read the tables. */
const VERSION = 1;

/**
 * What is looked up and touched stands apart from the vectors: a row of `keys` is small,
 * so that marking ten thousand of them as used rewrites a hundred pages and not two
 * thousand. A page of 8 KiB holds five vectors of 384 numbers with little left over.
 * No text is stored, only its sha256, and the names of models.
 */
export const SCHEMA = `
  PRAGMA page_size = 8192;
  PRAGMA auto_vacuum = INCREMENTAL;
  CREATE TABLE meta (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID;
  CREATE TABLE spaces (
    id INTEGER PRIMARY KEY,
    hash BLOB NOT NULL UNIQUE,
    model TEXT NOT NULL,
    dtype TEXT NOT NULL,
    output TEXT NOT NULL,
    width INTEGER NOT NULL
  ) STRICT;
  CREATE TABLE keys (
    space INTEGER NOT NULL,
    text BLOB NOT NULL,
    vector INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    used INTEGER NOT NULL,
    at INTEGER NOT NULL,
    PRIMARY KEY (space, text)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE vectors (id INTEGER PRIMARY KEY, data BLOB NOT NULL) STRICT;
  INSERT INTO meta VALUES ('pass', 0);
  PRAGMA application_id = ${APPLICATION};
  PRAGMA user_version = ${VERSION};
  PRAGMA journal_mode = WAL;
`;

/** Why an open database is not to be touched, or an empty string. */
export function foreignness(db: DatabaseSync): string {
  const pragma = (name: string) => Object.values(db.prepare(`PRAGMA ${name}`).get() ?? {})[0];
  if (pragma("application_id") !== APPLICATION) return "it is a database of another program";
  const version = pragma("user_version");
  if (version !== VERSION) return `it was written by another version of rag-cells (schema ${version}, not ${VERSION})`;
  return "";
}
