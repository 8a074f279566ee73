import { join } from "node:path";
import { histogram } from "../core/histogram.js";
import { pacer } from "../runtime/pace.js";
import type { SparseVectors } from "../schema/types.js";
import type { StageWork } from "../stage/work.js";
import { openSparseWriter } from "../store/arrays.js";
import { writeAtomic } from "../store/atomic.js";
import type { ChunkReader } from "../store/chunks.js";
import { sparseNames } from "../store/layout.js";
import { type Bm25Options, bm25Builder } from "./bm25.js";

/** The engine's name, where a model key would stand. */
export const BM25 = "bm25";

/** The vocabulary's file: one term a line, in the order of their indices. A term holds letters and digits only. */
export const VOCABULARY = "bm25.vocabulary.txt";

/** Weighs every chunk by BM25: no model, no tokens cut off. */
export async function encodeBm25(work: StageWork, chunks: ChunkReader, options: Bm25Options): Promise<SparseVectors> {
  const builder = bm25Builder(options);
  const progress = work.progress({ label: "sparse · bm25", total: chunks.count, unit: "chunks" });
  const pace = pacer(work.signal);
  const start = performance.now();
  try {
    let row = 0;
    for await (const { text } of chunks.range()) {
      builder.add(text);
      const turn = pace();
      if (turn) await turn;
      progress.update(++row);
    }
    const { matrix, vocabulary } = await builder.finish(work.signal);
    work.recorder.phase("weigh", (performance.now() - start) / 1000);

    const files = sparseNames(BM25);
    await work.recorder.timed("save", async () => {
      const out = await openSparseWriter(work.dir, files, matrix.indptr);
      try {
        await out.write(0, matrix.indices, matrix.values);
        await out.commit();
      } catch (error) {
        await out.abort();
        throw error;
      }
      await writeAtomic(join(work.dir, VOCABULARY), vocabulary.map((term) => `${term}\n`).join(""), "the vocabulary");
    });
    progress.finish();
    const terms = Uint32Array.from(
      { length: matrix.rows },
      (_, r) => (matrix.indptr[r + 1] as number) - (matrix.indptr[r] as number),
    );
    const emptyRows = terms.filter((n) => n === 0).length;
    return {
      name: BM25,
      engine: "bm25",
      model: null,
      space: matrix.space,
      rows: matrix.rows,
      terms: matrix.values.length,
      coverage: (matrix.rows - emptyRows) / matrix.rows,
      emptyRows,
      truncated: 0,
      lostTokens: 0,
      reused: 0,
      files,
      vocabulary: VOCABULARY,
      termBins: histogram(terms),
    };
  } catch (error) {
    progress.fail(error instanceof Error ? error.message : String(error));
    throw error;
  }
}
