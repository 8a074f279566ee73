import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { tarGzipOf } from "../archive/write-tar.js";
import { kitSourceUnfit } from "../core/errors.js";
import type { KitFile } from "../schema/kit-file.js";
import { type Written, writeAtomic } from "../store/atomic.js";
import type { KitEntry } from "./contents.js";

/** A file on its way into an archive, and what is known of its bytes. */
export interface HashedEntry extends KitEntry, KitFile {}

const BLOCK_BYTES = 1 << 20;

/**
 * Writes an archive that holds these files in this order and nothing else.
 *
 * @param onBytes bytes of each block that was read
 * @throws RagError `kit_source_unfit` where a file changes meanwhile, `store_write_failed`; what the signal aborts with
 */
export async function writeArchive(
  path: string,
  entries: readonly HashedEntry[],
  signal: AbortSignal,
  onBytes: (bytes: number) => void,
): Promise<Written> {
  const sources = entries.map((entry) => ({
    name: entry.path,
    bytes: entry.bytes,
    run: entry.run,
    content: () => unchanged(entry, signal, onBytes),
  }));
  return writeAtomic(path, tarGzipOf(sources), "an archive of the kit");
}

/** The bytes of a file, as long as they are those that were hashed. */
async function* unchanged(
  { source, bytes, sha256 }: HashedEntry,
  signal: AbortSignal,
  onBytes: (bytes: number) => void,
): AsyncGenerator<Uint8Array> {
  const hash = createHash("sha256");
  let left = bytes;
  const blocks = createReadStream(source, { highWaterMark: Math.min(bytes + 1, BLOCK_BYTES) });
  for await (const block of blocks as AsyncIterable<Buffer>) {
    signal.throwIfAborted();
    hash.update(block);
    left -= block.length;
    if (left < 0) break;
    onBytes(block.length);
    yield block;
  }
  if (left !== 0 || hash.digest("hex") !== sha256)
    throw kitSourceUnfit(source, "it changed while it was packed", "Pack again when nothing else writes there");
}
