import { join } from "node:path";
import { CPU_TOKEN_BUDGET } from "../core/batches.js";
import { badDimension, badOption, dimensionsDiffer, emptyCorpus, wrongRun } from "../core/errors.js";
import { histogram } from "../core/histogram.js";
import { allBy, byCall, bySession } from "../lineage/set-by.js";
import { noteReuse, withKept } from "../pass/kept.js";
import type { LocatedModel } from "../schema/model-types.js";
import type { Settings } from "../schema/settings-types.js";
import type { Bin, ChunkRun, DenseRun, DenseVectors } from "../schema/types.js";
import { contextOf, type Session } from "../stage/context.js";
import { modelKeys } from "../stage/models.js";
import { runStage } from "../stage/run.js";
import type { StageWork } from "../stage/work.js";
import { type MatrixReader, openMatrix, openRowWriter } from "../store/arrays.js";
import { openChunkReader } from "../store/chunks.js";
import { cacheBytes, denseRunBytes } from "../store/estimate.js";
import { vectorsName } from "../store/layout.js";
import { encodeChunks } from "./encode.js";
import { type EnsemblePlan, fuseRows, planEnsemble } from "./ensemble.js";
import { nearestCosines } from "./nearest.js";

/** Options of {@link runDense}; what is absent comes from the session's settings. */
export interface DenseOptions {
  /** Registry keys; the first is primary where there is one model only. */
  readonly models?: readonly string[];
  readonly weights?: Readonly<Record<string, number>>;
  readonly fusion?: Settings["denseFusion"];
  /** Matryoshka dimension to cut to. */
  readonly dim?: number;
  readonly rerun?: boolean;
}

const FUSED = "fused";
const BLOCK_ROWS = 4096;

/**
 * Embeds every chunk with one or several dense models, one after another, each
 * alone in a process of its own. Each model's vectors are kept; with several
 * models the fused ones stand beside them. All vectors have length 1.
 *
 * @throws RagError `not_a_session`, `session_closed`, `wrong_run`, `empty_corpus`, `bad_option`, `bad_dimension`, `dimensions_differ`;
 *   of its models `unknown_model`, `wrong_role`, `unusable_model`, `no_onnx`, `no_dtype`, `dtype_not_for_device`, `model_files_missing`,
 *   `model_file_bad`, `model_file_outside`, `model_config_disagrees`, `bad_models_lock`, `bad_tokenizer`, `token_limit_too_small`;
 *   as every stage `stage_busy`, `input_missing`, `run_damaged`, `run_newer`, `array_damaged`, `disk_too_small`, `store_write_failed`, `session_ending`, `stopped`;
 *   of devices `device_not_usable`, `bad_simulation`, `device_busy`, `lease_folder_unfit`, `model_not_loaded`, `model_load_timeout`, `graph_misplaced`,
 *   `model_too_large_for_device`, `batch_too_large`, `rows_failed`, `inference_failed`, `inference_timeout`, `inference_process_died`;
 *   of what comes back `wrong_dimension`, `non_finite`
 */
export async function runDense(session: Session, chunks: ChunkRun, options: DenseOptions = {}): Promise<DenseRun> {
  const context = contextOf(session);
  if (chunks?.kind !== "chunk") throw wrongRun("a chunk run", chunks, "chunk");
  if (chunks.count === 0) throw emptyCorpus(chunks.id);
  const { settings, provenance } = session;
  const keys = modelKeys(context, options.models ?? settings.dense, "dense");
  const models = await context.locate(keys.map((key) => ({ key, role: "dense" as const })));
  const weights = checkedWeights(options.weights, keys) ?? settings.denseWeights;
  const cut = options.dim ?? settings.dim;
  const parts = models.map((model) => ({
    name: model.card.key,
    dim: dimOf(model, cut),
    weight: weights[model.card.key] ?? 1,
  }));
  const fusion = options.fusion ?? settings.denseFusion;
  const plan = parts.length > 1 ? planEnsemble(parts, fusion) : null;
  if (parts.length > 1 && !plan) throw dimensionsDiffer(parts);

  return runStage(context, {
    stage: "dense",
    version: 1,
    inputs: { chunk: chunks.id },
    settings: {
      dim: cut,
      weights: plan ? plan.parts.map((part) => part.weight) : null,
      fusion: plan?.method ?? "none",
    },
    models,
    setBy: {
      settings: {
        dim: byCall(options.dim, bySession(provenance, "dim")),
        weights: byCall(options.weights, bySession(provenance, "denseWeights")),
        fusion: byCall(options.fusion, bySession(provenance, "denseFusion")),
      },
      models: allBy(keys, byCall(options.models, bySession(provenance, "dense"))),
    },
    rerun: options.rerun ?? false,
    space: () => ({ bytes: bytesOf(chunks, settings, models, parts, plan) }),
    work: async (work) => {
      const reader = await openChunkReader(chunks);
      try {
        const vectors: DenseVectors[] = [];
        await withKept(work, session, options.rerun ?? false, async (kept) => {
          for (const [i, model] of models.entries()) {
            const dim = parts[i]?.dim as number;
            vectors.push(await encodeChunks(work, { chunks: reader, model, dim, settings, kept }));
          }
        });
        for (const { name, truncated, lostTokens, reused, rows } of vectors) {
          noteReuse(work, name, reused, rows);
          if (truncated > 0)
            work.note(
              "truncated",
              `${name} cut ${truncated} chunks to its limit and lost ${lostTokens} tokens.`,
              truncated,
            );
        }
        if (plan) vectors.push(await work.recorder.timed("fuse", () => fuseVectors(work, vectors, plan)));
        if (plan?.method === "mean") {
          work.note(
            "mean_of_spaces",
            "The fused vectors are a mean over models with unrelated vector spaces; concatenation keeps their cosines.",
          );
        }
        const primary = vectors.at(-1) as DenseVectors;
        const method: DenseRun["fusion"]["method"] = plan?.method ?? "none";
        return {
          count: reader.count,
          vectors,
          primary: primary.name,
          fusion: { method, weights: Object.fromEntries((plan?.parts ?? parts).map((p) => [p.name, p.weight])) },
          nearestBins: await work.recorder.timed("neighbours", () => nearestBins(work, primary)),
        };
      } finally {
        await reader.close();
      }
    },
  });
}

/** Weights given in the call name models of the call; those of the settings may name more. */
function checkedWeights(weights: DenseOptions["weights"], keys: readonly string[]): DenseOptions["weights"] {
  for (const [key, weight] of Object.entries(weights ?? {})) {
    if (!keys.includes(key)) throw badOption("weights", weights, `${key} is none of the models ${keys.join(", ")}`);
    if (!(Number.isFinite(weight) && weight > 0)) throw badOption("weights", weights, "a weight is a number above 0");
  }
  return weights;
}

/** What the run will take on the disk, at most. */
function bytesOf(
  { count, tokens }: ChunkRun,
  settings: Settings,
  models: readonly LocatedModel[],
  parts: readonly { readonly dim: number }[],
  plan: EnsemblePlan | null,
): number {
  const kept = models.map(({ card }, i) => ({ dim: card.dim, kept: parts[i]?.dim as number }));
  const tokenBudget = settings.tokenBudget ?? CPU_TOKEN_BUDGET;
  const cached = cacheBytes(
    count,
    models.map(({ card }) => 4 * card.dim),
    settings,
  );
  return denseRunBytes({ rows: count, tokens, tokenBudget }, kept, plan?.dim ?? 0) + cached;
}

function dimOf(model: LocatedModel, cut: number | null): number {
  const { key, dim, matryoshka } = model.card;
  if (cut === null || cut === dim) return dim;
  if (!matryoshka.includes(cut)) throw badDimension(key, cut, [dim, ...matryoshka]);
  return cut;
}

/** Fuses block by block, so that memory does not grow with the corpus. */
async function fuseVectors(
  work: StageWork,
  vectors: readonly DenseVectors[],
  plan: EnsemblePlan,
): Promise<DenseVectors> {
  const rows = vectors[0]?.rows ?? 0;
  const file = vectorsName(FUSED);
  const sources: MatrixReader[] = [];
  try {
    for (const source of vectors) sources.push(await openMatrix(work.dir, source));
    const out = await openRowWriter(join(work.dir, file), rows, plan.dim);
    try {
      for (let from = 0; from < rows; from += BLOCK_ROWS) {
        work.signal.throwIfAborted();
        const to = Math.min(rows, from + BLOCK_ROWS);
        const blocks = await Promise.all(sources.map((source) => source.rows(from, to)));
        await out.write(from, fuseRows(blocks, plan).data);
      }
      await out.commit();
    } catch (error) {
      await out.abort();
      throw error;
    }
  } finally {
    for (const source of sources) await source.close();
  }
  const total = (pick: (v: DenseVectors) => number) => vectors.reduce((sum, v) => sum + pick(v), 0);
  return {
    name: FUSED,
    model: null,
    file,
    rows,
    dim: plan.dim,
    matryoshka: [],
    truncated: total((v) => v.truncated),
    lostTokens: total((v) => v.lostTokens),
    tokens: total((v) => v.tokens),
    paddedTokens: total((v) => v.paddedTokens),
    reused: 0,
  };
}

async function nearestBins(work: StageWork, primary: DenseVectors): Promise<Bin[]> {
  const source = await openMatrix(work.dir, primary);
  try {
    return histogram(await nearestCosines(source, work.signal));
  } finally {
    await source.close();
  }
}
