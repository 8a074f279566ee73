import { badOption, nothingToPurge, vectorCacheOff } from "../core/errors.js";
import type { VectorCachePurge } from "../schema/vector-cache-types.js";
import { contextOf, type Session } from "../stage/context.js";
import { withCard } from "../stage/present.js";
import { vectorCacheOf } from "../store/vector-cache.js";

/** Which vectors {@link purgeCache} removes. */
export interface PurgeOptions {
  /** Those of one model, by its registry key. */
  readonly model?: string;
  /** Those that no pass has used for so many days. */
  readonly olderThanDays?: number;
  /** All of them. */
  readonly all?: true;
}

const DAY = 86_400;

/**
 * Removes vectors from the vector cache, for every session that shares it, and gives their
 * room back to the disk. Runs keep their own vectors, and models are not touched: they are
 * in the model cache.
 *
 * @throws RagError `not_a_session`, `session_closed`, `nothing_to_purge` where the options name nothing, `bad_option`, `vector_cache_off`
 */
export async function purgeCache(session: Session, options: PurgeOptions): Promise<VectorCachePurge> {
  contextOf(session);
  const { model, olderThanDays, all } = options ?? {};
  if (olderThanDays !== undefined && !(Number.isFinite(olderThanDays) && olderThanDays >= 0))
    throw badOption("olderThanDays", olderThanDays, "days are a number from 0 on");
  if (all === true && (model !== undefined || olderThanDays !== undefined))
    throw badOption("all", all, "all vectors go; leave model and olderThanDays out, or leave all out");
  const cache = vectorCacheOf(session.settings);
  if (!cache) throw vectorCacheOff();
  try {
    const before = await cache.contents();
    const models = [...new Set(before.spaces.map((space) => space.model))];
    if (model === undefined && olderThanDays === undefined && all !== true) throw nothingToPurge(models);
    if (model !== undefined && !models.includes(model))
      throw badOption("model", model, `the vector cache has vectors of ${models.join(", ") || "no model"}`);
    const removed = await cache.remove({
      ...(model === undefined ? {} : { model }),
      ...(olderThanDays === undefined ? {} : { before: Math.floor(Date.now() / 1000) - olderThanDays * DAY }),
    });
    await cache.close();
    return await withCard({
      kind: "vector_cache_purge",
      path: cache.path,
      vectors: removed.rows,
      removedBytes: removed.bytes,
      bytesBefore: before.bytes,
      bytesAfter: cache.bytesOnDisk(),
      notes: cache.notes(),
    });
  } finally {
    await cache.close();
  }
}
