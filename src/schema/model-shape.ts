import { z } from "zod";
import type { ModelShape } from "./device-types.js";
import type { ModelCard } from "./model-types.js";

/** A count that a model can have; anything else in its place is as good as absent. */
const Count = z.int().min(1).max(1e7).optional().catch(undefined);

const Config = z
  .looseObject({
    model_type: z.string().optional().catch(undefined),
    activation_function: z.string().optional().catch(undefined),
    vocab_size: Count,
    num_hidden_layers: Count,
    n_layers: Count,
    n_layer: Count,
    num_layers: Count,
    hidden_size: Count,
    dim: Count,
    n_embd: Count,
    d_model: Count,
    num_attention_heads: Count,
    n_heads: Count,
    n_head: Count,
    num_heads: Count,
    intermediate_size: Count,
    hidden_dim: Count,
    n_inner: Count,
    d_ff: Count,
  })
  .catch({});

/** Kinds of models whose feed-forward layers have a gate: a third matrix. */
const gated = /^(qwen|modernbert|nomic_bert|llama|mistral|gemma|new$)/;

/**
 * What decides a model's memory and time, from its `config.json`: by the names
 * that BERT, RoBERTa, MPNet, ModernBERT and Qwen use, that DistilBERT (`dim`,
 * `n_layers`, `n_heads`, `hidden_dim`) and that NomicBERT (`n_embd`, `n_layer`,
 * `n_head`, `n_inner`). What is absent or absurd there is estimated from the
 * card's parameters and dimension, and `source` says so.
 *
 * @param config the parsed file, whatever it holds; null where there is none
 * @param weightBytes bytes of the weights' files
 */
export function shapeOf(config: unknown, card: ModelCard, dtype: string, weightBytes: number): ModelShape {
  const said = Config.parse(config ?? {});
  const guessed = estimate(card);
  const read = {
    layers: said.num_hidden_layers ?? said.n_layers ?? said.n_layer ?? said.num_layers,
    hidden: said.hidden_size ?? said.dim ?? said.n_embd ?? said.d_model,
    heads: said.num_attention_heads ?? said.n_heads ?? said.n_head ?? said.num_heads,
    intermediate: said.intermediate_size ?? said.hidden_dim ?? said.n_inner ?? said.d_ff,
    vocabulary: said.vocab_size,
  };
  const { layers = guessed.layers, hidden = guessed.hidden, vocabulary = guessed.vocabulary } = read;
  const { heads = Math.max(1, Math.round(hidden / 64)), intermediate = 4 * hidden } = read;
  const hasGate = gated.test(said.model_type ?? "") || said.activation_function === "swiglu";
  const absent = Object.entries(read).flatMap(([name, value]) => (value === undefined ? [name] : []));
  return {
    layers,
    hidden,
    heads,
    intermediate: hasGate ? 1.5 * intermediate : intermediate,
    vocabulary,
    weightBytes,
    numberBytes: dtype === "fp16" ? 2 : 4,
    vocabularyOutput: card.pooling === "splade",
    source:
      absent.length === 0
        ? "config.json"
        : absent.length === 5
          ? "estimated from its parameters"
          : `config.json; ${absent.join(", ")} estimated from its parameters`,
  };
}

/** BERT's proportions: feed-forward layers of four times the width, so that a layer has `12 hidden^2` parameters. */
function estimate({ parameters, dim, pooling, role }: ModelCard): {
  layers: number;
  hidden: number;
  vocabulary: number;
} {
  const usual = parameters < 45e6 ? 384 : parameters < 250e6 ? 768 : 1024;
  const hidden = role === "dense" ? dim : usual;
  const vocabulary = pooling === "splade" ? dim : 30_522;
  const layers = Math.round((parameters - vocabulary * hidden) / (12 * hidden * hidden));
  return { layers: Math.max(1, layers), hidden, vocabulary };
}
