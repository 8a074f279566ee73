import type { Pooling } from "../schema/model-types.js";
import { type GraphOutput, inspectOnnx, type OnnxFile } from "./onnx-file.js";
import { BOOL, FLOAT, node, valueInfo } from "./onnx-nodes.js";
import { field } from "./protobuf.js";

/** Spare bytes that {@link appendPooling} needs behind the model. */
export const POOLING_ROOM = 8192;

/** Name of the output that pooling adds. */
export const POOLED = "rag_cells.pooled";

/** How the outputs of a model are to be read. */
export interface PooledGraph {
  /** Bytes of the file with the pooling behind it. */
  readonly size: number;
  /** The output to fetch. */
  readonly output: string;
  readonly externalLocations: readonly string[];
}

/**
 * Appends pooling to an ONNX file in memory: protobuf merges messages that stand
 * behind each other, so a second `graph` field with a few nodes and an output
 * extends the first one. Only the pooled output is fetched in a run.
 *
 * With token states or logits `x[row, token]` and the mask `m`:
 * - `mean`: `sum(m x) / max(sum(m), 1e-9)`, Sentence-BERT (Reimers and Gurevych 2019)
 * - `cls`: the first token's state
 * - `last_token`: the state of the last token whose mask is 1, wherever the padding stands
 * - `splade`: `max over tokens of m log(1 + relu(x))`, SPLADE v2 (Formal et al. 2021); the
 *   maximum is taken first, which is the same because the rest is monotone
 * - `none`: nothing is added; the output `logits`, or the only one, is read as it is
 *
 * `normalize` divides by `max(|v|, 1e-12)`, the Euclidean length.
 *
 * @param bytes the file, with {@link POOLING_ROOM} spare bytes behind it, which are filled in
 * @param size bytes of the file
 * @throws RangeError saying why the file does not serve
 */
export function appendPooling(bytes: Uint8Array, size: number, pooling: Pooling, normalize: boolean): PooledGraph {
  const file = inspectOnnx(bytes.subarray(0, size));
  const { externalLocations } = file;
  const source = chooseOutput(file.outputs, pooling);
  if (pooling === "none") return { size, output: source.name, externalLocations };
  if (file.opset < 11)
    throw new RangeError(`its operator set is ${file.opset} and pooling needs 11 or later; export the model again`);
  const tail = field(7, [...poolingNodes(file, source, pooling, normalize), field(12, valueInfo(POOLED, FLOAT))]);
  bytes.set(tail, size);
  return { size: size + tail.length, output: POOLED, externalLocations };
}

/** The output with one vector a token (or, unpooled, one row of logits a text): by its usual name, else the only one that can be meant. */
function chooseOutput(outputs: readonly GraphOutput[], pooling: Pooling): GraphOutput {
  const names = pooling === "splade" || pooling === "none" ? ["logits"] : ["last_hidden_state", "token_embeddings"];
  const named = names.flatMap((name) => outputs.filter((output) => output.name === name))[0];
  const fitting = outputs.filter(({ rank }) => pooling === "none" || rank === 3 || rank === null);
  const chosen = named ?? (fitting.length === 1 ? fitting[0] : undefined);
  if (!chosen || (pooling !== "none" && chosen.rank !== null && chosen.rank !== 3)) {
    const list = outputs.map(({ name, rank }) => `${JSON.stringify(name)} (${rank ?? "?"} dimensions)`).join(", ");
    throw new RangeError(
      `none of its outputs is ${names.join(" or ")} with one row a ${pooling === "none" ? "text" : "token"}: it has ${list}`,
    );
  }
  return chosen;
}

/** The nodes as fields of a graph. Axes moved from attribute to input: for ReduceSum and Unsqueeze in operator set 13, for ReduceMax and ReduceL2 in 18. */
function poolingNodes(file: OnnxFile, source: GraphOutput, pooling: Pooling, normalize: boolean): Uint8Array[] {
  const nodes: Uint8Array[] = [];
  let made = 0;
  const add = (op: string, inputs: readonly string[], attributes: Parameters<typeof node>[3] = {}): string => {
    const output = `rag_cells.pool.${made++}`;
    nodes.push(node(op, inputs, [output], attributes));
    return output;
  };
  const number = (value: number) => add("Constant", [], { value: { dims: [], data: Float32Array.of(value) } });
  const integers = (dims: readonly number[], value: bigint) =>
    add("Constant", [], { value: { dims, data: BigInt64Array.of(value) } });
  const overAxis = (op: string, input: string, axis: number, keepdims?: number): string => {
    const asInput = file.opset >= (op === "ReduceMax" || op === "ReduceL2" ? 18 : 13);
    const keep = keepdims === undefined ? {} : { keepdims };
    return asInput ? add(op, [input, integers([1], BigInt(axis))], keep) : add(op, [input], { ...keep, axes: [axis] });
  };

  const states = source.elementType === FLOAT ? source.name : add("Cast", [source.name], { to: FLOAT });
  const mask = add("Cast", ["attention_mask"], { to: FLOAT });
  const weighted = (weights: string) =>
    overAxis("ReduceSum", add("Mul", [states, overAxis("Unsqueeze", weights, 2)]), 1, 0);
  let pooled: string;
  if (pooling === "mean") {
    const count = add("Max", [overAxis("ReduceSum", mask, 1, 1), number(1e-9)]);
    pooled = add("Div", [weighted(mask), count]);
  } else if (pooling === "cls") {
    pooled = add("Gather", [states, integers([], 0n)], { axis: 1 });
  } else if (pooling === "last_token") {
    // The count of real tokens so far reaches the total first at the last real token; behind it the mask is 0.
    const reached = add("Equal", [add("CumSum", [mask, integers([], 1n)]), overAxis("ReduceSum", mask, 1, 1)]);
    pooled = weighted(add("Mul", [mask, add("Cast", [reached], { to: FLOAT })]));
  } else {
    const barrier = add("Mul", [add("Sub", [mask, number(1)]), number(1e30)]);
    const best = overAxis("ReduceMax", add("Add", [states, overAxis("Unsqueeze", barrier, 2)]), 1, 0);
    const weights = add("Log", [add("Add", [add("Relu", [best]), number(1)])]);
    // A maximum passes over NaN. A token whose state is broken has NaN in every column, the first included: times 0 it is 0 or NaN.
    const column = add("Gather", [states, integers([], 0n)], { axis: 2 });
    const real = add("Where", [add("Cast", [mask], { to: BOOL }), column, number(0)]);
    pooled = add("Add", [weights, overAxis("ReduceSum", add("Mul", [real, number(0)]), 1, 1)]);
  }
  if (normalize && pooling !== "splade") {
    pooled = add("Div", [pooled, add("Max", [overAxis("ReduceL2", pooled, 1, 1), number(1e-12)])]);
  }
  nodes.push(node("Identity", [pooled], [POOLED]));
  return nodes;
}
