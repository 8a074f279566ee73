import { nonFiniteExport, rowsDiffer } from "../core/errors.js";
import type { SparseVector } from "../core/sparse-matrix.js";
import type { Chunk, SparseVectors } from "../schema/types.js";
import { jsonNumbers } from "./float32.js";
import type { SparseRowSource } from "./sparse-rows.js";

/** One line of `<prefix>_sparse.jsonl`: the reference's keys, and what the indices mean. */
export interface SparseLine {
  /** Row in the export. */
  readonly id: number;
  readonly chunk_id: string;
  /** Engine and index space: vectors of two spaces are never combined. */
  readonly engine: string;
  readonly space: string;
  /** Ascending, unique. Values are as the engine made them, not scaled. */
  readonly sparse_vector: { readonly indices: number[]; readonly values: number[] };
  /** The term of each index, where the vocabulary is at hand. */
  readonly tokens?: readonly (string | null)[];
  readonly stats: { readonly weight_norm: number; readonly unique_terms: number; readonly weighting: string };
}

const STEP = 512;

/** The lines in row order, empty vectors included. @throws RagError `rows_differ`, `non_finite` */
export async function* sparseLines(
  chunks: AsyncIterable<Chunk>,
  vectors: SparseVectors,
  source: SparseRowSource,
  vocabulary: readonly (string | undefined)[] | null,
  signal?: AbortSignal,
): AsyncGenerator<SparseLine> {
  let row = 0;
  let block: SparseVector[] = [];
  for await (const chunk of chunks) {
    if (row >= source.rows) throw rowsDiffer(vectors.name, source.rows, row + 1);
    if (row % STEP === 0) {
      signal?.throwIfAborted();
      block = await source.readRows(row, Math.min(source.rows, row + STEP));
    }
    const { indices, values } = block[row % STEP] as SparseVector;
    const numbers = jsonNumbers(values);
    if (!numbers.every(Number.isFinite)) throw nonFiniteExport(vectors.name, chunk.id, row, chunk.document);
    yield {
      id: row,
      chunk_id: chunk.id,
      engine: vectors.engine,
      space: vectors.space,
      sparse_vector: { indices: Array.from(indices), values: numbers },
      ...(vocabulary && { tokens: Array.from(indices, (index) => vocabulary[index] ?? null) }),
      stats: {
        weight_norm: Number(Math.hypot(...numbers).toPrecision(6)),
        unique_terms: indices.length,
        weighting: vectors.engine,
      },
    };
    row++;
  }
  if (row !== source.rows) throw rowsDiffer(vectors.name, source.rows, row);
}
