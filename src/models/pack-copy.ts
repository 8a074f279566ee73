import { createReadStream } from "node:fs";
import { lstat, rm } from "node:fs/promises";
import { join } from "node:path";
import { modelFileBad, packDiskFull } from "../core/errors.js";
import { openAtomic } from "../store/atomic.js";
import { shortageOf } from "../store/disk.js";
import { digestFile } from "./digest.js";
import type { PackedFile } from "./pack-plan.js";

/** One block in memory at a time; between two of them a Stop is seen. */
const BLOCK_BYTES = 1 << 20;

/**
 * Which files are to be copied: those that do not stand in the folder already, with
 * the same bytes, as files of their own.
 *
 * @param onDone bytes that stand there
 * @throws RagError `model_cache_full`, also what the signal aborts with
 */
export async function filesToCopy(
  dir: string,
  files: readonly PackedFile[],
  signal: AbortSignal,
  onDone: (bytes: number) => void,
): Promise<PackedFile[]> {
  const missing: PackedFile[] = [];
  for (const file of files) {
    signal.throwIfAborted();
    if (await stands(join(dir, file.name), file, signal)) onDone(file.bytes);
    else missing.push(file);
  }
  const bytes = missing.reduce((sum, file) => sum + file.bytes, 0);
  const short = await shortageOf(dir, bytes);
  if (short) throw packDiskFull(dir, short.needed, short.free);
  return missing;
}

/** A link, also a hard one, is no file of the pack's own: an upload loses the one, and the other may be altered from outside. */
async function stands(path: string, file: PackedFile, signal: AbortSignal): Promise<boolean> {
  const info = await lstat(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return null;
    throw error;
  });
  if (!info?.isFile() || info.nlink > 1 || info.size !== file.bytes) return false;
  return (await digestFile(path, new Map(), signal)).sha256 === file.sha256;
}

/**
 * Copies a file into the folder, where it appears whole or not at all.
 *
 * @param onBytes bytes of each block that was written
 * @throws RagError `model_file_bad` where the file is no longer what it was when it was located
 */
export async function copyFile(
  dir: string,
  file: PackedFile,
  signal: AbortSignal,
  onBytes: (bytes: number) => void,
): Promise<void> {
  const target = join(dir, file.name);
  const out = await openAtomic(target, `${file.what} of the pack`);
  try {
    for await (const block of createReadStream(file.place, { highWaterMark: BLOCK_BYTES }) as AsyncIterable<Buffer>) {
      signal.throwIfAborted();
      await out.write(block);
      onBytes(block.length);
    }
    const { sha256 } = await out.commit();
    if (sha256 === file.sha256) return;
    await rm(target, { force: true });
    throw modelFileBad(file.place, "it is no longer what it was when it was verified");
  } catch (error) {
    await out.abort();
    throw error;
  }
}
