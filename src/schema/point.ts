import { z } from "zod";

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

const SparseSchema = z.strictObject({
  indices: z.array(
    z
      .int()
      .min(0)
      .max(2 ** 32 - 1),
  ),
  values: z.array(z.number()),
});

/**
 * One line of `<prefix>_qdrant.jsonl`: the part that Qdrant checks, and what the
 * export promises of the payload. The numbers of a vector are left to the reader,
 * who compares each of them anyway.
 */
export const PointSchema = z.strictObject({
  id: z.string().regex(UUID),
  vector: z.record(z.string(), z.unknown()),
  payload: z.looseObject({ text: z.string(), chunk_id: z.string(), document: z.string(), row: z.int() }),
});

/** The body that creates the collection. */
export const CollectionSchema = z.strictObject({
  vectors: z.record(
    z.string(),
    z.strictObject({ size: z.int().min(1), distance: z.enum(["Cosine", "Dot", "Euclid", "Manhattan"]) }),
  ),
  sparse_vectors: z.record(z.string(), z.strictObject({})),
});

/** One line of `<prefix>_sparse.jsonl`, as far as readers need it. */
export const SparseLineSchema = z.looseObject({
  id: z.int(),
  chunk_id: z.string(),
  space: z.string(),
  sparse_vector: SparseSchema,
});

/** A checked sparse vector. */
export type SparseNumbers = z.infer<typeof SparseSchema>;
/** A checked point. */
export type PointLine = z.infer<typeof PointSchema>;
/** A checked collection body. */
export type CollectionBody = z.infer<typeof CollectionSchema>;
/** A checked sparse line. */
export type SparseLineRecord = z.infer<typeof SparseLineSchema>;

/** The value, or what is wrong with it. */
export type Parsed<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly problem: string };

/** Checks one line of points. */
export function parsePoint(json: unknown): Parsed<PointLine> {
  return result(PointSchema.safeParse(json));
}

/** Checks a sparse vector of a point. */
export function parseSparse(json: unknown): Parsed<SparseNumbers> {
  return result(SparseSchema.safeParse(json));
}

/** Checks a collection body. */
export function parseCollection(json: unknown): Parsed<CollectionBody> {
  return result(CollectionSchema.safeParse(json));
}

/** Checks one line of sparse vectors. */
export function parseSparseLine(json: unknown): Parsed<SparseLineRecord> {
  return result(SparseLineSchema.safeParse(json));
}

function result<T>(parsed: z.ZodSafeParseResult<T>): Parsed<T> {
  if (parsed.success) return { ok: true, value: parsed.data };
  return { ok: false, problem: z.prettifyError(parsed.error).replaceAll("\n", "; ").slice(0, 300) };
}
