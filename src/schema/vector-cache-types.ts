/** What the verbs of the vector cache return. It holds vectors of documents; the model cache holds models. */

import type { Note } from "./types.js";

/** The vectors of one model in the vector cache, under one way to encode. */
export interface CachedVectors {
  /** Registry key of the model that made them. */
  readonly model: string;
  readonly dtype: string;
  readonly output: "dense" | "sparse";
  /** Numbers of a dense vector; the vocabulary's size for sparse ones. */
  readonly width: number;
  readonly vectors: number;
  /** Bytes of the vectors alone. */
  readonly bytes: number;
  /** When the least and the most recently used of them were used: ISO 8601, UTC. */
  readonly oldest: string;
  readonly newest: string;
}

/** What the vector cache holds. */
export interface VectorCacheStats {
  readonly kind: "vector_cache_stats";
  /** The file, absolute; null where the session keeps no vectors. */
  readonly path: string | null;
  /** Bytes of the file and its log. */
  readonly bytes: number;
  readonly maxBytes: number;
  readonly maxDays: number | null;
  /** By size, largest first. */
  readonly spaces: readonly CachedVectors[];
  readonly vectors: number;
  /** Vectors that this kernel's passes took from the cache, and those they computed, since the session was opened. */
  readonly reused: number;
  readonly computed: number;
  /** Why the file can't be used, and what was found damaged; empty where nothing was. */
  readonly notes: readonly Note[];
}

/** What `purgeCache` removed. */
export interface VectorCachePurge {
  readonly kind: "vector_cache_purge";
  readonly path: string;
  readonly vectors: number;
  /** Bytes of the removed vectors alone. */
  readonly removedBytes: number;
  /** Bytes of the file and its log before and after. */
  readonly bytesBefore: number;
  readonly bytesAfter: number;
  readonly notes: readonly Note[];
}
