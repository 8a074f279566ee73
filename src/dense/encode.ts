import { join } from "node:path";
import { nonFiniteVector, wrongDimension } from "../core/errors.js";
import type { KeptOf } from "../pass/kept.js";
import type { Pass } from "../pass/run.js";
import { runChunkPass } from "../pass/texts.js";
import { unpackDense } from "../runtime/row-bytes.js";
import type { LocatedModel } from "../schema/model-types.js";
import type { Settings } from "../schema/settings-types.js";
import type { DenseVectors } from "../schema/types.js";
import { modelUse } from "../stage/models.js";
import type { StageWork } from "../stage/work.js";
import { openRowWriter } from "../store/arrays.js";
import type { ChunkReader } from "../store/chunks.js";
import { vectorsName } from "../store/layout.js";
import { shorten } from "./shorten.js";

/** What a dense pass over a corpus is given. */
export interface DensePass {
  readonly chunks: ChunkReader;
  readonly model: LocatedModel;
  /** Dimension to keep, at most the model's own. */
  readonly dim: number;
  readonly settings: Settings;
  readonly kept: KeptOf;
}

/**
 * Embeds every chunk with one model: pooled and scaled to length 1 inside the
 * graph, journaled batch by batch, then written in row order as `.npy`.
 *
 * @throws RagError `non_finite` (names the chunk), `wrong_dimension`, and those of the pass
 */
export async function encodeChunks(work: StageWork, input: DensePass): Promise<DenseVectors> {
  const { chunks, model, settings, dim } = input;
  const options = { stage: "dense", normalize: true, settings, kept: input.kept(model, true) } as const;
  const pass = await runChunkPass(work, chunks, model, options);
  try {
    const file = vectorsName(model.card.key);
    await work.recorder.timed("save", () => writeRows(join(work.dir, file), pass, input));
    return {
      name: model.card.key,
      model: modelUse(model, work.deviceKind),
      file,
      rows: chunks.count,
      dim,
      matryoshka: model.card.matryoshka.filter((d) => d < dim),
      truncated: pass.plan.truncated,
      lostTokens: pass.plan.lostTokens,
      tokens: pass.tokens,
      paddedTokens: pass.paddedTokens,
      reused: pass.reused,
    };
  } finally {
    await pass.journal.close();
  }
}

async function writeRows(path: string, pass: Pass, { chunks, model, dim }: DensePass): Promise<void> {
  const { key, dim: modelDim } = model.card;
  const out = await openRowWriter(path, chunks.count, dim);
  try {
    for (const { rows, frame } of pass.batches) {
      const data = unpackDense(await pass.journal.read(frame));
      if (data.length !== rows.length * modelDim) throw wrongDimension(key, modelDim, data.length / rows.length);
      const kept = shorten(data, modelDim, dim);
      for (let r = 0; r < rows.length; r++) {
        const vector = kept.subarray(r * dim, (r + 1) * dim);
        const row = rows[r] as number;
        if (!vector.every(Number.isFinite)) {
          const chunk = await chunks.read(row);
          throw nonFiniteVector(key, chunk.id, row, chunk.document);
        }
        await out.write(row, vector);
      }
    }
    await out.commit();
  } catch (error) {
    await out.abort();
    throw error;
  }
}
