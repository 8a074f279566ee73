import { badOption, nonFiniteVector, queriesMissing, wrongDimension, wrongRun } from "../core/errors.js";
import { histogram } from "../core/histogram.js";
import { byCall, byModel, bySession } from "../lineage/set-by.js";
import { runTextPass } from "../pass/texts.js";
import { unpackDense } from "../runtime/row-bytes.js";
import type { LocatedModel } from "../schema/model-types.js";
import type { FusedRun, Query, QueryRanking, QuerySet, RankedCandidate, RerankRun, Skipped } from "../schema/types.js";
import { contextOf, type Session } from "../stage/context.js";
import { modelUse } from "../stage/models.js";
import { skipped } from "../stage/present.js";
import { runStage } from "../stage/run.js";
import type { StageWork } from "../stage/work.js";
import { type ChunkReader, openChunkReader } from "../store/chunks.js";
import { rerankRunBytes } from "../store/estimate.js";

/** Options of {@link rerank}; what is absent comes from the session's settings. */
export interface RerankOptions {
  /** Registry key of the cross-encoder. */
  readonly model?: string;
  /** Fused candidates per query that the cross-encoder reads. */
  readonly candidates?: number;
  /** Reranked candidates kept per query. */
  readonly topK?: number;
  /** The queries, for a fused run that was re-attached from disk. */
  readonly queries?: QuerySet;
  readonly rerun?: boolean;
}

/** One query with one candidate. */
interface Pair {
  readonly query: Query;
  readonly row: number;
}

/**
 * Lets a cross-encoder read each query together with each of its fused candidates
 * and puts them in the order of its logits (float32, before any sigmoid). Passages
 * are shortened so that the query and both separators survive.
 *
 * @returns a run, or {@link Skipped} where the stage is switched off
 * @throws RagError `not_a_session`, `session_closed`, `wrong_run`, `bad_option`, `queries_missing` for a fused run from disk without its queries;
 *   of its model `unknown_model`, `wrong_role`, `unusable_model`, `no_onnx`, `no_dtype`, `dtype_not_for_device`, `model_files_missing`,
 *   `model_file_bad`, `model_file_outside`, `model_config_disagrees`, `bad_models_lock`, `bad_tokenizer`, `token_limit_too_small`;
 *   as every stage `stage_busy`, `input_missing`, `run_damaged`, `run_newer`, `array_damaged`, `disk_too_small`, `store_write_failed`, `session_ending`, `stopped`;
 *   of devices `device_not_usable`, `bad_simulation`, `device_busy`, `lease_folder_unfit`, `model_not_loaded`, `model_load_timeout`, `graph_misplaced`,
 *   `model_too_large_for_device`, `batch_too_large`, `rows_failed`, `inference_failed`, `inference_timeout`, `inference_process_died`;
 *   of what comes back `wrong_dimension`, `non_finite`
 */
export async function rerank(
  session: Session,
  fused: FusedRun,
  options: RerankOptions = {},
): Promise<RerankRun | Skipped> {
  const context = contextOf(session);
  if (fused?.kind !== "fuse") throw wrongRun("a fused run", fused, "fuse");
  const { settings, provenance } = session;
  if (!settings.enableRerank) return skipped("rerank", provenance.enableRerank.source);
  const candidates = options.candidates ?? settings.rerankCandidates;
  const topK = options.topK ?? settings.rerankTopK;
  for (const [name, value] of Object.entries({ candidates, topK })) {
    if (!Number.isInteger(value) || value < 1) throw badOption(name, value, "a whole number of at least 1 is needed");
  }
  const [model] = (await context.locate([{ key: options.model ?? settings.rerank, role: "rerank" }])) as [LocatedModel];
  const chunkId = fused.inputs.chunk as string;
  const queries = options.queries ?? fused.queries;

  return runStage(context, {
    stage: "rerank",
    version: 1,
    inputs: { fuse: fused.id, chunk: chunkId },
    settings: { candidates, topK, queryPrefix: model.card.queryPrefix },
    models: [model],
    setBy: {
      settings: {
        candidates: byCall(options.candidates, bySession(provenance, "rerankCandidates")),
        topK: byCall(options.topK, bySession(provenance, "rerankTopK")),
        queryPrefix: byModel,
      },
      models: { [model.card.key]: byCall(options.model, bySession(provenance, "rerank")) },
    },
    rerun: options.rerun ?? false,
    inMemory: { queries },
    space: () => {
      const found = fused.results.map((result) => Math.min(candidates, result.candidates.length));
      const kept = found.map((pairs) => Math.min(topK, pairs));
      return { bytes: rerankRunBytes(sum(found), sum(kept)) };
    },
    work: async (work) => {
      const pairs = pairsOf(fused, queries, candidates);
      const chunks = await openChunkReader({ dir: context.store.layout.runDir("chunk", chunkId) });
      try {
        const scored = await scorePairs(work, { chunks, model, pairs, settings });
        if (scored.truncated > 0) {
          work.note(
            "truncated",
            `${model.card.key} read ${scored.truncated} passages shortened to its limit; ${scored.lostTokens} tokens were left out.`,
            scored.truncated,
          );
        }
        return {
          model: modelUse(model, work.deviceKind),
          results: rank(fused, candidates, topK, scored.logits),
          queries: null,
          pairs: pairs.length,
          truncated: scored.truncated,
          lostTokens: scored.lostTokens,
          logitBins: histogram(scored.logits),
        };
      } finally {
        await chunks.close();
      }
    },
  });
}

function sum(values: readonly number[]): number {
  return values.reduce((a, b) => a + b, 0);
}

/** All pairs, query by query, in the fused order. */
function pairsOf(fused: FusedRun, queries: QuerySet | null, candidates: number): Pair[] {
  const byId = new Map(queries?.queries.map((query) => [query.id, query]));
  const missing = fused.results.filter((result) => !byId.has(result.queryId)).length;
  if (missing > 0) throw queriesMissing(fused.id, missing, fused.results.length);
  return fused.results.flatMap((result) =>
    result.candidates.slice(0, candidates).map(({ row }) => ({ query: byId.get(result.queryId) as Query, row })),
  );
}

interface ScoreInput {
  readonly chunks: ChunkReader;
  readonly model: LocatedModel;
  readonly pairs: readonly Pair[];
  readonly settings: Session["settings"];
}

async function scorePairs(work: StageWork, { chunks, model, pairs, settings }: ScoreInput) {
  const { key, queryPrefix, documentPrefix } = model.card;
  const read = async ({ query, row }: Pair) => ({ query: query.text, passage: (await chunks.read(row)).text });
  const pass = await runTextPass(work, {
    stage: "rerank",
    model,
    normalize: false,
    count: pairs.length,
    items: (async function* () {
      for (const pair of pairs) yield await read(pair);
    })(),
    item: (i) => read(pairs[i] as Pair),
    nameOf: async (i) => {
      const { query, row } = pairs[i] as Pair;
      return `${query.id} with ${(await chunks.read(row)).id}`;
    },
    encode: (tokenizer, { query, passage }) =>
      tokenizer.encodePair(queryPrefix + query, documentPrefix + passage, model.maxTokens),
    settings,
    maxRows: settings.rerankBatchCap,
    unit: "pairs",
  });
  try {
    const logits = new Float32Array(pairs.length);
    for (const { rows, frame } of pass.batches) {
      const data = unpackDense(await pass.journal.read(frame));
      if (data.length !== rows.length) throw wrongDimension(key, 1, data.length / rows.length);
      for (const [r, pair] of rows.entries()) {
        const logit = data[r] as number;
        if (!Number.isFinite(logit)) {
          const { row } = pairs[pair] as Pair;
          const chunk = await chunks.read(row);
          throw nonFiniteVector(key, chunk.id, row, chunk.document);
        }
        logits[pair] = logit;
      }
    }
    return { logits, truncated: pass.plan.truncated, lostTokens: pass.plan.lostTokens };
  } finally {
    await pass.journal.close();
  }
}

/** Puts each query's candidates in the order of their logits; equal logits keep the fused order. */
function rank(fused: FusedRun, candidates: number, topK: number, logits: Float32Array): QueryRanking[] {
  let at = 0;
  return fused.results.map(({ queryId, queryLength, source, candidates: all }) => {
    const ranked: RankedCandidate[] = all
      .slice(0, candidates)
      .map((candidate, i) => ({ ...candidate, before: i + 1, logit: logits[at++] as number }));
    ranked.sort((a, b) => b.logit - a.logit || a.before - b.before);
    return { queryId, queryLength, source, candidates: ranked.slice(0, topK) };
  });
}
