import { sha256 } from "../core/hash.js";
import { quantile } from "../core/stats.js";
import type { ManifestPerformance, ManifestSpan } from "../schema/manifest-telemetry.js";
import type { AnyRun, StageTelemetry } from "../schema/types.js";

/** A run's part in the telemetry sections, whatever its stage. */
export type MeasuredRun = Pick<AnyRun, "id" | "kind" | "notes" | "telemetry">;

/** The export itself, as far as it has come when the manifest is written. */
export interface ExportMeasure {
  /** ISO 8601, UTC. */
  readonly startedAt: string;
  readonly finishedAt: string;
  readonly files: number;
  readonly bytes: number;
}

/** Spans are named by stage; the reference says fusion. */
export function spanName(kind: AnyRun["kind"]): string {
  return kind === "fuse" ? "rag.fusion" : `rag.${kind}`;
}

/**
 * One span a stage under a root `rag.collection`, whose ids come from the runs'
 * ids, so that the same runs give the same spans.
 *
 * @param attributes what each stage measured, by span name
 */
export function spansOf(
  collection: string,
  runs: readonly MeasuredRun[],
  measure: ExportMeasure,
  attributes: Readonly<Record<string, Readonly<Record<string, unknown>>>>,
): Record<string, ManifestSpan> {
  const root = spanId(`collection\n${collection}\n${runs.map(({ id }) => id).join("\n")}`);
  const span = (
    id: string,
    parent: string | null,
    start: string,
    end: string,
    values: Readonly<Record<string, unknown>> = {},
  ): ManifestSpan => ({
    span_id: id,
    parent_span_id: parent,
    status: "active",
    start,
    end,
    timestamp: end,
    attributes: { ...values },
  });
  const starts = [...runs.map(({ telemetry }) => telemetry.startedAt), measure.startedAt].sort();
  const spans: Record<string, ManifestSpan> = {
    "rag.collection": span(root, null, starts[0] as string, measure.finishedAt, { collection }),
  };
  for (const { id, kind, telemetry } of runs) {
    const name = spanName(kind);
    spans[name] = span(spanId(id), root, telemetry.startedAt, telemetry.finishedAt, attributes[name]);
  }
  spans["rag.export"] = span(spanId(`${root}\nexport`), root, measure.startedAt, measure.finishedAt, {
    latency_ms: Date.parse(measure.finishedAt) - Date.parse(measure.startedAt),
    file_count: measure.files,
    total_size_mb: Math.round(measure.bytes / 1e4) / 100,
    ...attributes["rag.export"],
  });
  return spans;
}

/** `performance_baseline`: times, memory and loading, as the stages recorded them. */
export function baselineOf(runs: readonly MeasuredRun[]): ManifestPerformance {
  const loading = runs.flatMap(({ kind, telemetry: { phases } }) =>
    phases.load === undefined ? [] : [[kind, phases.load] as const],
  );
  return {
    latency_seconds: total(runs.map(({ telemetry }) => telemetry.seconds)),
    stages: Object.fromEntries(runs.map(({ kind, telemetry }) => [kind, stageBaseline(telemetry)])),
    memory: runs.flatMap(({ kind, telemetry }) =>
      telemetry.memory.map((series) => ({
        stage: kind,
        device: series.device,
        source: series.source,
        interval: series.interval,
        samples: series.points.length,
        peak_bytes: series.peakBytes,
        cap_bytes: series.capBytes,
      })),
    ),
    devices: runs.flatMap(({ kind, telemetry }) =>
      telemetry.devices.map((report) => ({
        stage: kind,
        model: report.model,
        device: report.device.name,
        product: report.device.product,
        batches: report.batches,
        rows: report.rows,
        tokens: report.tokens,
        padded_tokens: report.paddedTokens,
        busy_seconds: report.busySeconds,
        pass_seconds: report.passSeconds,
        utilisation: report.utilisation,
        peak_bytes: report.peakBytes,
        nodes_by_provider: report.placement && { ...report.placement },
      })),
    ),
    device_events: runs.flatMap(({ kind, telemetry }) =>
      telemetry.events.map(({ at, ...event }) => ({ stage: kind, ...event, at_seconds: at })),
    ),
    ...(loading.length > 0 && {
      hydration: {
        samples: loading.length,
        total_duration_seconds: total(loading.map(([, seconds]) => seconds)),
        per_stage: Object.fromEntries(loading),
      },
    }),
  };
}

function stageBaseline({ seconds, phases, batches }: StageTelemetry): ManifestPerformance["stages"][string] {
  const times = batches.map((batch) => batch.seconds);
  const at = (q: number) => quantile(times, q);
  return {
    seconds,
    phases: { ...phases },
    batches: batches.length,
    ...(times.length > 0 && { batch_seconds: { p50: at(0.5), p95: at(0.95), p99: at(0.99), max: at(1) } }),
  };
}

function spanId(text: string): string {
  return sha256(text).slice(0, 16);
}

function total(values: readonly number[]): number {
  return values.reduce((a, b) => a + b, 0);
}
