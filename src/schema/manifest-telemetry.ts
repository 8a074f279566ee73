import { z } from "zod";

const count = () => z.int().min(0);
const seconds = () => z.number().min(0);
const hex16 = () => z.string().regex(/^[0-9a-f]{16}$/);

/** One span of the telemetry section. */
export const SpanSchema = z
  .object({
    span_id: hex16().describe("16 hex digits, as OpenTelemetry has them"),
    parent_span_id: hex16().nullable().describe("The span it belongs to; null for the root"),
    status: z.enum(["active", "skipped"]).describe("active: the stage ran"),
    start: z.string().describe("ISO 8601, UTC"),
    end: z.string().describe("ISO 8601, UTC"),
    timestamp: z.string().describe("The same as end, under the name of v4.0"),
    attributes: z.record(z.string(), z.unknown()).describe("What the stage measured"),
  })
  .describe("A span rag.<stage>");

const MetricSchema = z
  .object({
    status: z.enum(["emitted", "skipped"]).describe("Whether the stage's metrics left the process"),
    timestamp: z.string().describe("ISO 8601, UTC"),
    metrics: z.array(z.string()).describe("Their names"),
    reason: z.string().optional().describe("Why not"),
  })
  .describe("The metrics of one stage");

/** `telemetry` of the manifest. */
export const TelemetrySchema = z
  .object({
    mitigation_events_recorded: count().describe("Measures taken against memory pressure"),
    rotation_events_recorded: count().describe("Model rotations; none in exclusive mode"),
    lease_events_recorded: count().describe("Device leases taken and given back; none on the CPU"),
    batch_progress_events_recorded: count().describe("Batches over all stages"),
    spans: z.record(z.string(), SpanSchema).describe("Spans by name"),
    metrics: z.record(z.string(), MetricSchema).describe("Metrics by stage"),
  })
  .describe("What was recorded");

const StageBaselineSchema = z
  .object({
    seconds: seconds().describe("Wall-clock seconds of the stage"),
    phases: z.record(z.string(), seconds()).describe("Where they went"),
    batches: count().describe("Batches computed"),
    batch_seconds: z
      .object({
        p50: seconds().describe("Median"),
        p95: seconds().describe("95th percentile"),
        p99: seconds().describe("99th percentile"),
        max: seconds().describe("Slowest"),
      })
      .optional()
      .describe("Seconds of a batch; absent where there was none"),
  })
  .describe("The time of one stage");

/** `performance_baseline` of the manifest. */
export const PerformanceSchema = z
  .object({
    latency_seconds: seconds().describe("Sum over the stages"),
    stages: z.record(z.string(), StageBaselineSchema).describe("Time by stage"),
    memory: z
      .array(
        z.object({
          stage: z.string().describe("The stage"),
          device: z.string().describe("Device or process"),
          source: z.string().describe("What was read"),
          interval: z.string().describe("How often"),
          samples: count().describe("Readings"),
          peak_bytes: z.number().min(0).describe("Largest reading; a lower bound of the true peak where it is sampled"),
          cap_bytes: z.number().min(0).nullable().describe("The hard limit, or null where none applies"),
        }),
      )
      .describe("Memory by stage and device"),
    devices: z
      .array(
        z
          .object({
            stage: z.string().describe("The stage"),
            model: z.string().describe("The model"),
            device: z.string().describe("cpu, cuda:0, webgpu, simulated:0"),
            product: z.string().describe("What its maker calls it"),
            batches: count().describe("Batches it computed"),
            rows: count().describe("Rows it computed"),
            tokens: count().describe("Tokens of texts"),
            padded_tokens: count().describe("Tokens computed, padding included"),
            busy_seconds: seconds().describe("Seconds inside the model"),
            pass_seconds: seconds().describe(
              "Seconds from the first batch's start to the last one's end, over all devices",
            ),
            utilisation: z
              .number()
              .min(0)
              .max(1)
              .nullable()
              .describe("The device's own mean; null where it does not say"),
            peak_bytes: z.number().min(0).nullable().describe("Largest reading of its memory"),
            nodes_by_provider: z
              .record(z.string(), count())
              .nullable()
              .describe(
                "Nodes of the graph by what computed them in a probe: the proof of the provider; null on the CPU",
              ),
          })
          .describe("One device with one model"),
      )
      .describe("What each device did; empty where no model computed"),
    device_events: z
      .array(
        z.object({
          stage: z.string().describe("The stage"),
          model: z.string().describe("The model"),
          device: z.string().describe("The device"),
          kind: z
            .string()
            .describe(
              "halved, new_session, new_process, row_failed (want of memory); restarted, timeout, watchdog, violation",
            ),
          at_seconds: seconds().describe("Since the stage began"),
          rows: count().describe("Rows of the batch"),
          length: count().describe("Tokens that each was padded to"),
          words: z.string().describe("The runtime's own words, or ours"),
        }),
      )
      .describe("What went otherwise than planned on devices"),
    hydration: z
      .object({
        samples: count().describe("Stages that loaded a model"),
        total_duration_seconds: seconds().describe("Seconds spent loading"),
        per_stage: z.record(z.string(), seconds()).describe("The same by stage"),
      })
      .optional()
      .describe("Loading of models; absent where none was loaded"),
  })
  .describe("What the run took. Nothing here is estimated");

/** `notes` of the manifest. */
export const NoteSchema = z
  .object({
    stage: z.string().describe("Where it happened"),
    code: z.string().describe("Stable name, such as truncated"),
    message: z.string().describe("One sentence"),
    count: z.number().optional().describe("How many rows, files or tokens it concerns"),
  })
  .describe("Something that did not stop the run but belongs to its result");

/** One span of the manifest. */
export type ManifestSpan = z.infer<typeof SpanSchema>;
/** The metrics of one stage in the manifest. */
export type ManifestMetric = z.infer<typeof MetricSchema>;
/** `telemetry` of the manifest. */
export type ManifestTelemetry = z.infer<typeof TelemetrySchema>;
/** `performance_baseline` of the manifest. */
export type ManifestPerformance = z.infer<typeof PerformanceSchema>;
/** An entry of `notes` in the manifest. */
export type ManifestNote = z.infer<typeof NoteSchema>;
