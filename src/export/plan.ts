import type { DenseRun, DenseVectors, SparseRun, SparseVectors } from "../schema/types.js";
import { distinct, filePrefix, safeName, vectorName } from "./names.js";

/** Where each vector goes and what it is called. The primary vectors stand first. */
export interface FilePlan {
  readonly dense: readonly { readonly path: string; readonly name: string; readonly vectors: DenseVectors }[];
  /** Null without dense vectors. */
  readonly index: string | null;
  readonly metadata: string;
  readonly texts: string;
  readonly sparse: readonly {
    readonly path: string;
    readonly name: string;
    readonly vectors: SparseVectors;
    /** For an engine with a vocabulary of its own, without which no query can be made. */
    readonly vocabulary: string | null;
  }[];
  readonly points: string;
  readonly collection: string;
  readonly rerank: string;
  readonly stats: string;
}

/**
 * The reference's file names: `<prefix>_embeddings.npy` for the primary vectors,
 * `<prefix>_<model>_embeddings.npy` for all others. Dense and sparse names share
 * one space in Qdrant, so a sparse one that is taken gets `-sparse`.
 */
export function planFiles(collection: string, dense: DenseRun | null, sparse: SparseRun | null): FilePlan {
  const prefix = filePrefix(collection);
  const vectors = primaryFirst(dense?.vectors ?? [], dense?.primary);
  const engines = primaryFirst(sparse?.vectors ?? [], sparse?.primary);
  const denseNames = distinct(vectors.map(({ name }) => vectorName(name)));
  const sparseNames = engines.map(({ name }) =>
    denseNames.includes(vectorName(name)) ? `${vectorName(name)}-sparse` : vectorName(name),
  );
  const names = distinct([...denseNames, ...sparseNames]);
  const stems = distinct(vectors.slice(1).map(({ name }) => safeName(name)));
  const engineStems = distinct(engines.map(({ name }) => safeName(name)));
  return {
    dense: vectors.map((v, i) => ({
      path: i === 0 ? `${prefix}_embeddings.npy` : `${prefix}_${stems[i - 1]}_embeddings.npy`,
      name: names[i] as string,
      vectors: v,
    })),
    index: vectors.length > 0 ? `${prefix}_index.faiss` : null,
    metadata: `${prefix}_metadata.json`,
    texts: `${prefix}_texts.json`,
    sparse: engines.map((v, i) => ({
      path: i === 0 ? `${prefix}_sparse.jsonl` : `${prefix}_${engineStems[i]}_sparse.jsonl`,
      name: names[vectors.length + i] as string,
      vectors: v,
      vocabulary: v.vocabulary === null ? null : `${prefix}_${engineStems[i]}_vocabulary.txt`,
    })),
    points: `${prefix}_qdrant.jsonl`,
    collection: `${prefix}_qdrant_collection.json`,
    rerank: `${prefix}_rerank.json`,
    stats: `${prefix}_stats.json`,
  };
}

function primaryFirst<T extends { readonly name: string }>(vectors: readonly T[], primary: string | undefined): T[] {
  return [...vectors.filter(({ name }) => name === primary), ...vectors.filter(({ name }) => name !== primary)];
}
