import { z } from "zod";
import type { DenseView, RerankView, SpanView, SparseView, SummaryView, ToggleView } from "./manifest-view-types.js";

/** The view, or why the file can't be read. */
export type ReadResult =
  | { readonly ok: true; readonly summary: SummaryView }
  | { readonly ok: false; readonly problem: string; readonly newer: boolean };

/** A field of another type than expected counts as absent: old writers disagree with each other. */
const text = z.string().nullish().catch(null);
const number = z.number().nullish().catch(null);
const flag = z.boolean().nullish().catch(null);
const texts = z
  .array(z.unknown())
  .nullish()
  .catch(null)
  .transform((list) => list?.filter((item) => typeof item === "string") ?? null);
const numbers = z
  .array(z.unknown())
  .nullish()
  .catch(null)
  .transform((list) => list?.filter((item) => typeof item === "number") ?? null);
const anything = z.record(z.string(), z.unknown()).nullish().catch(null);
const words = anything.transform((record) =>
  Object.fromEntries(
    Object.entries(record ?? {}).filter((entry): entry is [string, string] => typeof entry[1] === "string"),
  ),
);

const Artefact = z.object({ path: z.string(), role: z.string(), bytes: z.number(), sha256: z.string() });

const File = z.looseObject({
  schema_version: z.unknown().optional(),
  collection: text,
  collection_name: text,
  chunk_count: number,
  generated_at: text,
  timestamp: text,
  compatibility: z.looseObject({ legacy: texts, warnings: texts }).nullish().catch(null),
  feature_toggles: z
    .looseObject({
      enable_rerank: flag,
      enable_sparse: flag,
      sparse_models: texts,
      sources: anything,
      provenance: z.unknown().optional(),
    })
    .nullish()
    .catch(null),
  dense_run: z
    .looseObject({
      run_id: text,
      total_embeddings_generated: number,
      total_embeddings: number,
      embedding_dimension: number,
      models_executed: texts,
      ensemble_models: texts,
      device: text,
      processing_time_seconds: number,
    })
    .nullish()
    .catch(null),
  sparse_run: z
    .looseObject({
      run_id: text,
      models: texts,
      model_names: texts,
      vectors: z.looseObject({ total: number, available: number, coverage_ratio: number }).nullish().catch(null),
      fallback_used: flag,
      fallback_count: number,
      devices: words,
    })
    .nullish()
    .catch(null),
  rerank_run: z
    .looseObject({
      run_id: text,
      model_name: text,
      model: z.unknown().optional(),
      executed: flag,
      status: text,
      device: text,
      device_state: z.looseObject({ resolved: text }).nullish().catch(null),
      latency_ms: number,
      candidate_ids: texts,
      scores: numbers,
      fallback_count: number,
      fallback_reason: text,
      payload: z
        .looseObject({ run_id: text, latency_ms: number, candidate_ids: texts, scores: numbers })
        .nullish()
        .catch(null),
    })
    .nullish()
    .catch(null),
  telemetry: z.looseObject({ spans: anything }).nullish().catch(null),
  warnings: texts,
  artefacts: z.array(Artefact).nullish().catch(null),
});
type File = z.infer<typeof File>;

const Span = z.looseObject({ span_id: text, status: text, reason: text, attributes: anything });

/**
 * Reads a processing summary of v4.0 or v4.1, by whichever writer: this library,
 * the reference's real writer, its golden files, and the older shape without a
 * version, which counts as v4.0. A field of a wrong type counts as absent.
 */
export function parseAnySummary(json: unknown): ReadResult {
  const parsed = File.safeParse(json);
  if (!parsed.success) return { ok: false, newer: false, problem: "it holds no JSON object" };
  const file = parsed.data;
  const version = file.schema_version ?? "v4.0";
  const match = /^v(\d+)\.(\d+)$/.exec(String(version));
  if (!match)
    return { ok: false, newer: false, problem: `its schema_version is ${JSON.stringify(version)}, not v4.0 or v4.1` };
  const [major, minor] = [Number(match[1]), Number(match[2])];
  if (major > 4 || (major === 4 && minor > 1))
    return { ok: false, newer: true, problem: `it has schema ${version}, and v4.0 and v4.1 are read` };
  if (major < 4) return { ok: false, newer: false, problem: `it has schema ${version}, older than v4.0` };
  return { ok: true, summary: view(file, String(version), json as Record<string, unknown>) };
}

function view(file: File, version: string, raw: Record<string, unknown>): SummaryView {
  return {
    schemaVersion: version,
    legacy: file.compatibility?.legacy ?? (version === "v4.0" ? [] : ["v4.0"]),
    collection: file.collection ?? file.collection_name ?? null,
    chunkCount: file.chunk_count ?? null,
    generatedAt: file.generated_at ?? file.timestamp ?? null,
    toggles: toggleView(file),
    dense: denseView(file.dense_run),
    sparse: sparseView(file.sparse_run),
    rerank: rerankView(file.rerank_run),
    spans: Object.fromEntries(
      Object.entries(file.telemetry?.spans ?? {}).map(([name, span]) => [name, spanView(span)]),
    ),
    warnings: [...(file.warnings ?? []), ...(file.compatibility?.warnings ?? [])],
    artefacts: file.artefacts ?? [],
    raw,
  };
}

/** Golden files have `provenance` as `{ toggle: source }` in the place of `sources`. */
function toggleView({ feature_toggles: toggles }: File): ToggleView {
  const sources = words.parse(toggles?.sources ?? (Array.isArray(toggles?.provenance) ? {} : toggles?.provenance));
  return {
    enableRerank: toggles?.enable_rerank ?? null,
    enableSparse: toggles?.enable_sparse ?? null,
    sparseModels: toggles?.sparse_models ?? [],
    sources,
  };
}

function denseView(run: File["dense_run"]): DenseView | null {
  if (!run) return null;
  return {
    runId: run.run_id ?? null,
    embeddings: run.total_embeddings_generated ?? run.total_embeddings ?? null,
    dimension: run.embedding_dimension ?? null,
    models: run.models_executed ?? run.ensemble_models ?? [],
    device: run.device ?? null,
    seconds: run.processing_time_seconds ?? null,
  };
}

function sparseView(run: File["sparse_run"]): SparseView | null {
  if (!run) return null;
  return {
    runId: run.run_id ?? null,
    models: run.models ?? run.model_names ?? [],
    total: run.vectors?.total ?? null,
    available: run.vectors?.available ?? null,
    coverage: run.vectors?.coverage_ratio ?? null,
    fallbackUsed: run.fallback_used ?? null,
    fallbackCount: run.fallback_count ?? null,
    devices: run.devices,
  };
}

function rerankView(run: File["rerank_run"]): RerankView | null {
  if (!run) return null;
  const { payload } = run;
  return {
    runId: run.run_id ?? payload?.run_id ?? null,
    model: run.model_name ?? (typeof run.model === "string" ? run.model : null),
    executed: run.executed ?? null,
    status: run.status === "complete" ? "executed" : (run.status ?? null),
    device: run.device ?? run.device_state?.resolved ?? null,
    latencyMs: run.latency_ms ?? payload?.latency_ms ?? null,
    candidateIds: run.candidate_ids ?? payload?.candidate_ids ?? [],
    scores: run.scores ?? payload?.scores ?? [],
    fallbackCount: run.fallback_count ?? null,
    fallbackReason: run.fallback_reason ?? null,
  };
}

function spanView(span: unknown): SpanView {
  const parsed = Span.safeParse(span).data;
  return {
    spanId: parsed?.span_id ?? null,
    status: parsed?.status ?? null,
    reason: parsed?.reason ?? null,
    attributes: parsed?.attributes ?? {},
  };
}
