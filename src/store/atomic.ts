import { createHash } from "node:crypto";
import { type FileHandle, mkdir, open, readdir, rename, rm, stat, unlink } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { RagError, storeWriteFailed } from "../core/errors.js";

/** What a finished write left on disk: size in bytes and lower-case hex sha256, both computed on the way. */
export interface Written {
  readonly bytes: number;
  readonly sha256: string;
}

/** A file in the making. Nothing stands under its name until `commit` resolves. */
export interface AtomicFile {
  /** Appends; resolves when the system has taken every byte. */
  write(chunk: Uint8Array | string): Promise<void>;
  /**
   * Makes the file durable under its name, in place of what was there.
   *
   * @param check looks at the file while it is still aside; where it throws, what was there stays
   */
  commit(check?: (aside: string) => Promise<void>): Promise<Written>;
  /** Removes what was written. Safe to call twice, and after `commit`, which it does not undo. */
  abort(): Promise<void>;
}

/** Hashing blocks the event loop and one system call takes at most 2 GiB: larger chunks go through in pieces. */
const PIECE_BYTES = 8 << 20;
/** A name near the 255 bytes that a file system allows is cut, so that it still fits with what is put around it. */
const MOST_NAME = 60;
/** The name of a file in the making: that of the file it will be, and the process that writes it. */
export const ASIDE = /^\.(.*)\.(\d+)\.\d+\.tmp$/s;
let counter = 0;

/**
 * Begins a file that appears whole or not at all: written aside in the same
 * folder (`.<name>.<pid>.<n>.tmp`), synced, renamed, and the folder synced.
 * Missing folders are made.
 *
 * @param what names the content in errors, such as `the dense vectors`
 * @throws RagError `store_write_failed`, naming the path and the way out
 */
export async function openAtomic(path: string, what = "the file"): Promise<AtomicFile> {
  const { file, aside } = await openAside(path).catch((cause) => {
    throw storeWriteFailed(path, what, cause);
  });
  const hash = createHash("sha256");
  let bytes = 0;
  let state: "open" | "committed" | "aborted" = "open";
  let closed = false;

  const close = async () => {
    if (closed) return;
    closed = true;
    await file.close();
  };
  const abort = async () => {
    if (state !== "open") return;
    state = "aborted";
    await close().catch(() => {});
    await rm(aside, { force: true }).catch(() => {});
  };
  /** A failed write leaves nothing behind, also where the caller forgets to abort. */
  const guard = async <T>(work: () => Promise<T>): Promise<T> => {
    if (state !== "open") throw new Error(`${basename(path)} was already ${state}`);
    try {
      return await work();
    } catch (cause) {
      await abort();
      throw cause instanceof RagError ? cause : storeWriteFailed(path, what, cause);
    }
  };

  return {
    write: (chunk) =>
      guard(async () => {
        const data = typeof chunk === "string" ? Buffer.from(chunk) : chunk;
        for (let at = 0; at < data.byteLength; at += PIECE_BYTES) {
          const piece = data.subarray(at, at + PIECE_BYTES);
          hash.update(piece);
          const position = bytes;
          bytes += piece.byteLength;
          await writeAll(file, piece, position);
        }
      }),
    commit: (check) =>
      guard(async () => {
        await file.sync();
        await close();
        await check?.(aside);
        await rename(aside, path);
        state = "committed";
        await syncFolder(dirname(path));
        return { bytes, sha256: hash.digest("hex") };
      }),
    abort,
  };
}

/**
 * Writes a whole file, so that it appears whole or not at all; see {@link openAtomic}.
 * An error of the source passes through as it is.
 *
 * @throws RagError `store_write_failed`
 */
export async function writeAtomic(
  path: string,
  data: string | Uint8Array | AsyncIterable<Uint8Array | string>,
  what?: string,
): Promise<Written> {
  const file = await openAtomic(path, what);
  try {
    if (typeof data === "string" || data instanceof Uint8Array) await file.write(data);
    else for await (const chunk of data) await file.write(chunk);
    return await file.commit();
  } catch (error) {
    await file.abort();
    throw error;
  }
}

/** A text file in the making that takes many small strings. */
export interface TextFile {
  /** Appends text; the disk is asked once in 256 thousand characters. Write line ends yourself. */
  add(text: string): Promise<void>;
  commit(): Promise<Written>;
  abort(): Promise<void>;
}

const BATCH_CHARACTERS = 1 << 18;

/** Begins a text file (UTF-8) such as JSONL; see {@link openAtomic}. */
export async function openText(path: string, what?: string): Promise<TextFile> {
  const file = await openAtomic(path, what);
  let parts: string[] = [];
  let length = 0;
  const flush = async () => {
    const text = parts.join("");
    parts = [];
    length = 0;
    await file.write(text);
  };
  return {
    async add(text) {
      parts.push(text);
      length += text.length;
      if (length >= BATCH_CHARACTERS) await flush();
    },
    async commit() {
      await flush();
      return file.commit();
    },
    abort: () => file.abort(),
  };
}

/**
 * Makes a folder and those above it, each durable in the one above. One by one:
 * made recursively, one on a read-only disk is reported as missing.
 */
export async function makeFolders(path: string): Promise<void> {
  const above = dirname(path);
  try {
    await mkdir(path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "EEXIST" && (await stat(path)).isDirectory()) return;
    if (code !== "ENOENT" || above === path) throw error;
    await makeFolders(above);
    return makeFolders(path);
  }
  await syncFolder(above);
}

/** Makes durable what was made, renamed and removed in a folder. */
export async function syncFolder(dir: string): Promise<void> {
  const folder = await open(dir, "r");
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

/** Removes a file, durably. Where there is none, nothing happens. */
export async function removeFile(path: string): Promise<void> {
  try {
    await unlink(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return;
    throw error;
  }
  await syncFolder(dirname(path));
}

/**
 * Removes aside files that killed processes left in a folder; those of living
 * processes stay. Call it under the folder's lock.
 *
 * @param of only those of this file, in a folder that is not the library's own
 * @returns how many were removed
 */
export async function removeLeftovers(dir: string, of?: string): Promise<number> {
  let removed = 0;
  for (const name of await readdir(dir)) {
    const [, file, owner = "0"] = ASIDE.exec(name) ?? [];
    const pid = Number(owner);
    if (of !== undefined && file !== of.slice(0, MOST_NAME)) continue;
    if (pid === 0 || pid === process.pid || isAlive(pid)) continue;
    await rm(join(dir, name), { force: true });
    removed++;
  }
  return removed;
}

async function openAside(path: string): Promise<{ file: FileHandle; aside: string }> {
  const dir = dirname(path);
  await makeFolders(dir);
  const name = basename(path).slice(0, MOST_NAME);
  for (;;) {
    const aside = join(dir, `.${name}.${process.pid}.${counter++}.tmp`);
    try {
      return { file: await open(aside, "wx"), aside };
    } catch (error) {
      // Left by an earlier process that had the same id.
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    }
  }
}

/** Writes all bytes at a position: the system may take fewer than it was given. */
export async function writeAll(file: FileHandle, data: Uint8Array, position: number): Promise<void> {
  for (let done = 0; done < data.byteLength; ) {
    const { bytesWritten } = await file.write(data, done, data.byteLength - done, position + done);
    if (bytesWritten === 0) throw new Error(`the system took none of ${data.byteLength - done} bytes`);
    done += bytesWritten;
  }
}

/** Whether a process of this machine lives. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}
