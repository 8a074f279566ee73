import { z } from "zod";
import {
  ChunkRunSchema,
  DenseRunSchema,
  FusionRunSchema,
  RerankRunSchema,
  SparseRunSchema,
} from "./manifest-stages.js";
import { NoteSchema, PerformanceSchema, TelemetrySchema } from "./manifest-telemetry.js";

/** The version that {@link ProcessingSummarySchema} describes. */
export const SUMMARY_VERSION = "v4.1";

const count = () => z.int().min(0);

/** A file of an export as the manifest lists it. */
export const ArtefactSchema = z
  .object({
    path: z.string().min(1).describe("Path from the export's folder, with /"),
    role: z
      .enum(["dense", "index", "metadata", "texts", "sparse", "vocabulary", "points", "collection", "rerank", "stats"])
      .describe("What the file is"),
    bytes: count().describe("Size in bytes"),
    sha256: z
      .string()
      .regex(/^[0-9a-f]{64}$/)
      .describe("Lower-case hex sha256 of the file"),
    name: z.string().optional().describe("Name of the vectors it holds, the same as in the points"),
    rows: count().optional().describe("Rows, elements or lines, in the order of the corpus"),
    dim: count().optional().describe("Numbers in a row"),
  })
  .describe("A file of the export");

const ToggleEventSchema = z
  .object({
    key: z.string().describe("The toggle"),
    value: z.unknown().describe("The value it was set to"),
    source: z.string().describe("Who set it: default, config:<file>, env-file, env, call, normalization"),
    layer: z.string().describe("Kind of source: default, config, environment, call, post-processing"),
  })
  .describe("One toggle being set");

const FeatureTogglesSchema = z
  .object({
    enable_rerank: z.boolean().describe("Whether the rerank stage may run"),
    enable_sparse: z.boolean().describe("Whether the sparse stage may run"),
    sparse_models: z.array(z.string()).describe("Sparse engines asked for; empty when the stage is off"),
    sources: z.record(z.string(), z.string()).describe("Who set each toggle last"),
    provenance: z.array(ToggleEventSchema).describe("Who set each toggle, in order"),
    provenance_lines: z.array(z.string()).describe("The same for people, one line a toggle"),
  })
  .describe("Which stages were on, and who decided");

/** `processing_summary.json` v4.1 as this library writes it. Every number was measured by the runs it names. */
export const ProcessingSummarySchema = z
  .object({
    schema_version: z.literal(SUMMARY_VERSION).describe("Version of this file"),
    generated_at: z.string().describe("ISO 8601, UTC"),
    compatibility: z
      .object({
        current: z.literal(SUMMARY_VERSION).describe("Version of this file"),
        legacy: z.array(z.string()).describe("Older versions whose readers still find what they know"),
      })
      .describe("Who can read this"),
    collection: z.string().describe("Name of the collection"),
    chunk_count: count().describe("Rows of every artefact"),
    feature_toggles: FeatureTogglesSchema,
    activation_provenance: z.array(ToggleEventSchema).describe("The same as feature_toggles.provenance"),
    activation_provenance_lines: z.array(z.string()).describe("The same as feature_toggles.provenance_lines"),
    chunk_run: ChunkRunSchema,
    dense_run: DenseRunSchema.optional(),
    sparse_run: SparseRunSchema.optional(),
    fusion_run: FusionRunSchema.optional(),
    rerank_run: RerankRunSchema.optional(),
    ensemble_state: z
      .object({
        resolved: z.boolean().describe("Whether several models were used"),
        exclusive_mode: z.literal(true).describe("One model at a time"),
        models_configured: z.array(z.string()).describe("Models asked for"),
        models_executed: z.array(z.string()).describe("Models that ran"),
        primary_model: z.string().describe("First of them"),
        model_used: z.string().describe("Name of the primary vectors"),
      })
      .optional()
      .describe("The ensemble of dense models; absent without a dense run"),
    telemetry: TelemetrySchema,
    performance_baseline: PerformanceSchema,
    notes: z.array(NoteSchema).describe("What the stages had to remark"),
    warnings: z.array(z.string()).optional().describe("What does not fit together; absent when nothing"),
    artefacts: z.array(ArtefactSchema).describe("Every file of the export but this one"),
  })
  .describe("processing_summary.json, written last");

/** A file of an export as the manifest lists it. */
export type ManifestArtefact = z.infer<typeof ArtefactSchema>;
/** The manifest v4.1. */
export type ProcessingSummary = z.infer<typeof ProcessingSummarySchema>;
/** One toggle being set. */
export type ManifestToggleEvent = z.infer<typeof ToggleEventSchema>;
/** The manifest's toggles. */
export type FeatureToggles = z.infer<typeof FeatureTogglesSchema>;

/** The parsed manifest, or what is wrong with it. */
export type SummaryResult =
  | { readonly ok: true; readonly summary: ProcessingSummary }
  | { readonly ok: false; readonly problem: string };

/** Checks JSON against {@link ProcessingSummarySchema}. For manifests of other writers see `parseAnySummary`. */
export function parseSummary(json: unknown): SummaryResult {
  const parsed = ProcessingSummarySchema.safeParse(json);
  if (parsed.success) return { ok: true, summary: parsed.data };
  return { ok: false, problem: z.prettifyError(parsed.error).replaceAll("\n", "; ") };
}
