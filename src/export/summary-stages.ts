import type { LeaseEvent } from "../schema/device-types.js";
import type {
  ManifestChunkRun,
  ManifestDenseRun,
  ManifestFusionRun,
  ManifestModel,
  ManifestRerankRun,
  ManifestSparseRun,
} from "../schema/manifest-stages.js";
import type {
  BatchRecord,
  ChunkRun,
  DenseRun,
  FusedRun,
  ModelUse,
  RerankRun,
  SparseRun,
  SparseVectors,
} from "../schema/types.js";
import { shortestFloat32 } from "./float32.js";

/** Rankings that the manifest lists; the rerank file has all. */
const LISTED_RANKINGS = 20;

/** `chunk_run`. */
export function chunkSection(run: ChunkRun): ManifestChunkRun {
  return {
    run_id: run.id,
    documents: run.documents,
    chunks: run.count,
    characters: run.characters,
    tokens: run.tokens,
    token_limit: run.limit.tokens,
    token_limit_model: run.limit.model,
    accounted_characters: { ...run.accounted },
    content_types: { ...run.contentTypes },
    processing_time_seconds: run.telemetry.seconds,
  };
}

/** `dense_run`: its time is the dense stage's alone. */
export function denseSection(run: DenseRun): ManifestDenseRun {
  const { seconds, batches } = run.telemetry;
  const models = run.vectors.flatMap(({ model }) => (model ? [model] : []));
  const dim = run.vectors.find(({ name }) => name === run.primary)?.dim ?? 0;
  const perModel = countBy(batches, ({ model }) => model);
  return {
    run_id: run.id,
    total_embeddings_generated: run.count,
    embedding_dimension: dim,
    processing_time_seconds: seconds,
    chunks_per_second: perSecond(run.count, seconds),
    gpu_count: new Set(
      run.telemetry.devices.filter(({ device }) => device.kind !== "cpu").map(({ device }) => device.name),
    ).size,
    model_used: run.primary,
    backend: "onnxruntime",
    precision: [...new Set(models.map(({ dtype }) => dtype))].join("+"),
    embedding_memory_mb: round((4 * dim * run.count) / 1e6, 3),
    memory_per_chunk_kb: round((4 * dim) / 1e3, 3),
    ensemble_mode: "exclusive",
    models_executed: models.map(({ key }) => key),
    lease_events: leaseEvents(run.telemetry.leases),
    total_batches_executed: batches.length,
    primary_batches_processed: perModel[models[0]?.key ?? ""] ?? 0,
    batches_per_model: perModel,
    resumed_batches: run.resumedBatches,
    fusion: { method: run.fusion.method, weights: { ...run.fusion.weights } },
    vectors: run.vectors.map((v) => ({
      name: v.name,
      model: v.model && modelSection(v.model),
      dimension: v.dim,
      vectors: v.rows,
      tokens: v.tokens,
      padded_tokens: v.paddedTokens,
      truncated_chunks: v.truncated,
      lost_tokens: v.lostTokens,
      reused_vectors: v.reused,
    })),
  };
}

/** A lease as the two events that it is. */
function leaseEvents(leases: readonly LeaseEvent[]): ManifestDenseRun["lease_events"] {
  return leases.flatMap(({ device, owner, waitedSeconds, heldSeconds, beforeBytes, afterBytes }) =>
    (["acquire", "release"] as const).map((event_type) => ({
      event_type,
      model: owner.split(" · ").at(-1) as string,
      device,
      waited_seconds: waitedSeconds,
      held_seconds: heldSeconds,
      used_bytes: event_type === "acquire" ? beforeBytes : afterBytes,
    })),
  );
}

/** `sparse_run`, with the reference's nested payload. */
export function sparseSection(run: SparseRun, enabled: boolean): ManifestSparseRun {
  const primary = run.vectors.find(({ name }) => name === run.primary);
  const payload = {
    run_id: run.id,
    models: run.vectors.map(({ name }) => name),
    vectors: coverage(primary),
    fallback_used: false,
    fallback_count: 0,
    latency_ms: milliseconds(run.telemetry.seconds),
    device: deviceOf(primary),
    devices: Object.fromEntries(run.vectors.map((vectors) => [vectors.name, deviceOf(vectors)])),
    success: true,
    reason: "executed",
  };
  return {
    enabled,
    executed: true,
    ...payload,
    engines: run.vectors.map((v) => ({
      name: v.name,
      engine: v.engine,
      model: v.model && modelSection(v.model),
      space: v.space,
      terms: v.terms,
      vectors: coverage(v),
      truncated_chunks: v.truncated,
      lost_tokens: v.lostTokens,
      reused_vectors: v.reused,
    })),
    payload,
  };
}

/** `fusion_run`. */
export function fusionSection(run: FusedRun): ManifestFusionRun {
  return {
    run_id: run.id,
    method: run.method,
    sources: [...run.sources],
    queries: run.results.length,
    candidate_count: run.results.reduce((sum, { candidates }) => sum + candidates.length, 0),
    overlap: { ...run.overlap },
    latency_ms: milliseconds(run.telemetry.seconds),
  };
}

/** `rerank_run`, with the reference's nested payload. Queries by id and length only. */
export function rerankSection(run: RerankRun, fused: FusedRun | null, enabled: boolean): ManifestRerankRun {
  const { device } = run.model;
  const results = run.results.slice(0, LISTED_RANKINGS).map(({ queryId, queryLength, source, candidates }) => ({
    query_id: queryId,
    query_length: queryLength,
    query_source: source,
    candidate_ids: candidates.map(({ chunkId }) => chunkId),
    scores: candidates.map(({ logit }) => shortestFloat32(logit)),
  }));
  const kept = run.results.map(({ candidates }) => candidates.length);
  const resultCount = kept.reduce((a, b) => a + b, 0);
  const batchSize = largest(run.telemetry.batches.flatMap(({ microBatches }) => microBatches));
  const payload = {
    run_id: run.id,
    status: "executed" as const,
    latency_ms: milliseconds(run.telemetry.seconds),
    batch_size: batchSize,
    initial_candidate_count: run.pairs,
    result_count: resultCount,
    candidate_ids: results[0]?.candidate_ids ?? [],
    scores: results[0]?.scores ?? [],
    device_state: { requested: device, resolved: device, fallback_applied: false },
    fallback_count: 0,
  };
  return {
    enabled,
    model_name: run.model.key,
    model: modelSection(run.model),
    loaded: true,
    executed: true,
    device,
    metrics: { top_k_candidates: candidatesPerQuery(run, fused), rerank_top_k: largest(kept), batch_size: batchSize },
    queries: run.results.length,
    candidate_count: resultCount,
    truncated_pairs: run.truncated,
    lost_tokens: run.lostTokens,
    ...payload,
    payload: { ...payload, results },
  };
}

/** Candidates the model was given for one query, at most: its setting, where fusion found that many. */
function candidatesPerQuery(run: RerankRun, fused: FusedRun | null): number {
  const asked = run.settings.candidates;
  const found = largest(
    fused
      ? fused.results.map(({ candidates }) => candidates.length)
      : run.results.map(({ candidates }) => largest(candidates.map((c) => c.before))),
  );
  return typeof asked === "number" ? Math.min(asked, found) : found;
}

function modelSection(model: ModelUse): ManifestModel {
  return {
    name: model.key,
    hf_model_id: model.hubId,
    revision: model.revision,
    fingerprint: model.fingerprint,
    served_from: model.servedFrom,
    precision: model.dtype,
    device: model.device,
    max_tokens: model.maxTokens,
  };
}

function coverage(vectors: SparseVectors | undefined): { total: number; available: number; coverage_ratio: number } {
  if (!vectors) return { total: 0, available: 0, coverage_ratio: 0 };
  return {
    total: vectors.rows,
    available: vectors.rows - vectors.emptyRows,
    coverage_ratio: round(vectors.coverage, 4),
  };
}

/** BM25 has no model and is counted on the CPU. */
function deviceOf(vectors: SparseVectors | undefined): string {
  return vectors?.model?.device ?? "cpu";
}

function countBy(batches: readonly BatchRecord[], key: (batch: BatchRecord) => string): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const batch of batches) counts[key(batch)] = (counts[key(batch)] ?? 0) + 1;
  return counts;
}

function perSecond(rows: number, seconds: number): number {
  return seconds > 0 ? round(rows / seconds, 3) : 0;
}

function milliseconds(seconds: number): number {
  return round(seconds * 1000, 2);
}

function round(value: number, places: number): number {
  return Math.round(value * 10 ** places) / 10 ** places;
}

function largest(values: readonly number[]): number {
  return values.reduce((a, b) => Math.max(a, b), 0);
}
