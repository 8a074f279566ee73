import { modelChanged } from "../core/errors.js";
import { type Matrix, rowOf } from "../core/matrix.js";
import { runQueryPass } from "../pass/texts.js";
import { unpackDense } from "../runtime/row-bytes.js";
import type { LocatedModel } from "../schema/model-types.js";
import type { DenseRun, Query } from "../schema/types.js";
import type { SessionContext } from "../stage/context.js";
import type { StageWork } from "../stage/work.js";
import { fuseRows, planEnsemble } from "./ensemble.js";
import { shorten } from "./shorten.js";

/**
 * Embeds queries as a dense run embedded its chunks: the same models, by their
 * fingerprints, each with its query prefix, the same cut, the same fusion.
 *
 * @returns float32 `[queries, dim of the run's primary vectors]`, rows of length 1
 * @throws RagError `model_changed` when a model's files are no longer those of the run
 */
export async function embedQueries(
  work: StageWork,
  context: SessionContext,
  run: DenseRun,
  queries: readonly Query[],
): Promise<Matrix> {
  const parts = run.vectors.filter((vectors) => vectors.model !== null);
  const models = await context.locate(parts.map((part) => ({ key: part.name, role: "dense" as const })));
  const blocks: Matrix[] = [];
  for (const [i, model] of models.entries()) {
    const part = parts[i] as (typeof parts)[number];
    if (part.model?.fingerprint !== model.fingerprint || part.model.pooling !== model.card.pooling)
      throw modelChanged(part.name, run.id);
    blocks.push(await embed(work, context, model, part.dim, queries));
  }
  if (run.fusion.method === "none") return blocks[0] as Matrix;
  const weighted = parts.map(({ name, dim }) => ({ name, dim, weight: run.fusion.weights[name] ?? 1 }));
  const plan = planEnsemble(weighted, run.fusion.method);
  return fuseRows(blocks, plan as NonNullable<typeof plan>);
}

async function embed(
  work: StageWork,
  context: SessionContext,
  model: LocatedModel,
  dim: number,
  queries: readonly Query[],
): Promise<Matrix> {
  const { settings } = context.session;
  const pass = await runQueryPass(work, model, queries, { normalize: true, settings });
  try {
    const out: Matrix = { data: new Float32Array(queries.length * dim), rows: queries.length, dim };
    for (const { rows, frame } of pass.batches) {
      const kept = shorten(unpackDense(await pass.journal.read(frame)), model.card.dim, dim);
      rows.forEach((row, r) => {
        rowOf(out, row).set(kept.subarray(r * dim, (r + 1) * dim));
      });
    }
    return out;
  } finally {
    await pass.journal.close();
  }
}
