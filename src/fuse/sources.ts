import { unknownVectors } from "../core/errors.js";
import type { Scored } from "../core/top-k.js";
import { embedQueries } from "../dense/query.js";
import type { DenseRun, DenseVectors, QuerySet, SparseRun } from "../schema/types.js";
import { encodeQueries } from "../sparse/query.js";
import type { SessionContext } from "../stage/context.js";
import type { StageWork } from "../stage/work.js";
import { loadSparse, openMatrix } from "../store/arrays.js";
import { searchDense } from "./search-dense.js";
import { searchSparse } from "./search-sparse.js";

/** The ranked rows of every query in one source. */
export interface RankedSource {
  /** Such as `dense:bge-m3` or `sparse:bm25`. */
  readonly name: string;
  /** One list a query, best first. */
  readonly lists: readonly (readonly Scored[])[];
}

/** Ranks chunks by cosine in a dense run's primary vectors. */
export async function rankDense(
  work: StageWork,
  context: SessionContext,
  run: DenseRun,
  queries: QuerySet,
  depth: number,
): Promise<RankedSource> {
  const vectors = run.vectors.find((candidate) => candidate.name === run.primary) as DenseVectors;
  const embedded = await embedQueries(work, context, run, queries.queries);
  const source = await openMatrix(run.dir, vectors);
  try {
    const lists = await work.recorder.timed("search", () => searchDense(source, embedded, depth, work.signal));
    return { name: `dense:${run.primary}`, lists };
  } finally {
    await source.close();
  }
}

/** Ranks chunks by inner product in the vectors of one sparse engine. */
export async function rankSparse(
  work: StageWork,
  context: SessionContext,
  run: SparseRun,
  engine: string,
  queries: QuerySet,
  depth: number,
): Promise<RankedSource> {
  const vectors = run.vectors.find((candidate) => candidate.name === engine);
  if (!vectors)
    throw unknownVectors(
      engine,
      run.vectors.map((v) => v.name),
    );
  const encoded = await encodeQueries(work, context, run, vectors, queries.queries);
  const matrix = await loadSparse(run.dir, vectors);
  const lists = await work.recorder.timed("search", () => searchSparse(matrix, encoded, depth, work.signal));
  return { name: `sparse:${engine}`, lists };
}
