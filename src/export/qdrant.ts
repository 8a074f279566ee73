import { duplicatePoint, nonFiniteExport, rowsDiffer } from "../core/errors.js";
import type { SparseVector } from "../core/sparse-matrix.js";
import type { Chunk } from "../schema/types.js";
import { jsonNumbers } from "./float32.js";
import { payloadOf, pointId } from "./payload.js";
import { blockRows, type RowSource } from "./rows.js";
import type { SparseRowSource } from "./sparse-rows.js";

/** Dense vectors under the name they have in Qdrant. */
export interface NamedDense {
  readonly name: string;
  readonly source: RowSource;
}

/** Sparse vectors under the name they have in Qdrant. */
export interface NamedSparse {
  readonly name: string;
  readonly source: SparseRowSource;
}

/** A point as Qdrant's REST interface and clients take it, one a line. */
export interface QdrantPoint {
  readonly id: string;
  readonly vector: Readonly<
    Record<string, readonly number[] | { readonly indices: number[]; readonly values: number[] }>
  >;
  readonly payload: Readonly<Record<string, unknown>>;
}

/** The body of `PUT /collections/<name>`. */
export interface QdrantCollection {
  readonly vectors: Readonly<Record<string, { readonly size: number; readonly distance: "Cosine" }>>;
  readonly sparse_vectors: Readonly<Record<string, Readonly<Record<string, never>>>>;
}

/**
 * How to create the collection that the points fit in. Dense vectors compare by
 * cosine (they have length 1); sparse ones by inner product, which is Qdrant's
 * only way, with the weights as they are.
 */
export function collectionBody(
  dense: readonly { readonly name: string; readonly dim: number }[],
  sparse: readonly string[],
): QdrantCollection {
  return {
    vectors: Object.fromEntries(dense.map(({ name, dim }) => [name, { size: dim, distance: "Cosine" as const }])),
    sparse_vectors: Object.fromEntries(sparse.map((name) => [name, {}])),
  };
}

/**
 * Points in row order, made as they are asked for. A row without sparse terms has
 * no sparse vector of that name, since it can't be found by one.
 *
 * @param chunks the corpus in row order
 * @param count rows that every source must have
 * @throws RagError `rows_differ`, `duplicate_point`, `non_finite`; the signal's reason when it aborts
 */
export async function* pointsOf(
  chunks: AsyncIterable<Chunk>,
  count: number,
  dense: readonly NamedDense[],
  sparse: readonly NamedSparse[],
  signal?: AbortSignal,
): AsyncGenerator<QdrantPoint> {
  for (const { name, source } of [...dense, ...sparse]) {
    if (source.rows !== count) throw rowsDiffer(name, source.rows, count);
  }
  const step = blockRows(dense.reduce((sum, { source }) => sum + source.dim, 256));
  const seen = new Set<string>();
  let row = 0;
  let from = 0;
  let blocks: { dense: Float32Array[]; sparse: SparseVector[][] } = { dense: [], sparse: [] };
  for await (const chunk of chunks) {
    if (row >= count) throw rowsDiffer("chunks", row + 1, count);
    if (row % step === 0) {
      signal?.throwIfAborted();
      from = row;
      const to = Math.min(count, row + step);
      blocks = {
        dense: await Promise.all(dense.map(({ source }) => source.readRows(from, to))),
        sparse: await Promise.all(sparse.map(({ source }) => source.readRows(from, to))),
      };
    }
    const id = pointId(chunk.id);
    if (seen.has(id)) throw duplicatePoint(chunk.id, row, chunk.document);
    seen.add(id);
    const vector: Record<string, number[] | { indices: number[]; values: number[] }> = {};
    dense.forEach(({ name, source: { dim } }, s) => {
      const data = blocks.dense[s] as Float32Array;
      vector[name] = finite(jsonNumbers(data.subarray((row - from) * dim, (row - from + 1) * dim)), name, chunk, row);
    });
    sparse.forEach(({ name }, s) => {
      const { indices, values } = (blocks.sparse[s] as SparseVector[])[row - from] as SparseVector;
      if (indices.length > 0)
        vector[name] = { indices: Array.from(indices), values: finite(jsonNumbers(values), name, chunk, row) };
    });
    yield { id, vector, payload: payloadOf(chunk, row) };
    row++;
  }
  if (row !== count) throw rowsDiffer("chunks", row, count);
}

function finite(numbers: number[], name: string, chunk: Chunk, row: number): number[] {
  if (!numbers.every(Number.isFinite)) throw nonFiniteExport(name, chunk.id, row, chunk.document);
  return numbers;
}
