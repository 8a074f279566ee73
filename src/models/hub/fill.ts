import { rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { modelCacheInUse, modelCacheWriteFailed, RagError } from "../../core/errors.js";
import { makeFolders } from "../../store/atomic.js";
import { type FileLock, takeLock } from "../../store/lock.js";
import type { HubAccess } from "./access.js";
import { downloadFile, sha256OfWhole, type Wanted } from "./download.js";
import { hubLayout, placeFile } from "./layout.js";
import type { Retries } from "./retry.js";

/** Files that are fetched at once. */
const AT_ONCE = 4;
/** Between two looks at a lock that another process holds. */
const LOOK_AGAIN_MS = 500;

/** How far the fetching is. */
export interface FillProgress {
  /** Bytes on disk of all files that are fetched. */
  update(onDisk: number, detail: string): void;
}

/** What was fetched. */
export interface Filled {
  readonly files: readonly { readonly hubId: string; readonly path: string; readonly sha256: string }[];
  /** Bytes that came over the network in this call and were kept. */
  readonly fetchedBytes: number;
  /** Bytes that were on disk already, such as those of an interrupted call. */
  readonly resumedBytes: number;
  readonly retries: number;
}

/**
 * Fetches files into a cache in the Python hub's layout, the largest first, a few at
 * once. Each stands under its name only when it is whole and its hash is right.
 * One process at a time fills a cache; another waits for it.
 *
 * @throws RagError those of {@link downloadFile}; the first failure ends the others, and what they fetched is kept
 */
export async function fillCache(
  access: HubAccess,
  cacheDir: string,
  wanted: readonly Wanted[],
  progress: FillProgress,
  signal: AbortSignal,
): Promise<Filled> {
  const lock = await lockCache(cacheDir, progress, signal);
  const retries: Retries = { count: 0 };
  const failed = new AbortController();
  const either = AbortSignal.any([signal, failed.signal]);
  const onDisk = new Map<string, number>();
  const done: { hubId: string; path: string; sha256: string }[] = [];
  let [fetchedBytes, resumedBytes] = [0, 0];
  const queue = [...wanted].sort((a, b) => b.file.bytes - a.file.bytes);

  const fetchOne = async (one: Wanted) => {
    const { hubId, revision, file } = one;
    const layout = hubLayout(cacheDir, hubId);
    const name = `${hubId}/${file.path}`;
    const say = (bytes: number) => {
      onDisk.set(name, bytes);
      let sum = 0;
      for (const value of onDisk.values()) sum += value;
      progress.update(sum, name);
    };
    // A blob that is right is left alone: others may be reading it. One that is not is gone on from, or begun anew.
    let sha256 = await sha256OfWhole(layout.blob(file), file, either);
    if (sha256 === null) {
      await takeOverBlob(layout.blob(file), layout.partial(file));
      const fetched = await downloadFile(access, one, layout.partial(file), retries, either, say);
      resumedBytes += fetched.resumedBytes;
      fetchedBytes += file.bytes - fetched.resumedBytes;
      sha256 = fetched.sha256;
    } else {
      await rm(layout.partial(file), { force: true });
      resumedBytes += file.bytes;
      say(file.bytes);
    }
    await placeFile(layout, revision, file);
    done.push({ hubId, path: file.path, sha256 });
  };
  const worker = async () => {
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) await fetchOne(next);
  };
  try {
    // All of them end before the lock is released; the first failure is the one that is told.
    await Promise.all(Array.from({ length: AT_ONCE }, () => worker().catch((error) => failed.abort(error))));
    either.throwIfAborted();
  } finally {
    lock.release();
  }
  return { files: done, fetchedBytes, resumedBytes, retries: retries.count };
}

/** A blob that is cut off is a half-done download; one that is altered is found by its hash, and begun anew. */
async function takeOverBlob(blob: string, partial: string): Promise<void> {
  await rename(blob, partial).catch((cause: NodeJS.ErrnoException) => {
    if (cause.code !== "ENOENT") throw modelCacheWriteFailed(blob, cause);
  });
}

/** Caches that this process fills: the lock file alone lets one process in twice. */
const filling = new Set<string>();

async function lockCache(cacheDir: string, progress: FillProgress, signal: AbortSignal): Promise<FileLock> {
  const path = join(cacheDir, ".locks", "rag-cells.lock");
  await makeFolders(join(cacheDir, ".locks")).catch((cause) => {
    throw modelCacheWriteFailed(path, cause);
  });
  for (;;) {
    signal.throwIfAborted();
    const lock = filling.has(cacheDir) ? null : await tryLock(path);
    if (lock !== null && !filling.has(cacheDir)) {
      filling.add(cacheDir);
      return {
        release() {
          filling.delete(cacheDir);
          lock.release();
        },
      };
    }
    lock?.release();
    progress.update(0, "waiting for another process that fetches into this cache");
    await sleep(LOOK_AGAIN_MS);
  }
}

async function tryLock(path: string): Promise<FileLock | null> {
  try {
    return await takeLock(path, "the model cache's lock", (owner) => modelCacheInUse(path, owner));
  } catch (error) {
    if (error instanceof RagError && error.code === "model_cache_in_use") return null;
    throw error;
  }
}
