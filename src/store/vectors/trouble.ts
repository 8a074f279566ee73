import { EmptyFile, NotOurs } from "./file.js";

/**
 * What a failure of the cache means: `busy`, another process holds it; `damaged`, the file
 * is not what was written; `unwritable`, it can be read at most; `unavailable`, neither.
 */
export type Trouble = "busy" | "damaged" | "unwritable" | "unavailable";

/** Primary result codes of SQLite: https://sqlite.org/rescode.html */
const troubles: Readonly<Record<number, Trouble>> = {
  3: "unavailable", // PERM
  5: "busy",
  6: "busy", // LOCKED
  7: "unavailable", // NOMEM
  8: "unwritable", // READONLY
  10: "unavailable", // IOERR
  13: "unwritable", // FULL
  14: "unavailable", // CANTOPEN
};

/**
 * What an error of the cache means; null for one that is no failure of file or system.
 * Every other answer of SQLite to statements that are right comes from a file that is
 * wrong, and so does a number that is no number here.
 */
export function troubleOf(error: unknown): Trouble | null {
  const { code, errcode } = error as { code?: unknown; errcode?: unknown };
  if (error instanceof NotOurs) return "unavailable";
  if (error instanceof EmptyFile) return "damaged";
  if (code === "ERR_SQLITE_ERROR")
    return typeof errcode === "number" ? (troubles[errcode & 0xff] ?? "damaged") : "damaged";
  if (code === "ERR_OUT_OF_RANGE") return "damaged";
  return typeof code === "string" && /^E[A-Z0-9]+$/.test(code) ? "unavailable" : null;
}

/** Whether SQLite says that the file itself is malformed. */
export function isCorrupt(error: unknown): boolean {
  const { errcode } = error as { errcode?: unknown };
  return typeof errcode === "number" && [11, 26].includes(errcode & 0xff);
}

/** An error in words for a note. */
export function wordsOf(error: unknown): string {
  const { message, errstr } = error as { message?: string; errstr?: string };
  return errstr !== undefined && errstr !== message ? `${message} (${errstr})` : String(message ?? error);
}
