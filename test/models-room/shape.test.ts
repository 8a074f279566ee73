import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { locateModel } from "../../dist/models/locate.js";
import { modelRows } from "../../dist/models/registry.js";
import { shapeOf } from "../../dist/schema/model-shape.js";
import type { ModelCard } from "../../dist/schema/model-types.js";
import { placesIn, tempRoot, testCard, wholeModel, write } from "./folder.ts";

const rows = modelRows([]);
const cardOf = (key: string) => rows.find((card) => card.key === key) as ModelCard;

/** What the models' own files say, in the names of each family. */
const configs: Readonly<
  Record<string, readonly [config: object, layers: number, hidden: number, heads: number, intermediate: number]>
> = {
  bert: [
    {
      model_type: "bert",
      num_hidden_layers: 6,
      hidden_size: 384,
      num_attention_heads: 12,
      intermediate_size: 1536,
      vocab_size: 30522,
    },
    6,
    384,
    12,
    1536,
  ],
  "xlm-roberta": [
    {
      model_type: "xlm-roberta",
      num_hidden_layers: 24,
      hidden_size: 1024,
      num_attention_heads: 16,
      intermediate_size: 4096,
      vocab_size: 250002,
    },
    24,
    1024,
    16,
    4096,
  ],
  mpnet: [
    {
      model_type: "mpnet",
      num_hidden_layers: 12,
      hidden_size: 768,
      num_attention_heads: 12,
      intermediate_size: 3072,
      vocab_size: 30527,
    },
    12,
    768,
    12,
    3072,
  ],
  distilbert: [
    { model_type: "distilbert", n_layers: 6, dim: 768, n_heads: 12, hidden_dim: 3072, vocab_size: 30522 },
    6,
    768,
    12,
    3072,
  ],
  modernbert: [
    {
      model_type: "modernbert",
      num_hidden_layers: 22,
      hidden_size: 768,
      num_attention_heads: 12,
      intermediate_size: 1152,
      vocab_size: 50368,
    },
    22,
    768,
    12,
    1728,
  ],
  qwen3: [
    {
      model_type: "qwen3",
      num_hidden_layers: 28,
      hidden_size: 1024,
      num_attention_heads: 16,
      intermediate_size: 3072,
      vocab_size: 151669,
    },
    28,
    1024,
    16,
    4608,
  ],
  nomic_bert: [
    {
      model_type: "nomic_bert",
      n_layer: 12,
      n_embd: 768,
      n_head: 12,
      n_inner: 3072,
      vocab_size: 30528,
      activation_function: "swiglu",
    },
    12,
    768,
    12,
    4608,
  ],
};

for (const [family, [config, layers, hidden, heads, intermediate]] of Object.entries(configs)) {
  test(`the shape of a ${family} model is read by the names of its family`, () => {
    const shape = shapeOf(config, testCard(), "fp16", 5);
    assert.deepEqual(
      { ...shape, vocabulary: 0 },
      {
        layers,
        hidden,
        heads,
        intermediate,
        vocabulary: 0,
        weightBytes: 5,
        numberBytes: 2,
        vocabularyOutput: false,
        source: "config.json",
      },
    );
    assert.equal(shape.vocabulary, (config as { vocab_size: number }).vocab_size);
  });
}

test("what a config does not say, or says absurdly, is estimated from the card, and the shape says so", () => {
  const bge = cardOf("bge-small-en-v1.5");
  const none = shapeOf(null, bge, "fp32", 1);
  assert.deepEqual([none.hidden, none.layers, none.heads, none.numberBytes], [384, 12, 6, 4]);
  assert.equal(none.source, "estimated from its parameters");
  for (const config of [[], 7, "x", { num_hidden_layers: 1e300, hidden_size: -1, vocab_size: "many", n_inner: null }]) {
    assert.deepEqual(shapeOf(config, bge, "fp32", 1), none, JSON.stringify(config));
  }
  const part = shapeOf({ hidden_size: 384, num_hidden_layers: 12, vocab_size: 30522 }, bge, "fp32", 1);
  assert.equal(part.source, "config.json; heads, intermediate estimated from its parameters");
});

test("every model of the registry has a shape whose layers hold about as many parameters as its row says", () => {
  for (const card of rows) {
    const { layers, hidden, intermediate, vocabulary } = shapeOf(null, card, "fp32", 0);
    if (card.parameters < 20e6) continue;
    const parameters = layers * (4 * hidden ** 2 + 2 * hidden * intermediate) + vocabulary * hidden;
    const ratio = parameters / card.parameters;
    assert.ok(ratio > 0.6 && ratio < 1.6, `${card.key}: ${ratio}`);
  }
});

test("a located model has a shape, with the bytes of its weights and of nothing else", async () => {
  const root = tempRoot();
  write(join(root, "tiny"), wholeModel);
  const found = await locateModel(testCard(), placesIn([root]));
  assert.ok(!("missing" in found));
  assert.equal(found.shape.weightBytes, "weights of the model".length + "more weights".length);
  assert.equal(found.shape.vocabulary, 100);
});
