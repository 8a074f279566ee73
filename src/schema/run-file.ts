import { z } from "zod";

/** The first key of every `run.json`. */
const RUN_VERSION = 1;
export const RUN_SCHEMA = `rag-cells/run@${RUN_VERSION}` as const;

const names = ["prime", "chunk", "dense", "sparse", "fuse", "rerank", "export"] as const;

/** A file that a run names stands in the run's own folder: a run may have come from another machine. */
const FileName = z.string().regex(/^(?!\.)[^/\\\p{Cc}]+$/u, "no name of a file in the run's folder");
/** Vectors as dense and sparse runs list them. */
const Vectors = z.looseObject({
  file: FileName.optional(),
  files: z.record(z.string(), FileName).optional(),
  vocabulary: FileName.nullable().optional(),
});
const SetBy = z.object({ source: z.string(), settings: z.array(z.string()) });

/** What every stored run must have before its stage reads the rest. */
const RunHead = z.looseObject({
  schema: z.literal(RUN_SCHEMA),
  kind: z.enum(names),
  id: z.string(),
  resumedBatches: z.int().min(0),
  inputs: z.record(z.string(), z.union([z.string(), z.array(z.string())])),
  settings: z.record(z.string(), z.unknown()),
  vectors: z.array(Vectors).optional(),
  setBy: z.object({ settings: z.record(z.string(), SetBy), models: z.record(z.string(), SetBy) }),
  notes: z.array(z.object({ code: z.string(), message: z.string(), count: z.number().optional() })),
  telemetry: z.object({
    startedAt: z.string(),
    finishedAt: z.string(),
    seconds: z.number().min(0),
    phases: z.record(z.string(), z.number()),
    batches: z.array(
      z
        .looseObject({
          index: z.int(),
          seconds: z.number(),
          rows: z.int(),
          microBatches: z.array(z.int()).optional(),
        })
        // In earlier versions a batch was computed at once.
        .transform((batch) => ({ ...batch, microBatches: batch.microBatches ?? [batch.rows] })),
    ),
    memory: z.array(z.looseObject({ device: z.string(), peakBytes: z.number() })),
    // Runs of earlier versions have none of these.
    devices: z.array(z.looseObject({ model: z.string(), batches: z.number() })).default([]),
    leases: z.array(z.looseObject({ device: z.string() })).default([]),
    events: z.array(z.looseObject({ device: z.string(), kind: z.string() })).default([]),
  }),
});

const HistoryLine = z.looseObject({
  stage: z.enum(names),
  id: z.string().regex(/^[a-z]+-[0-9a-f]{16}$/),
  at: z.string(),
  outcome: z.enum(["computed", "resumed", "reused"]),
  why: z.string(),
  rows: z.number(),
  seconds: z.number(),
});

/** One line of a session's history, or null where it is none, such as one that a kill tore, or one of a stage of a later version. */
export function parseHistoryLine(line: string): z.infer<typeof HistoryLine> | null {
  try {
    return HistoryLine.safeParse(JSON.parse(line)).data ?? null;
  } catch {
    return null;
  }
}

/** The parsed file, or what is wrong with it. */
export type RunFileResult =
  | { readonly ok: true; readonly run: Record<string, unknown> }
  | {
      readonly ok: false;
      readonly problem: string /** The file's schema, where a later version has written it. */;
      readonly newer?: string;
    };

/** Checks the text of a `run.json` against its schema and against the stage and id it was looked up by. */
export function parseRunFile(text: string, stage: string, id: string): RunFileResult {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    return { ok: false, problem: `it is no JSON (${(error as Error).message})` };
  }
  const schema = (json as { schema?: unknown } | null)?.schema;
  const version = typeof schema === "string" ? /^rag-cells\/run@(\d{1,9})$/.exec(schema) : null;
  if (version && Number(version[1]) > RUN_VERSION)
    return { ok: false, problem: "it is of a newer schema", newer: version[0] };
  const parsed = RunHead.safeParse(json);
  if (!parsed.success) return { ok: false, problem: z.prettifyError(parsed.error).replaceAll("\n", "; ") };
  if (parsed.data.kind !== stage || parsed.data.id !== id) {
    return { ok: false, problem: `it is ${parsed.data.kind} ${parsed.data.id}, looked up as ${stage} ${id}` };
  }
  const { schema: _, ...run } = parsed.data;
  return { ok: true, run };
}
