import { cacheUseOf } from "../pass/kept.js";
import type { VectorCacheStats } from "../schema/vector-cache-types.js";
import { contextOf, type Session } from "../stage/context.js";
import { withCard } from "../stage/present.js";
import { vectorCacheOf } from "../store/vector-cache.js";

/**
 * What the vector cache holds: the file that sessions share, its size against its limit, and
 * the vectors of each model. Nothing is removed. For models on disk see `verifyCache`.
 *
 * @throws RagError `not_a_session`, `session_closed`; a damaged or missing file is no error
 */
export async function cacheStats(session: Session): Promise<VectorCacheStats> {
  contextOf(session);
  const { vectorCacheBytes: maxBytes, vectorCacheDays: maxDays } = session.settings;
  const cache = vectorCacheOf(session.settings);
  const { spaces, bytes } = (await cache?.contents()) ?? { spaces: [], bytes: 0 };
  await cache?.close({ shrink: false });
  return withCard({
    kind: "vector_cache_stats",
    path: cache?.path ?? null,
    bytes,
    maxBytes,
    maxDays,
    spaces: spaces.map(({ rows, oldest, newest, ...space }) => ({
      ...space,
      vectors: rows,
      oldest: timeOf(oldest),
      newest: timeOf(newest),
    })),
    vectors: spaces.reduce((sum, { rows }) => sum + rows, 0),
    ...cacheUseOf(session),
    notes: cache?.notes() ?? [],
  });
}

/** A number from a damaged file may be no time at all. */
function timeOf(seconds: number): string {
  return new Date(Math.min(Math.max(0, seconds), 8.64e12) * 1000).toISOString();
}
