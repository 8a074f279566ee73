import { type Attribute, node, type OnnxTensor, tensor, valueInfo } from "../../../dist/runtime/onnx-nodes.js";
import { field, intField } from "../../../dist/runtime/protobuf.js";

/** A graph under construction: nodes and weights are added, then it becomes the bytes of an ONNX file. */
export interface GraphWriter {
  readonly opset: number;
  /** Adds a node and returns the name of its output. */
  op(type: string, inputs: readonly string[], attributes?: Readonly<Record<string, Attribute>>, name?: string): string;
  /** Adds a weight and returns its name. */
  weight(name: string, dims: readonly number[], data: Float32Array | BigInt64Array): string;
  scalar(value: number): string;
  /** An operator over one axis: the axis is an attribute or, from operator set `inputSince` on, an input. */
  over(type: string, input: string, axes: readonly number[], inputSince: number, keepdims?: number): string;
  bytes(inputs: readonly GraphValue[], outputs: readonly GraphValue[]): Buffer;
}

/** An input or output: name, TensorProto.DataType, dimensions. */
export type GraphValue = readonly [name: string, elementType: number, dims: readonly (number | string)[]];

/** @param half keeps weights in float16 */
export function writeGraph(opset: number, half = false): GraphWriter {
  const parts: Uint8Array[] = [];
  let made = 0;
  const writer: GraphWriter = {
    opset,
    op(type, inputs, attributes = {}, name = `${type}_${made++}`) {
      parts.push(node(type, inputs, [name], attributes));
      return name;
    },
    weight(name, dims, data) {
      const plain = !half || data instanceof BigInt64Array;
      parts.push(field(5, plain ? tensor({ dims, data } satisfies OnnxTensor, name) : halfTensor(dims, data, name)));
      return name;
    },
    scalar: (value) => writer.weight(`scalar_${made++}`, [], Float32Array.of(value)),
    over(type, input, axes, inputSince, keepdims) {
      const keep = keepdims === undefined ? {} : { keepdims };
      if (opset < inputSince) return writer.op(type, [input], { ...keep, axes });
      const list = writer.weight(`axes_${made++}`, [axes.length], BigInt64Array.from(axes, BigInt));
      return writer.op(type, [input, list], keep);
    },
    bytes(inputs, outputs) {
      const values = (number: number, list: readonly GraphValue[]) =>
        list.map((value) => field(number, valueInfo(...value)));
      const graph = field(7, [...parts, field(2, "graph"), ...values(11, inputs), ...values(12, outputs)]);
      return Buffer.concat([intField(1, 8), field(8, [field(1, ""), intField(2, opset)]), graph]);
    },
  };
  return writer;
}

/** TensorProto { dims 1, data_type 2 (10 is FLOAT16), name 8, raw_data 9 }. */
function halfTensor(dims: readonly number[], data: Float32Array, name: string): readonly Uint8Array[] {
  const bytes = new Uint8Array(Uint16Array.from(data, halfBits).buffer);
  return [...dims.map((dim) => intField(1, dim)), intField(2, 10), field(8, name), field(9, bytes)];
}

/** A number as float16, rounded towards zero: 1 bit of sign, 5 of exponent, 10 of fraction. What is too small is 0. */
function halfBits(value: number): number {
  const bits = new Uint32Array(Float32Array.of(value).buffer)[0] as number;
  const sign = (bits >>> 16) & 0x8000;
  const exponent = ((bits >>> 23) & 0xff) - 127 + 15;
  if (exponent <= 0) return sign;
  if (exponent >= 31) throw new RangeError(`${value} is too large for float16`);
  return sign | (exponent << 10) | ((bits >>> 13) & 0x3ff);
}
