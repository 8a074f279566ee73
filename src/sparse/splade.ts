import { nonFiniteVector } from "../core/errors.js";
import { histogram } from "../core/histogram.js";
import type { KeptOf } from "../pass/kept.js";
import type { PassBatch } from "../pass/run.js";
import { runChunkPass } from "../pass/texts.js";
import { unpackSparse } from "../runtime/row-bytes.js";
import type { LocatedModel } from "../schema/model-types.js";
import type { Settings } from "../schema/settings-types.js";
import type { SparseVectors } from "../schema/types.js";
import { modelUse } from "../stage/models.js";
import type { StageWork } from "../stage/work.js";
import { openSparseWriter } from "../store/arrays.js";
import type { ChunkReader } from "../store/chunks.js";
import { sparseNames } from "../store/layout.js";

/** What an index of this model's vectors means: a word piece of its own tokenizer. */
export function spladeSpace(model: LocatedModel): string {
  return `word-pieces:${model.card.key}@${model.fingerprint.slice(0, 12)}`;
}

/**
 * Encodes every chunk with a SPLADE model: `log(1 + relu(logit))`, masked, maximum
 * over tokens, inside the graph (Formal et al. 2021). Values are kept as they are:
 * scaling them to length 1 would change the ranking by inner product.
 *
 * @throws RagError `non_finite` (names the chunk), and those of the pass
 */
export async function encodeSplade(
  work: StageWork,
  chunks: ChunkReader,
  model: LocatedModel,
  settings: Settings,
  kept: KeptOf,
): Promise<SparseVectors> {
  const { key } = model.card;
  const options = { stage: "sparse", normalize: false, settings, kept: kept(model, false) } as const;
  const pass = await runChunkPass(work, chunks, model, options);
  const from = performance.now();
  try {
    const { batches } = pass;
    const terms = new Uint32Array(chunks.count);
    const read = async ({ rows, frame }: PassBatch) => unpackSparse(await pass.journal.read(frame), rows.length);
    for (const batch of batches) {
      const { indptr } = await read(batch);
      batch.rows.forEach((row, r) => {
        terms[row] = (indptr[r + 1] as number) - (indptr[r] as number);
      });
    }
    const offsets = new Float64Array(chunks.count + 1);
    for (let r = 0; r < chunks.count; r++) offsets[r + 1] = (offsets[r] as number) + (terms[r] as number);

    const files = sparseNames(key);
    const out = await openSparseWriter(work.dir, files, offsets);
    try {
      for (const batch of batches) {
        const { indptr, indices, values } = await read(batch);
        for (const [r, row] of batch.rows.entries()) {
          const [a, b] = [indptr[r] as number, indptr[r + 1] as number];
          const rowValues = values.subarray(a, b);
          if (!rowValues.every(Number.isFinite)) {
            const chunk = await chunks.read(row);
            throw nonFiniteVector(key, chunk.id, row, chunk.document);
          }
          await out.write(row, indices.subarray(a, b), rowValues);
        }
      }
      await out.commit();
    } catch (error) {
      await out.abort();
      throw error;
    }
    const emptyRows = terms.filter((n) => n === 0).length;
    return {
      name: key,
      engine: "splade",
      model: modelUse(model, work.deviceKind),
      space: spladeSpace(model),
      rows: chunks.count,
      terms: offsets.at(-1) as number,
      coverage: (chunks.count - emptyRows) / chunks.count,
      emptyRows,
      truncated: pass.plan.truncated,
      lostTokens: pass.plan.lostTokens,
      reused: pass.reused,
      files,
      vocabulary: null,
      termBins: histogram(terms),
    };
  } finally {
    work.recorder.phase("save", (performance.now() - from) / 1000);
    await pass.journal.close();
  }
}
