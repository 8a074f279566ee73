import {
  type FeatureToggles,
  type ManifestArtefact,
  type ProcessingSummary,
  SUMMARY_VERSION,
} from "../schema/manifest.js";
import type { ManifestMetric, ManifestNote } from "../schema/manifest-telemetry.js";
import type {
  ChunkRun,
  DenseRun,
  FusedRun,
  PrimeRun,
  RerankRun,
  Skipped,
  SparseRun,
  StageTelemetry,
} from "../schema/types.js";
import { chunkSection, denseSection, fusionSection, rerankSection, sparseSection } from "./summary-stages.js";
import { baselineOf, type ExportMeasure, type MeasuredRun, spansOf } from "./summary-telemetry.js";

/** What the manifest is made from. A stage that is off is `Skipped`, null or absent: it leaves no trace but the toggles. */
export interface SummaryInput {
  readonly collection: string;
  /** ISO 8601, UTC. */
  readonly generatedAt: string;
  readonly toggles: FeatureToggles;
  readonly chunks: ChunkRun;
  readonly prime?: PrimeRun | null;
  readonly dense?: DenseRun | null;
  readonly sparse?: SparseRun | Skipped | null;
  readonly fused?: FusedRun | null;
  readonly rerank?: RerankRun | Skipped | null;
  readonly artefacts: readonly ManifestArtefact[];
  /** The export so far. */
  readonly measure: ExportMeasure;
  /** What became of each stage's metrics, where any left the process. */
  readonly metrics?: Readonly<Record<string, ManifestMetric>>;
}

/**
 * The manifest v4.1 of an export, from what its runs measured. Pure: equal input
 * gives equal output. It holds no query text and no chunk text.
 */
export function buildSummary(input: SummaryInput): ProcessingSummary {
  const { collection, generatedAt, toggles, chunks, artefacts, measure, metrics = {} } = input;
  const { prime = null, dense = null, fused = null } = input;
  const sparse = input.sparse?.kind === "sparse" ? input.sparse : null;
  const rerank = input.rerank?.kind === "rerank" ? input.rerank : null;
  const runs: MeasuredRun[] = [prime, chunks, dense, sparse, fused, rerank].filter((run) => run !== null);

  const chunkRun = chunkSection(chunks);
  const denseRun = dense && denseSection(dense);
  const sparseRun = sparse && sparseSection(sparse, toggles.enable_sparse);
  const fusionRun = fused && fusionSection(fused);
  const rerankRun = rerank && rerankSection(rerank, fused, toggles.enable_rerank);
  const warnings = warningsOf(toggles, sparse, rerank);
  const attributes = {
    ...(prime && { "rag.prime": { models: prime.models.map(({ model }) => model.key), bytes: prime.bytes } }),
    "rag.chunk": pick(chunkRun, ["documents", "chunks", "tokens"]),
    ...(denseRun && {
      "rag.dense": {
        ...pick(denseRun, ["models_executed", "embedding_dimension", "chunks_per_second", "total_batches_executed"]),
        latency_ms: denseRun.processing_time_seconds * 1000,
      },
    }),
    ...(sparseRun && {
      "rag.sparse": {
        ...pick(sparseRun, ["models", "devices", "latency_ms", "fallback_used", "fallback_count"]),
        coverage_ratio: sparseRun.vectors.coverage_ratio,
      },
    }),
    ...(fusionRun && {
      "rag.fusion": pick(fusionRun, ["method", "sources", "queries", "candidate_count", "latency_ms"]),
    }),
    ...(rerankRun && {
      "rag.rerank": pick(rerankRun, [
        "status",
        "executed",
        "device",
        "candidate_count",
        "result_count",
        "latency_ms",
        "batch_size",
        "fallback_count",
      ]),
    }),
    "rag.export": exportAttributes(artefacts),
  };

  const total = (of: (telemetry: StageTelemetry) => number) =>
    runs.reduce((sum, { telemetry }) => sum + of(telemetry), 0);
  return {
    schema_version: SUMMARY_VERSION,
    generated_at: generatedAt,
    compatibility: { current: SUMMARY_VERSION, legacy: ["v4.0"] },
    collection,
    chunk_count: chunks.count,
    feature_toggles: toggles,
    activation_provenance: toggles.provenance,
    activation_provenance_lines: toggles.provenance_lines,
    chunk_run: chunkRun,
    ...(denseRun && { dense_run: denseRun }),
    ...(sparseRun && { sparse_run: sparseRun }),
    ...(fusionRun && { fusion_run: fusionRun }),
    ...(rerankRun && { rerank_run: rerankRun }),
    ...(denseRun && {
      ensemble_state: {
        resolved: denseRun.models_executed.length > 1,
        exclusive_mode: true as const,
        models_configured: denseRun.models_executed,
        models_executed: denseRun.models_executed,
        primary_model: denseRun.models_executed[0] ?? denseRun.model_used,
        model_used: denseRun.model_used,
      },
    }),
    telemetry: {
      mitigation_events_recorded: total(({ events }) => events.length),
      rotation_events_recorded: 0,
      lease_events_recorded: 2 * total(({ leases }) => leases.length),
      batch_progress_events_recorded: total(({ batches }) => batches.length),
      spans: spansOf(collection, runs, measure, attributes),
      metrics: { ...metrics },
    },
    performance_baseline: baselineOf(runs),
    notes: notesOf(runs),
    ...(warnings.length > 0 && { warnings }),
    artefacts: [...artefacts],
  };
}

function notesOf(runs: readonly MeasuredRun[]): ManifestNote[] {
  return runs.flatMap(({ kind, notes }) =>
    notes.map(({ code, message, count }) => ({ stage: kind, code, message, ...(count !== undefined && { count }) })),
  );
}

/** A toggle and a run that say different things. */
function warningsOf(toggles: FeatureToggles, sparse: SparseRun | null, rerank: RerankRun | null): string[] {
  const stages = [
    ["rerank", toggles.enable_rerank, rerank],
    ["sparse", toggles.enable_sparse, sparse],
  ] as const;
  return stages.flatMap(([stage, enabled, run]) => {
    const source = toggles.sources[`enable_${stage}`];
    if (enabled && !run)
      return [
        `${stage} stage enabled (source=${source}) but no ${stage} run was exported; pass it to exportCollection.`,
      ];
    if (!enabled && run)
      return [`${stage} stage disabled (source=${source}) but ${stage} run ${run.id}, made before, was exported.`];
    return [];
  });
}

function exportAttributes(artefacts: readonly ManifestArtefact[]): Record<string, unknown> {
  const has = (role: ManifestArtefact["role"]) => artefacts.some((artefact) => artefact.role === role);
  return {
    export_numpy: has("dense"),
    export_jsonl: has("points"),
    faiss_export_performed: has("index"),
    // A stage that is off leaves no trace, not even that nothing was written of it.
    ...(has("sparse") && { export_sparse_jsonl: true }),
  };
}

function pick<T extends object, K extends keyof T>(from: T, keys: readonly K[]): Pick<T, K> {
  return Object.fromEntries(keys.map((key) => [key, from[key]])) as Pick<T, K>;
}
