import type { ChunkRun, DenseRun, SparseRun } from "../schema/types.js";

/** The `<prefix>_stats.json` of the reference, as far as its numbers were measured here. Megabytes are 10^6 bytes. */
export function statsOf(
  collection: string,
  chunks: ChunkRun,
  dense: DenseRun | null,
  sparse: SparseRun | null,
): Record<string, unknown> {
  return {
    collection,
    chunk_stats: {
      total_chunks: chunks.count,
      documents: chunks.documents,
      characters: chunks.characters,
      tokens: chunks.tokens,
      content_types: chunks.contentTypes,
      accounted_characters: chunks.accounted,
    },
    ...(dense && denseStats(dense)),
    ...(sparse && { sparse_vector_stats: sparseStats(sparse) }),
  };
}

function denseStats(dense: DenseRun): Record<string, unknown> {
  const primary = dense.vectors.find((vectors) => vectors.name === dense.primary);
  return {
    model_config: {
      name: dense.primary,
      hf_model_id: primary?.model?.hubId ?? null,
      vector_dimension: primary?.dim,
      max_tokens: primary?.model?.maxTokens ?? null,
    },
    embedding_stats: {
      total_embeddings: dense.count,
      embedding_dimension: primary?.dim,
      memory_usage_mb: megabytes(4 * dense.count * (primary?.dim ?? 0)),
    },
    dense_vector_layout: Object.fromEntries(
      dense.vectors.map(({ name, dim, model, matryoshka, truncated, lostTokens }) => [
        name,
        {
          dimension: dim,
          hf_model_id: model?.hubId ?? null,
          revision: model?.revision ?? null,
          matryoshka_dimensions: matryoshka,
          truncated_chunks: truncated,
          lost_tokens: lostTokens,
        },
      ]),
    ),
    fusion: dense.fusion,
  };
}

function sparseStats(sparse: SparseRun): Record<string, unknown> {
  const primary = sparse.vectors.find((vectors) => vectors.name === sparse.primary);
  return {
    total_chunks: sparse.count,
    sparse_vectors_available: primary ? primary.rows - primary.emptyRows : 0,
    coverage_ratio: primary?.coverage,
    engines: Object.fromEntries(
      sparse.vectors.map(({ name, engine, space, terms, coverage, emptyRows }) => [
        name,
        { engine, space, terms, coverage_ratio: coverage, empty_vectors: emptyRows },
      ]),
    ),
  };
}

function megabytes(bytes: number): number {
  return Math.round(bytes / 1e4) / 100;
}
