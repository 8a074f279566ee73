import { readFile, stat } from "node:fs/promises";
import { sha256 } from "../core/hash.js";
import { digestFile } from "../models/digest.js";
import type { KitEntry } from "./contents.js";
import type { HashedEntry } from "./write-archive.js";

/** Thousands of files are small: those are read whole, several at a time. */
const SMALL_BYTES = 1 << 20;
const AT_ONCE = 16;

/** The size and sha256 of every file, in the order given. */
export async function hashAll(entries: readonly KitEntry[], signal: AbortSignal): Promise<HashedEntry[]> {
  const hashed: HashedEntry[] = [];
  const hashOne = async (entry: KitEntry): Promise<HashedEntry> => {
    if ((await stat(entry.source)).size > SMALL_BYTES)
      return { ...entry, ...(await digestFile(entry.source, new Map(), signal)) };
    const bytes = await readFile(entry.source);
    return { ...entry, bytes: bytes.length, sha256: sha256(bytes) };
  };
  for (let at = 0; at < entries.length; at += AT_ONCE) {
    signal.throwIfAborted();
    hashed.push(...(await Promise.all(entries.slice(at, at + AT_ONCE).map(hashOne))));
  }
  return hashed;
}
