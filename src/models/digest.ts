import { createHash } from "node:crypto";
import { open, stat } from "node:fs/promises";
import { modelFileBad, RagError } from "../core/errors.js";

/** What one pass over a file gives. */
export interface FileDigest {
  readonly bytes: number;
  readonly sha256: string;
}

/** Digests of files as they were seen, so that each is read once a session. */
export type DigestMemory = Map<string, FileDigest>;

/** Deepest nesting of a JSON file that is read: a recursive reader must not run out of stack. */
const DEEPEST_JSON = 64;
const BLOCK = 2 << 20;

/**
 * Streams a file through sha256; where its name ends in .json, also through a
 * look at how deep it nests.
 *
 * @param memory a file of the same path, size and time is taken from here
 * @throws RagError `model_file_bad`, or what the signal aborts with
 */
export async function digestFile(path: string, memory: DigestMemory, signal?: AbortSignal): Promise<FileDigest> {
  try {
    const { size, mtimeMs, ino } = await stat(path);
    const seen = [path, size, mtimeMs, ino].join("\n");
    const digest = memory.get(seen) ?? (await readThrough(path, signal));
    if (digest.bytes !== size)
      throw modelFileBad(path, `it changed from ${size} to ${digest.bytes} bytes while it was read`);
    memory.set(seen, digest);
    return digest;
  } catch (error) {
    signal?.throwIfAborted();
    throw error instanceof RagError ? error : modelFileBad(path, (error as Error).message, error);
  }
}

/** Two buffers take turns: one is read into while the other is hashed, so that the slower of disk and hash sets the pace. */
async function readThrough(path: string, signal: AbortSignal | undefined): Promise<FileDigest> {
  const hash = createHash("sha256");
  const nesting = path.endsWith(".json") ? nestingScanner() : null;
  const [one, other] = [Buffer.allocUnsafe(BLOCK), Buffer.allocUnsafe(BLOCK)];
  const file = await open(path, "r");
  let bytes = 0;
  let reading = file.read(one, 0, BLOCK, 0);
  try {
    for (let turn = 1; ; turn++) {
      signal?.throwIfAborted();
      const { bytesRead, buffer } = await reading;
      if (bytesRead === 0) break;
      bytes += bytesRead;
      reading = file.read(turn % 2 === 0 ? one : other, 0, BLOCK, bytes);
      const block = buffer.subarray(0, bytesRead);
      hash.update(block);
      if (nesting && nesting(block) > DEEPEST_JSON)
        throw modelFileBad(path, `it nests deeper than ${DEEPEST_JSON} levels`);
    }
  } finally {
    await reading.catch(() => {});
    await file.close();
  }
  return { bytes, sha256: hash.digest("hex") };
}

/** Takes the bytes of a JSON text in pieces and returns the deepest nesting so far. All bytes that count are ASCII, so UTF-8 needs no decoding. */
function nestingScanner(): (block: Uint8Array) => number {
  let depth = 0;
  let deepest = 0;
  let inString = false;
  let escaped = false;
  return (block) => {
    for (const byte of block) {
      if (inString) {
        if (escaped) escaped = false;
        else if (byte === 0x5c) escaped = true;
        else if (byte === 0x22) inString = false;
      } else if (byte === 0x22) inString = true;
      else if (byte === 0x7b || byte === 0x5b) deepest = Math.max(deepest, ++depth);
      else if (byte === 0x7d || byte === 0x5d) depth--;
    }
    return deepest;
  };
}
