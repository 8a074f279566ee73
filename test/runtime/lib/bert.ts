import { type GraphWriter, writeGraph } from "./onnx-writer.ts";
import { normals, seeded } from "./random.ts";

/** The shape of a BERT encoder. */
export interface BertShape {
  readonly layers: number;
  readonly hidden: number;
  readonly heads: number;
  readonly intermediate: number;
  readonly vocabulary: number;
  readonly positions: number;
  readonly opset?: number;
  readonly seed?: number;
  /** Weights and arithmetic in float16; inputs and outputs stay as they are. */
  readonly half?: boolean;
  /** Where weights come from; normally distributed by default. */
  readonly draw?: (next: () => number, count: number, deviation: number) => Float32Array;
  /** `states` ends in last_hidden_state, `masked-lm` in logits over the vocabulary (tied to the word embeddings), `pair` in one logit a row. */
  readonly head?: "states" | "masked-lm" | "pair";
}

/** MiniLM-L6's shape. */
export const MINILM = {
  layers: 6,
  hidden: 384,
  heads: 12,
  intermediate: 1536,
  vocabulary: 30522,
  positions: 512,
} as const;

const FLOAT = 1;
const INT64 = 7;

/**
 * A BERT encoder (Devlin et al. 2019) with seeded random weights as an ONNX file,
 * node by node as torch writes it, layer norms and gelu spelled out, so that
 * onnxruntime has the same to optimise as in a file from the hub.
 */
export function bertOnnx(shape: BertShape): Buffer {
  const { layers, hidden, vocabulary, positions, seed = 1, head = "states", half = false, draw = normals } = shape;
  // From operator set 17 on torch writes a layer norm as one node; spelled out in float16 it trips a fusion of onnxruntime.
  const graph = writeGraph(shape.opset ?? (half ? 17 : 14), half);
  const next = seeded(seed);
  const random = (name: string, dims: readonly number[], deviation: number) =>
    graph.weight(
      name,
      dims,
      draw(
        next,
        dims.reduce((a, b) => a * b, 1),
        deviation,
      ),
    );
  const linear = (x: string, name: string, from: number, to: number) => {
    const product = graph.op("MatMul", [x, random(`${name}.weight`, [from, to], 1 / Math.sqrt(from))]);
    return graph.op("Add", [random(`${name}.bias`, [to], 0.02), product]);
  };
  const norm = (x: string, name: string) =>
    layerNorm(graph, x, random(`${name}.gamma`, [hidden], 1), random(`${name}.beta`, [hidden], 0.1));

  const words = random("word_embeddings", [vocabulary, hidden], 1);
  const length = graph.op(
    "Gather",
    [graph.op("Shape", ["input_ids"]), graph.weight("one", [1], BigInt64Array.of(1n))],
    { axis: 0 },
  );
  const zero = graph.weight("zero", [1], BigInt64Array.of(0n));
  const places = graph.op("Slice", [random("position_embeddings", [positions, hidden], 0.5), zero, length, zero]);
  const embedded = graph.op("Add", [
    graph.op("Gather", [words, "input_ids"]),
    graph.op("Gather", [random("type_embeddings", [2, hidden], 0.5), "token_type_ids"]),
  ]);
  let x = norm(graph.op("Add", [embedded, places]), "embeddings");

  const spread = graph.over("Unsqueeze", graph.over("Unsqueeze", "attention_mask", [1], 13), [2], 13);
  const absent = graph.op("Sub", [graph.scalar(1), graph.op("Cast", [spread], { to: graph.floatType })]);
  const barrier = graph.op("Mul", [absent, graph.scalar(-10000)]);
  for (let layer = 0; layer < layers; layer++)
    x = encoderLayer(graph, x, barrier, `layer.${layer}`, shape, linear, norm);

  const inputs = ["input_ids", "attention_mask", "token_type_ids"].map(
    (name) => [name, INT64, ["batch", "length"]] as const,
  );
  if (head === "states") {
    if (half) graph.op("Cast", [x], { to: FLOAT }, "last_hidden_state");
    else graph.op("Identity", [x], {}, "last_hidden_state");
    return graph.bytes(inputs, [["last_hidden_state", FLOAT, ["batch", "length", hidden]]]);
  }
  if (head === "pair") {
    const first = graph.op("Gather", [x, graph.weight("first", [], BigInt64Array.of(0n))], { axis: 1 });
    graph.op("Identity", [linear(first, "classifier", hidden, 1)], {}, "logits");
    return graph.bytes(inputs, [["logits", FLOAT, ["batch", 1]]]);
  }
  const logits = graph.op("MatMul", [norm(x, "head"), graph.op("Transpose", [words], { perm: [1, 0] })]);
  graph.op(
    "Add",
    [graph.op("Div", [logits, graph.scalar(hidden / 4)]), random("head.bias", [vocabulary], 0.5)],
    {},
    "logits",
  );
  return graph.bytes(inputs, [["logits", FLOAT, ["batch", "length", vocabulary]]]);
}

function encoderLayer(
  graph: GraphWriter,
  x: string,
  barrier: string,
  name: string,
  { hidden, heads, intermediate }: BertShape,
  linear: (x: string, name: string, from: number, to: number) => string,
  norm: (x: string, name: string) => string,
): string {
  const split = graph.weight(`${name}.split`, [4], BigInt64Array.of(0n, 0n, BigInt(heads), BigInt(hidden / heads)));
  const join = graph.weight(`${name}.join`, [3], BigInt64Array.of(0n, 0n, BigInt(hidden)));
  const heads4 = (part: string, perm: readonly number[]) =>
    graph.op("Transpose", [graph.op("Reshape", [linear(x, `${name}.${part}`, hidden, hidden), split])], { perm });
  const query = heads4("query", [0, 2, 1, 3]);
  const key = heads4("key", [0, 2, 3, 1]);
  const value = heads4("value", [0, 2, 1, 3]);
  const scores = graph.op("Div", [graph.op("MatMul", [query, key]), graph.scalar(Math.sqrt(hidden / heads))]);
  const weights = graph.op("Softmax", [graph.op("Add", [scores, barrier])], { axis: 3 });
  const mixed = graph.op("Transpose", [graph.op("MatMul", [weights, value])], { perm: [0, 2, 1, 3] });
  const attended = linear(graph.op("Reshape", [mixed, join]), `${name}.out`, hidden, hidden);
  const middle = norm(graph.op("Add", [attended, x]), `${name}.norm1`);
  const inner = gelu(graph, linear(middle, `${name}.up`, hidden, intermediate));
  return norm(graph.op("Add", [linear(inner, `${name}.down`, intermediate, hidden), middle]), `${name}.norm2`);
}

function layerNorm(graph: GraphWriter, x: string, gamma: string, beta: string): string {
  // Its epsilon is 1e-5 by default.
  if (graph.opset >= 17) return graph.op("LayerNormalization", [x, gamma, beta], { axis: -1 });
  const centred = graph.op("Sub", [x, graph.over("ReduceMean", x, [-1], 18, 1)]);
  const variance = graph.over("ReduceMean", graph.op("Pow", [centred, graph.scalar(2)]), [-1], 18, 1);
  const unit = graph.op("Div", [centred, graph.op("Sqrt", [graph.op("Add", [variance, graph.scalar(1e-12)])])]);
  return graph.op("Add", [graph.op("Mul", [unit, gamma]), beta]);
}

/** x/2 (1 + erf(x / sqrt 2)), Hendrycks and Gimpel 2016. */
function gelu(graph: GraphWriter, x: string): string {
  const erf = graph.op("Erf", [graph.op("Div", [x, graph.scalar(Math.SQRT2)])]);
  return graph.op("Mul", [graph.op("Mul", [x, graph.op("Add", [erf, graph.scalar(1)])]), graph.scalar(0.5)]);
}
