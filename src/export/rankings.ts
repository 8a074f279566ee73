import type { RerankRun } from "../schema/types.js";
import { shortestFloat32 } from "./float32.js";
import { pointId } from "./payload.js";

/** The first keys of `<prefix>_rerank.json`. */
export const RERANK_SCHEMA = "rag-cells/rerank@1";

/**
 * The rerank manifest: for each query its candidates in the cross-encoder's
 * order, without any text. A query is named by its id (from a hash) and length.
 */
export function rankingsOf(run: RerankRun): Record<string, unknown> {
  const { key, hubId, revision, dtype, device } = run.model;
  return {
    schema: RERANK_SCHEMA,
    run_id: run.id,
    model_name: key,
    hf_model_id: hubId,
    revision,
    precision: dtype,
    device,
    score: "logit of the cross-encoder, float32, before any sigmoid",
    pairs: run.pairs,
    queries: run.results.map(({ queryId, queryLength, source, candidates }) => ({
      query_id: queryId,
      query_length: queryLength,
      query_source: source,
      candidate_ids: candidates.map((candidate) => candidate.chunkId),
      point_ids: candidates.map((candidate) => pointId(candidate.chunkId)),
      rows: candidates.map((candidate) => candidate.row),
      scores: candidates.map((candidate) => shortestFloat32(candidate.logit)),
      fused_scores: candidates.map((candidate) => candidate.score),
      ranks_before: candidates.map((candidate) => candidate.before),
    })),
  };
}
