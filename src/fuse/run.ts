import {
  badFusionSetting,
  badOption,
  foreignRun,
  nothingToFuse,
  sameStageTwice,
  unknownVectors,
  wrongRun,
} from "../core/errors.js";
import { byCall, byDefault, byModel } from "../lineage/set-by.js";
import type { Candidate, DenseRun, FusedRun, QueryCandidates, QuerySet, Skipped, SparseRun } from "../schema/types.js";
import { contextOf, type Session, type SessionContext } from "../stage/context.js";
import { runStage } from "../stage/run.js";
import type { StageWork } from "../stage/work.js";
import { type ChunkReader, openChunkReader } from "../store/chunks.js";
import { fuseRunBytes, SPLADE_TERMS } from "../store/estimate.js";
import { RRF_K, reciprocalRankFusion } from "./rrf.js";
import { type RankedSource, rankDense, rankSparse } from "./sources.js";
import { weightedFusion } from "./weighted.js";

/** Options of {@link fuse}. */
export interface FuseOptions {
  /** Candidates kept of each source, and of the fused list. */
  readonly depth?: number;
  /** `rrf`: reciprocal rank fusion. `minmax`: weighted sum of scores scaled to 0..1 a list. */
  readonly method?: "rrf" | "minmax";
  /** The constant of reciprocal rank fusion. */
  readonly k?: number;
  /** Weight of each source by name for `minmax`, such as `{ "sparse:bm25": 0.5 }`; 1 where absent. */
  readonly weights?: Readonly<Record<string, number>>;
  /** Engines of the sparse run to use, by name; its primary one by default. */
  readonly sparse?: readonly string[];
  readonly rerun?: boolean;
}

const TOP = 10;

/**
 * Finds candidates for every query in the dense and the sparse vectors and fuses
 * their ranks. One source alone works. Queries' texts stay in memory: what is
 * stored carries their hash and length.
 *
 * @param runs what `runDense` and `runSparse` returned; a skipped stage adds nothing
 * @throws RagError `not_a_session`, `session_closed`, `wrong_run`, `bad_option`, `bad_fusion_setting`, `nothing_to_fuse`, `same_stage_twice`, `unknown_vectors`,
 *   `foreign_run` when the runs are of different chunks;
 *   of the models that read queries `model_changed`, `unknown_model`, `wrong_role`, `unusable_model`, `no_onnx`, `no_dtype`, `dtype_not_for_device`, `model_files_missing`,
 *   `model_file_bad`, `model_file_outside`, `model_config_disagrees`, `bad_models_lock`, `bad_tokenizer`, `token_limit_too_small`;
 *   as every stage `stage_busy`, `input_missing`, `run_damaged`, `run_newer`, `array_damaged`, `disk_too_small`, `store_write_failed`, `session_ending`, `stopped`;
 *   of devices `device_not_usable`, `bad_simulation`, `device_busy`, `lease_folder_unfit`, `model_not_loaded`, `model_load_timeout`, `graph_misplaced`,
 *   `model_too_large_for_device`, `batch_too_large`, `rows_failed`, `inference_failed`, `inference_timeout`, `inference_process_died`;
 *   of vectors `non_finite_score`
 */
export async function fuse(
  session: Session,
  queries: QuerySet,
  runs: readonly (DenseRun | SparseRun | Skipped)[],
  options: FuseOptions = {},
): Promise<FusedRun> {
  const context = contextOf(session);
  if (queries?.kind !== "queries") throw wrongRun("queries", queries, "queries");
  if (!Array.isArray(runs)) throw wrongRun("an array of dense and sparse runs", runs, "runDense or runSparse");
  const { depth = 100, method = "rrf", k = RRF_K, weights = {} } = options;
  for (const [name, value] of Object.entries({ depth, k })) {
    if (!Number.isInteger(value) || value < 1) throw badOption(name, value, "a whole number of at least 1 is needed");
  }
  if (method === "rrf" && Object.keys(weights).length > 0)
    throw badFusionSetting("weights", weights, 'count for method "minmax" only');
  const { dense, sparse, chunkId } = sortOut(runs);
  const engines = sparse ? (options.sparse ?? [sparse.primary]) : [];
  const names = [...(dense ? [`dense:${dense.primary}`] : []), ...engines.map((engine) => `sparse:${engine}`)];
  const unknown = Object.keys(weights).find((name) => !names.includes(name));
  if (unknown !== undefined) throw unknownVectors(unknown, names);
  for (const engine of engines)
    if (!sparse?.vectors.some(({ name }) => name === engine))
      throw unknownVectors(engine, sparse?.vectors.map(({ name }) => name) ?? []);
  if (names.length === 0) throw nothingToFuse();

  return runStage(context, {
    stage: "fuse",
    version: 1,
    inputs: {
      chunk: chunkId,
      ...(dense && { dense: dense.id }),
      ...(sparse && { sparse: sparse.id }),
      queries: queries.id,
    },
    settings: { depth, method, k, weights, engines, queryPrefixes: prefixesOf(context, dense, engines) },
    models: [],
    setBy: {
      settings: {
        depth: byCall(options.depth, byDefault),
        method: byCall(options.method, byDefault),
        k: byCall(options.k, byDefault),
        weights: byCall(options.weights, byDefault),
        engines: byCall(options.sparse, byDefault),
        queryPrefixes: byModel,
      },
      models: {},
    },
    rerun: options.rerun ?? false,
    inMemory: { queries },
    space: () => ({ bytes: fuseRunBytes(queries.queries.length, depth, numbersOf(dense, engines.length)) }),
    work: async (work) => {
      for (const { code, message, count } of queries.notes) work.note(code, message, count);
      const sources: RankedSource[] = [];
      if (dense) sources.push(await rankDense(work, context, dense, queries, depth));
      for (const engine of engines)
        sources.push(await rankSparse(work, context, sparse as SparseRun, engine, queries, depth));
      const chunks = await openChunkReader({ dir: context.store.layout.runDir("chunk", chunkId) });
      try {
        return await fuseSources(work, { sources, queries, chunks, depth, method, k, weights });
      } finally {
        await chunks.close();
      }
    },
  });
}

/** What each model puts before a query: the one thing about a model that only this stage uses. */
function prefixesOf({ card }: SessionContext, dense: DenseRun | null, engines: readonly string[]) {
  const embedders = (dense?.vectors ?? []).flatMap(({ model }) => (model ? [card(model.key, "dense")] : []));
  const splade = engines.filter((engine) => engine !== "bm25").map((engine) => card(engine, "sparse"));
  return Object.fromEntries([...embedders, ...splade].map(({ key, queryPrefix }) => [key, queryPrefix]));
}

/** Numbers that the models give for one query, at most. */
function numbersOf(dense: DenseRun | null, engines: number): number {
  return engines * SPLADE_TERMS + (dense?.vectors.reduce((sum, { dim }) => sum + dim, 0) ?? 0);
}

/** At most one run of each stage, all of the same chunks. */
function sortOut(runs: readonly (DenseRun | SparseRun | Skipped)[]) {
  let dense: DenseRun | null = null;
  let sparse: SparseRun | null = null;
  for (const run of runs) {
    if (run?.kind === "dense") {
      if (dense) throw sameStageTwice("dense", dense.id, run.id);
      dense = run;
    } else if (run?.kind === "sparse") {
      if (sparse) throw sameStageTwice("sparse", sparse.id, run.id);
      sparse = run;
    } else if (run?.kind !== "skipped") {
      throw wrongRun("a dense or a sparse run", run, "runDense or runSparse");
    }
  }
  const first = dense ?? sparse;
  if (!first) throw nothingToFuse();
  const chunkId = first.inputs.chunk as string;
  if (dense && sparse && sparse.inputs.chunk !== chunkId) {
    throw foreignRun(
      "sparse run",
      sparse.id,
      `chunk run ${sparse.inputs.chunk}`,
      `the chunk run behind dense run ${dense.id}`,
      chunkId,
    );
  }
  return { dense, sparse, chunkId };
}

interface FuseInput {
  readonly sources: readonly RankedSource[];
  readonly queries: QuerySet;
  readonly chunks: ChunkReader;
  readonly depth: number;
  readonly method: "rrf" | "minmax";
  readonly k: number;
  readonly weights: Readonly<Record<string, number>>;
}

async function fuseSources(work: StageWork, input: FuseInput) {
  const { sources, queries, chunks, depth, method, k } = input;
  const weights = sources.map((source) => input.weights[source.name] ?? 1);
  const results: QueryCandidates[] = [];
  const shared: Record<string, number> = Object.fromEntries(sources.map((source) => [source.name, 0]));
  let kept = 0;
  for (const [q, query] of queries.queries.entries()) {
    work.signal.throwIfAborted();
    const lists = sources.map(({ name, lists }) => ({ source: name, ranked: lists[q] ?? [] }));
    const fused = (method === "rrf" ? reciprocalRankFusion(lists, k) : weightedFusion(lists, weights)).slice(0, depth);
    const candidates: Candidate[] = [];
    for (const { row, score, ranks } of fused) {
      const chunk = await chunks.read(row);
      candidates.push({
        row,
        chunkId: chunk.id,
        document: chunk.document,
        section: chunk.sectionPath.join(" > "),
        score,
        ranks,
      });
    }
    for (const { ranks } of candidates.slice(0, TOP)) {
      kept++;
      for (const [name, rank] of Object.entries(ranks)) if (rank <= TOP) shared[name] = (shared[name] ?? 0) + 1;
    }
    if (candidates.length === 0)
      work.note("no_candidates", `Query ${query.id} found nothing: no engine knows any of its words.`, 1);
    results.push({ queryId: query.id, queryLength: query.text.length, source: query.source, candidates });
  }
  return {
    method: sources.length === 1 ? ("single" as const) : method,
    sources: sources.map((source) => source.name),
    results,
    queries: null,
    overlap: Object.fromEntries(Object.entries(shared).map(([name, hits]) => [name, kept === 0 ? 0 : hits / kept])),
  };
}
