import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { modelChanged } from "../core/errors.js";
import { type SparseMatrix, type SparseVector, stackSparse } from "../core/sparse-matrix.js";
import { runQueryPass } from "../pass/texts.js";
import { unpackSparse } from "../runtime/row-bytes.js";
import type { LocatedModel } from "../schema/model-types.js";
import type { Query, SparseRun, SparseVectors } from "../schema/types.js";
import type { SessionContext } from "../stage/context.js";
import type { StageWork } from "../stage/work.js";
import { type Bm25Options, bm25Query, vocabularyIndex } from "./bm25.js";

/**
 * Encodes queries in the space of one engine of a sparse run. A query without a
 * known term gives an empty row, which finds nothing.
 *
 * @throws RagError `model_changed` when the model's files are no longer those of the run
 */
export async function encodeQueries(
  work: StageWork,
  context: SessionContext,
  run: SparseRun,
  vectors: SparseVectors,
  queries: readonly Query[],
): Promise<SparseMatrix> {
  if (vectors.engine === "bm25") {
    const text = await readFile(join(run.dir, vectors.vocabulary as string), "utf8");
    const words = text === "" ? [] : text.slice(0, -1).split("\n");
    const index = vocabularyIndex(words);
    const options = (run.settings["bm25"] ?? {}) as Bm25Options;
    return stackSparse(
      queries.map((query) => bm25Query(query.text, index, options)),
      vectors.space,
    );
  }
  const [model] = (await context.locate([{ key: vectors.name, role: "sparse" }])) as [LocatedModel];
  if (vectors.model?.fingerprint !== model.fingerprint) throw modelChanged(vectors.name, run.id);
  return stackSparse(await spladeQueries(work, context, model, queries), vectors.space);
}

async function spladeQueries(
  work: StageWork,
  context: SessionContext,
  model: LocatedModel,
  queries: readonly Query[],
): Promise<SparseVector[]> {
  const { settings } = context.session;
  const pass = await runQueryPass(work, model, queries, { normalize: false, settings });
  try {
    const out: SparseVector[] = new Array(queries.length);
    for (const { rows, frame } of pass.batches) {
      const { indptr, indices, values } = unpackSparse(await pass.journal.read(frame), rows.length);
      rows.forEach((row, r) => {
        const [from, to] = [indptr[r] as number, indptr[r + 1] as number];
        out[row] = { indices: indices.slice(from, to), values: values.slice(from, to) };
      });
    }
    return out;
  } finally {
    await pass.journal.close();
  }
}
