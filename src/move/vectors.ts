import { mkdtemp, rm, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { sessionPackWriteFailed } from "../core/errors.js";
import type { Settings } from "../schema/settings-types.js";
import { makeFolders, removeFile } from "../store/atomic.js";
import { requireSpace } from "../store/disk.js";
import { MOVED_VECTORS } from "../store/layout.js";
import { type VectorCache, vectorCacheOf } from "../store/vector-cache.js";
import type { SessionPart } from "./contents.js";

/** A copy of the vector cache on its way into a pack. */
export interface VectorCopy {
  readonly part: SessionPart & { readonly place: string };
  remove(): Promise<void>;
}

/**
 * Copies the vector cache as it is at one moment, also while other kernels write to it,
 * into a folder beside the pack.
 *
 * @throws RagError `disk_too_small`, `pack_write_failed`
 */
export async function copyVectors(cache: VectorCache, target: string): Promise<VectorCopy> {
  const beside = dirname(target);
  let dir: string | null = null;
  const remove = async () => {
    if (dir !== null) await rm(dir, { recursive: true, force: true });
  };
  try {
    await makeFolders(beside);
    const { bytes } = await cache.contents();
    await requireSpace(beside, bytes, "A copy of the vector cache", "leave vectors out of packSession");
    dir = await mkdtemp(join(beside, `.${basename(target)}.vectors-`));
    const place = join(dir, MOVED_VECTORS);
    await cache.exportTo(place);
    return { part: { path: MOVED_VECTORS, bytes: (await stat(place)).size, exported: false, place }, remove };
  } catch (error) {
    await remove();
    throw (error as { code?: unknown }).code === "disk_too_small" ? error : sessionPackWriteFailed(target, error);
  } finally {
    await cache.close({ shrink: false });
  }
}

/**
 * Takes vectors that came with a session over into this machine's vector cache, and removes
 * them from the session. A kill between the two costs nothing: they are taken over again.
 * Where the cache is switched off they stay where they are.
 *
 * @throws RagError `vector_cache_not_imported`, `store_write_failed`
 */
export async function takeOverVectors(moved: string, settings: Settings): Promise<void> {
  const cache = vectorCacheOf(settings);
  if (cache === null) return;
  try {
    await cache.importFrom(moved);
  } finally {
    await cache.close();
  }
  await removeFile(moved);
}
