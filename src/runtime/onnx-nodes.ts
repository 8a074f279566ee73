import { field, intField } from "./protobuf.js";

/** An attribute of a node: an integer, a list of integers, or a float32 or int64 tensor. */
export type Attribute = number | readonly number[] | OnnxTensor;

/** A tensor for a graph; no dimensions is a scalar. */
export interface OnnxTensor {
  readonly dims: readonly number[];
  readonly data: Float32Array | BigInt64Array;
}

/** TensorProto.DataType. */
export const FLOAT = 1;
export const INT64 = 7;
export const BOOL = 9;

/** A NodeProto as a field of a graph. `outputs` names what it makes, the first output also names the node. */
export function node(
  op: string,
  inputs: readonly string[],
  outputs: readonly string[],
  attributes: Readonly<Record<string, Attribute>> = {},
): Uint8Array {
  return field(1, [
    ...inputs.map((name) => field(1, name)),
    ...outputs.map((name) => field(2, name)),
    field(3, outputs[0] as string),
    field(4, op),
    ...Object.entries(attributes).map(([name, value]) => field(5, attribute(name, value))),
  ]);
}

/** A tensor in the wire format of TensorProto. */
export function tensor(value: OnnxTensor, name = ""): readonly Uint8Array[] {
  const { data, dims } = value;
  return [
    ...dims.map((dim) => intField(1, dim)),
    intField(2, data instanceof Float32Array ? FLOAT : INT64),
    ...(name === "" ? [] : [field(8, name)]),
    field(9, new Uint8Array(data.buffer, data.byteOffset, data.byteLength)),
  ];
}

/** ValueInfoProto of a tensor; a named dimension is given as text, and no list of dimensions leaves the shape open. */
export function valueInfo(
  name: string,
  elementType: number,
  dims?: readonly (number | string)[],
): readonly Uint8Array[] {
  const dimension = (dim: number | string) => field(1, [typeof dim === "number" ? intField(1, dim) : field(2, dim)]);
  const shape = dims ? [field(2, dims.map(dimension))] : [];
  return [field(1, name), field(2, [field(1, [intField(1, elementType), ...shape])])];
}

/** AttributeProto { name 1, i 3, t 5, ints 8, type 20 (2 INT, 4 TENSOR, 7 INTS) }. */
function attribute(name: string, value: Attribute): readonly Uint8Array[] {
  if (typeof value === "number") return [field(1, name), intField(3, value), intField(20, 2)];
  if ("data" in value) return [field(1, name), field(5, tensor(value)), intField(20, 4)];
  return [field(1, name), ...value.map((n) => intField(8, n)), intField(20, 7)];
}
