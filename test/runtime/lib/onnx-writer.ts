import { type Attribute, FLOAT, node, type OnnxTensor, tensor, valueInfo } from "../../../dist/runtime/onnx-nodes.js";
import { field, intField } from "../../../dist/runtime/protobuf.js";

/** A graph under construction: nodes and weights are added, then it becomes the bytes of an ONNX file. */
export interface GraphWriter {
  readonly opset: number;
  /** TensorProto.DataType of its float weights: float32, or float16. */
  readonly floatType: number;
  /** Adds a node and returns the name of its output. */
  op(type: string, inputs: readonly string[], attributes?: Readonly<Record<string, Attribute>>, name?: string): string;
  /** Adds a weight and returns its name. */
  weight(name: string, dims: readonly number[], data: Float32Array | BigInt64Array): string;
  scalar(value: number): string;
  /** An operator over one axis: the axis is an attribute or, from operator set `inputSince` on, an input. */
  over(type: string, input: string, axes: readonly number[], inputSince: number, keepdims?: number): string;
  bytes(inputs: readonly GraphValue[], outputs: readonly GraphValue[]): Buffer;
}

/** TensorProto.DataType of 16-bit floats. */
export const FLOAT16 = 10;

/** Node 24 has it, and TypeScript's declarations for es2024 do not. */
const { Float16Array } = globalThis as unknown as { readonly Float16Array: new (values: Float32Array) => Uint16Array };

function halfTensor(dims: readonly number[], values: Float32Array, name: string): readonly Uint8Array[] {
  const { buffer, byteOffset, byteLength } = new Float16Array(values);
  return [
    ...dims.map((dim) => intField(1, dim)),
    intField(2, FLOAT16),
    field(8, name),
    field(9, new Uint8Array(buffer, byteOffset, byteLength)),
  ];
}

/** An input or output: name, TensorProto.DataType, dimensions. */
export type GraphValue = readonly [name: string, elementType: number, dims: readonly (number | string)[]];

/** @param half writes float weights as float16 */
export function writeGraph(opset: number, half = false): GraphWriter {
  const parts: Uint8Array[] = [];
  let made = 0;
  const writer: GraphWriter = {
    opset,
    floatType: half ? FLOAT16 : FLOAT,
    op(type, inputs, attributes = {}, name = `${type}_${made++}`) {
      parts.push(node(type, inputs, [name], attributes));
      return name;
    },
    weight(name, dims, data) {
      const isHalf = half && data instanceof Float32Array;
      parts.push(field(5, isHalf ? halfTensor(dims, data, name) : tensor({ dims, data } satisfies OnnxTensor, name)));
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
