import { badOption, documentChanged } from "../core/errors.js";
import { contentId } from "../core/hash.js";
import { histogram } from "../core/histogram.js";
import { stampOf } from "../lineage/documents.js";
import { byCall, byDefault, byModel, modelsSetBy } from "../lineage/set-by.js";
import { tokenizerOf } from "../pass/texts.js";
import type { LocatedModel } from "../schema/model-types.js";
import type { SourceDocument } from "../schema/sources-file.js";
import type { ChunkRun, ContentType, DocumentRecord } from "../schema/types.js";
import { contextOf, type Session, type SessionContext } from "../stage/context.js";
import { modelUse } from "../stage/models.js";
import { runStage } from "../stage/run.js";
import type { StageWork } from "../stage/work.js";
import { openChunkWriter } from "../store/chunks.js";
import { chunkRunBytes } from "../store/estimate.js";
import { chunkDocuments } from "./documents.js";
import { type FoundDocument, findDocuments } from "./find.js";
import { countHeadings } from "./heading-count.js";
import { resolveSplitOptions, type SplitOptions, strictestLimit, type TokenLimit } from "./meter.js";
import { readDocument } from "./read.js";

/** Options of {@link chunk}. */
export interface ChunkOptions {
  /** Glob patterns, relative to the working directory or absolute; one that begins with `!` excludes. */
  readonly files: string | readonly string[];
  /** Longest chunk in tokens, special tokens included: at most the limit of the session's strictest model, which is the default. */
  readonly maxTokens?: number;
  /** Tokens that a chunk of several blocks is filled up to; 256 by default, or `maxTokens` where that is less. */
  readonly targetTokens?: number;
  /** Tokens that a chunk repeats from the one before it in its section; none by default. */
  readonly overlapTokens?: number;
  /** Longest run of characters without a place to break at, in UTF-16 code units; 20,000 by default. */
  readonly maxWordLength?: number;
  readonly rerun?: boolean;
}

const LARGEST = 30;
/** Special tokens, and room for a few words. */
const LEAST_TOKENS = 16;

/**
 * Cuts Markdown and plain text into chunks, by headings and then by tokens,
 * counted by the tokenizers of the session's dense and sparse models. Every
 * character is in exactly one chunk's own span or counted as blank, and every
 * chunk is an exact slice of its document.
 *
 * @throws RagError `not_a_session`, `session_closed`, `no_documents`, `folder_missing`, `unsupported_documents`, `not_utf8`, `binary_document`,
 *   `word_too_long`, `document_too_large`, `document_changed`, `bad_pattern`, `documents_outside`, `bad_option`, `bad_chunk_option`,
 *   `bad_token_count`, `bad_token_limit`, `cannot_split`, `chunks_disagree`;
 *   of the model whose tokenizer counts `unknown_model`, `wrong_role`, `unusable_model`, `no_onnx`, `no_dtype`, `dtype_not_for_device`, `model_files_missing`,
 *   `model_file_bad`, `model_file_outside`, `model_config_disagrees`, `bad_models_lock`, `bad_tokenizer`, `bad_simulation`;
 *   as every stage `stage_busy`, `run_damaged`, `run_newer`, `disk_too_small`, `store_write_failed`, `session_ending`, `stopped`.
 *   Nothing of the run is stored then
 */
export async function chunk(session: Session, options: ChunkOptions): Promise<ChunkRun> {
  const began = performance.now();
  const context = contextOf(session);
  const base = process.cwd();
  const files = await findDocuments(options.files, base);
  const models = await chunkedFor(context);
  const limits = await limitsOf(models, options.maxTokens);
  const split = resolveSplitOptions(limits, options);
  const documents: SourceDocument[] = [];
  const size = { documents: files.length, bytes: 0, names: 0, headings: 0 };
  for (const found of files) {
    const { source, bytes, sha256, file } = await readDocument(found);
    documents.push({ ...stampOf(file, Date.now()), document: found.document, sha256, bytes });
    size.bytes += bytes;
    size.names += found.document.length;
    size.headings += countHeadings(source);
  }
  const hashes = documents.map(({ document, sha256 }): [string, string] => [document, sha256]);

  return runStage(context, {
    stage: "chunk",
    version: 1,
    inputs: { corpus: contentId("corpus", hashes) },
    settings: { ...split, maxTokens: limits.map(({ max }) => max) },
    models,
    setBy: {
      settings: {
        maxTokens: byCall(options.maxTokens, byModel),
        targetTokens: byCall(options.targetTokens, byDefault),
        overlapTokens: byCall(options.overlapTokens, byDefault),
        maxWordLength: byCall(options.maxWordLength, byDefault),
      },
      models: modelsSetBy(session.provenance, models),
    },
    rerun: options.rerun ?? false,
    sources: { base, patterns: [options.files].flat(), documents },
    began,
    space: () => ({ bytes: chunkRunBytes({ ...size, ...split }) }),
    work: async (work) => ({
      ...(await chunkAll(work, files, new Map(hashes), limits, split)),
      models: models.map((model) => modelUse(model, work.deviceKind)),
    }),
  });
}

/** The models whose limits chunks must keep: those that read a chunk whole. A cross-encoder's passages are shortened. */
async function chunkedFor({ session, locate }: SessionContext): Promise<readonly LocatedModel[]> {
  const { dense, sparse, enableSparse } = session.settings;
  const wanted = dense.map((key) => ({ key, role: "dense" as const }));
  const splade = enableSparse ? sparse.filter((key) => key !== "bm25") : [];
  return locate([...wanted, ...splade.map((key) => ({ key, role: "sparse" as const }))]);
}

async function limitsOf(models: readonly LocatedModel[], maxTokens?: number): Promise<TokenLimit[]> {
  const strictest = Math.min(...models.map((model) => model.maxTokens));
  if (
    maxTokens !== undefined &&
    !(Number.isInteger(maxTokens) && maxTokens >= LEAST_TOKENS && maxTokens <= strictest)
  ) {
    throw badOption(
      "maxTokens",
      maxTokens,
      `a whole number from ${LEAST_TOKENS} to ${strictest}, the strictest limit of the session's models, is needed`,
    );
  }
  const limits: TokenLimit[] = [];
  const seen = new Set<string>();
  for (const model of models) {
    const { key, documentPrefix } = model.card;
    const max = Math.min(model.maxTokens, maxTokens ?? model.maxTokens);
    // Models that count alike are counted once; counting is most of the stage's work.
    const tokenizer = model.files.filter(({ path }) => path.startsWith("tokenizer")).map(({ sha256 }) => sha256);
    const identity = [...tokenizer, max, documentPrefix].join("\n");
    if (seen.has(identity)) continue;
    seen.add(identity);
    const { count } = await tokenizerOf(model);
    limits.push({ model: key, max, count: documentPrefix === "" ? count : (text) => count(documentPrefix + text) });
  }
  return limits;
}

async function chunkAll(
  work: StageWork,
  files: readonly FoundDocument[],
  hashes: ReadonlyMap<string, string>,
  limits: readonly TokenLimit[],
  split: SplitOptions,
) {
  const progress = work.progress({ label: "chunk", total: files.length, unit: "documents" });
  const writer = await openChunkWriter(work.dir);
  const tally = { characters: 0, blank: 0, tokens: 0, done: 0 };
  const contentTypes: Record<ContentType, number> = { prose: 0, code: 0, table: 0, list: 0, front_matter: 0 };
  const lengths: number[] = [];
  let largest: { document: string; chunks: number; tokens: number }[] = [];
  const empty: DocumentRecord[] = [];
  try {
    for await (const { record, chunks, blank } of chunkDocuments(files, limits, split, { signal: work.signal })) {
      if (record.sha256 !== hashes.get(record.document)) throw documentChanged(record.document);
      await writer.add(record, chunks);
      const tokens = chunks.reduce((sum, { tokens }) => sum + tokens, 0);
      for (const { contentType, tokens } of chunks) {
        contentTypes[contentType]++;
        lengths.push(tokens);
      }
      if (chunks.length === 0) empty.push(record);
      tally.characters += record.characters;
      tally.blank += blank;
      tally.tokens += tokens;
      largest.push({ document: record.document, chunks: chunks.length, tokens });
      if (largest.length > 4 * LARGEST) largest = biggest(largest);
      progress.update(++tally.done, record.document);
    }
    const count = await writer.finish();
    progress.finish();
    if (empty.length > 0)
      work.note(
        "empty_documents",
        `${empty.length} documents hold nothing but white space and give no chunk.`,
        empty.length,
      );
    const { max, model } = strictestLimit(limits);
    return {
      count,
      documents: files.length,
      characters: tally.characters,
      accounted: { blank: tally.blank },
      tokens: tally.tokens,
      limit: { tokens: max, model },
      tokenBins: histogram(lengths),
      contentTypes,
      largest: biggest(largest),
    };
  } catch (error) {
    await writer.abort();
    progress.fail(error instanceof Error ? error.message : String(error));
    throw error;
  }
}

function biggest<T extends { readonly chunks: number; readonly document: string }>(documents: readonly T[]): T[] {
  return [...documents].sort((a, b) => b.chunks - a.chunks || (a.document < b.document ? -1 : 1)).slice(0, LARGEST);
}
