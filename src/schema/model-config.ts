import { z } from "zod";
import type { ModelCard, Pooling } from "./model-types.js";

const Count = z.number().positive();

const Config = z.looseObject({
  model_type: z.string().optional(),
  max_position_embeddings: Count.nullish(),
  pad_token_id: z.int().nullish(),
  vocab_size: Count.nullish(),
});
const TokenizerConfig = z.looseObject({ model_max_length: Count.nullish() });
const SentenceBert = z.looseObject({ max_seq_length: Count.nullish() });
const PoolingConfig = z.looseObject({
  word_embedding_dimension: Count.optional(),
  embedding_dimension: Count.optional(),
  pooling_mode: z.union([z.string(), z.array(z.string())]).optional(),
  include_prompt: z.boolean().default(true),
});

/** What sentence-transformers calls our poolings. */
const poolingModes: Readonly<Partial<Record<Pooling, string>>> = { mean: "mean", cls: "cls", last_token: "lasttoken" };

/** Models that number positions from behind the padding token's id, and so take fewer tokens than they have positions. */
const offsetPositions: readonly string[] = ["roberta", "xlm-roberta", "xlm-roberta-xl", "camembert", "mpnet"];

/** A model folder's small JSON files, parsed; null where there is none. */
export interface ModelConfigs {
  readonly config: unknown;
  readonly tokenizerConfig: unknown;
  readonly sentenceBert: unknown;
  readonly pooling: unknown;
}

/** What the files say together, or the file that disagrees and how. */
export type ModelConfigResult =
  | { readonly ok: true; readonly maxTokens: number }
  | { readonly ok: false; readonly file: string; readonly problem: string };

/**
 * Reads a model's own files against its card. The longest input is the smallest
 * of all limits named: the card's, `model_max_length`, `max_seq_length` and the
 * positions there are. The limit inside `tokenizer.json` is left over from
 * training and is not counted.
 */
export function checkModelConfigs(card: ModelCard, files: ModelConfigs): ModelConfigResult {
  const config = Config.safeParse(files.config);
  if (!config.success) return bad("config.json", config.error);
  const tokenizer = TokenizerConfig.safeParse(files.tokenizerConfig);
  if (!tokenizer.success) return bad("tokenizer_config.json", tokenizer.error);
  const sentenceBert = SentenceBert.safeParse(files.sentenceBert ?? {});
  if (!sentenceBert.success) return bad("sentence_bert_config.json", sentenceBert.error);

  const { model_type = "", max_position_embeddings, pad_token_id, vocab_size } = config.data;
  if (card.pooling === "splade" && vocab_size != null && vocab_size !== card.dim) {
    return {
      ok: false,
      file: "config.json",
      problem: `its vocabulary has ${vocab_size} entries, the model's row says ${card.dim}`,
    };
  }
  if (files.pooling !== null) {
    const problem = poolingProblem(card, files.pooling);
    if (problem !== null) return { ok: false, file: "1_Pooling/config.json", problem };
  }
  const positions = max_position_embeddings ?? Number.POSITIVE_INFINITY;
  const usable = offsetPositions.includes(model_type) ? positions - ((pad_token_id ?? 1) + 1) : positions;
  const limits = [
    card.maxTokens,
    usable,
    tokenizer.data.model_max_length ?? Number.POSITIVE_INFINITY,
    sentenceBert.data.max_seq_length ?? Number.POSITIVE_INFINITY,
  ];
  return { ok: true, maxTokens: Math.floor(Math.min(...limits)) };
}

function poolingProblem(card: ModelCard, json: unknown): string | null {
  const parsed = PoolingConfig.safeParse(json);
  if (!parsed.success) return z.prettifyError(parsed.error).replaceAll("\n", "; ");
  const { word_embedding_dimension, embedding_dimension = word_embedding_dimension, include_prompt } = parsed.data;
  if (embedding_dimension !== undefined && embedding_dimension !== card.dim) {
    return `it is for ${embedding_dimension} dimensions, the model's row says ${card.dim}`;
  }
  if (!include_prompt && card.queryPrefix + card.documentPrefix !== "") {
    return "it leaves the prompt's tokens out of the mean, which this library can't do";
  }
  const modes = modesOf(parsed.data);
  if (modes.length === 1 && modes[0] === poolingModes[card.pooling]) return null;
  return `it says ${modes.join(" and ") || "nothing about the pooling"}, the model's row says ${card.pooling}`;
}

/** The modes that are on, in the form sentence-transformers writes now (`pooling_mode`) or wrote before (a `pooling_mode_*` each). */
function modesOf({ pooling_mode, ...rest }: z.infer<typeof PoolingConfig>): string[] {
  if (pooling_mode !== undefined) return [pooling_mode].flat();
  return Object.entries(rest)
    .filter(([key, on]) => key.startsWith("pooling_mode_") && on === true)
    .map(([key]) => key.slice("pooling_mode_".length).replace(/_tokens?$/, ""));
}

function bad(file: string, error: z.ZodError): ModelConfigResult {
  return { ok: false, file, problem: z.prettifyError(error).replaceAll("\n", "; ") };
}
