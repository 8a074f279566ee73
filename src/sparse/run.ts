import { CPU_TOKEN_BUDGET } from "../core/batches.js";
import { emptyCorpus, wrongRun } from "../core/errors.js";
import { allBy, byCall, byDefault, bySession } from "../lineage/set-by.js";
import { noteReuse, withKept } from "../pass/kept.js";
import type { LocatedModel } from "../schema/model-types.js";
import type { ChunkRun, Skipped, SparseRun, SparseVectors } from "../schema/types.js";
import { contextOf, type Session } from "../stage/context.js";
import { modelKeys } from "../stage/models.js";
import { skipped } from "../stage/present.js";
import { runStage } from "../stage/run.js";
import { openChunkReader } from "../store/chunks.js";
import { cacheBytes, SPLADE_TERMS, sparseRunBytes } from "../store/estimate.js";
import { type Bm25Options, bm25Settings } from "./bm25.js";
import { BM25, encodeBm25 } from "./bm25-run.js";
import { encodeSplade } from "./splade.js";

/** Options of {@link runSparse}; what is absent comes from the session's settings. */
export interface SparseOptions {
  /** Registry keys of SPLADE models, or `bm25`; the first is primary. */
  readonly models?: readonly string[];
  readonly bm25?: Bm25Options;
  readonly rerun?: boolean;
}

/**
 * Encodes every chunk with one or several sparse engines, one after another. Each
 * has an index space of its own; two spaces can't be mixed.
 *
 * @returns a run, or {@link Skipped} where the stage is switched off
 * @throws RagError `not_a_session`, `session_closed`, `wrong_run`, `empty_corpus`, `bad_option`, `bad_bm25_setting`;
 *   of its models `unknown_model`, `wrong_role`, `unusable_model`, `no_onnx`, `no_dtype`, `dtype_not_for_device`, `model_files_missing`,
 *   `model_file_bad`, `model_file_outside`, `model_config_disagrees`, `bad_models_lock`, `bad_tokenizer`, `token_limit_too_small`;
 *   as every stage `stage_busy`, `input_missing`, `run_damaged`, `run_newer`, `array_damaged`, `disk_too_small`, `store_write_failed`, `session_ending`, `stopped`;
 *   of devices `device_not_usable`, `bad_simulation`, `device_busy`, `lease_folder_unfit`, `model_not_loaded`, `model_load_timeout`, `graph_misplaced`,
 *   `model_too_large_for_device`, `batch_too_large`, `rows_failed`, `inference_failed`, `inference_timeout`, `inference_process_died`;
 *   of what comes back `non_finite`
 */
export async function runSparse(
  session: Session,
  chunks: ChunkRun,
  options: SparseOptions = {},
): Promise<SparseRun | Skipped> {
  const context = contextOf(session);
  if (chunks?.kind !== "chunk") throw wrongRun("a chunk run", chunks, "chunk");
  const { settings, provenance } = session;
  if (!settings.enableSparse) return skipped("sparse", provenance.enableSparse.source);
  if (chunks.count === 0) throw emptyCorpus(chunks.id);
  const keys = modelKeys(context, options.models ?? settings.sparse, "sparse", [BM25]);
  const models = await context.locate(
    keys.filter((key) => key !== BM25).map((key) => ({ key, role: "sparse" as const })),
  );
  const bm25 = keys.includes(BM25) ? bm25Settings(options.bm25) : null;

  const named = byCall(options.models, bySession(provenance, "sparse"));
  return runStage(context, {
    stage: "sparse",
    version: 1,
    inputs: { chunk: chunks.id },
    settings: { engines: keys, bm25 },
    models,
    setBy: {
      settings: { engines: named, bm25: byCall(options.bm25, byDefault) },
      models: allBy(
        models.map(({ card }) => card.key),
        named,
      ),
    },
    rerun: options.rerun ?? false,
    space: () => {
      const { count, tokens } = chunks;
      const size = { rows: count, tokens, tokenBudget: settings.tokenBudget ?? CPU_TOKEN_BUDGET };
      const cached = cacheBytes(
        count,
        models.map(() => 8 * SPLADE_TERMS),
        settings,
      );
      return { bytes: sparseRunBytes(size, models.length, bm25 !== null) + cached };
    },
    work: async (work) => {
      const reader = await openChunkReader(chunks);
      try {
        const vectors: SparseVectors[] = [];
        await withKept(work, session, options.rerun ?? false, async (kept) => {
          for (const key of keys) {
            const model = models.find((candidate) => candidate.card.key === key) as LocatedModel;
            const made =
              key === BM25
                ? await encodeBm25(work, reader, bm25 ?? {})
                : await encodeSplade(work, reader, model, settings, kept);
            vectors.push(made);
          }
        });
        for (const made of vectors) {
          const { name: key } = made;
          noteReuse(work, key, made.reused, made.rows);
          if (made.truncated > 0)
            work.note(
              "truncated",
              `${key} cut ${made.truncated} chunks to its limit and lost ${made.lostTokens} tokens.`,
              made.truncated,
            );
          if (made.emptyRows > 0)
            work.note(
              "empty_vectors",
              `${key} has no term for ${made.emptyRows} chunks; it can't find them.`,
              made.emptyRows,
            );
        }
        return { count: reader.count, vectors, primary: vectors[0]?.name as string };
      } finally {
        await reader.close();
      }
    },
  });
}
