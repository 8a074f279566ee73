import type { DenseBatch, SparseBatch } from "./types.js";

/** A tensor as a session returns it. */
export interface OutputTensor {
  readonly type: string;
  readonly dims: readonly number[];
  readonly data: unknown;
}

/**
 * One float32 vector a row; dimensions behind the first are flattened.
 *
 * @throws RangeError for another number of rows or another element type
 */
export function denseOutput(tensor: OutputTensor, rows: number): DenseBatch {
  const { data, dim } = floatRows(tensor, rows);
  return { kind: "dense", data, dim };
}

/** The non-zero terms of each row: what is above 0, and NaN, so that a broken model can't pass for an empty text. */
export function sparseOutput(tensor: OutputTensor, rows: number): SparseBatch {
  const { data, dim } = floatRows(tensor, rows);
  const indptr = new Uint32Array(rows + 1);
  const indices: number[] = [];
  const values: number[] = [];
  for (let row = 0; row < rows; row++) {
    for (let term = 0, at = row * dim; term < dim; term++, at++) {
      const value = data[at] as number;
      if (value <= 0) continue;
      indices.push(term);
      values.push(value);
    }
    indptr[row + 1] = indices.length;
  }
  return { kind: "sparse", indptr, indices: Uint32Array.from(indices), values: Float32Array.from(values), dim };
}

/**
 * The rows of several outputs as one, in their order.
 *
 * @throws RangeError for outputs of another kind or width than the first
 */
export function joinOutputs(outputs: readonly (DenseBatch | SparseBatch)[]): DenseBatch | SparseBatch {
  const [first] = outputs;
  if (!first) throw new RangeError("there are no outputs to join");
  if (outputs.length === 1) return first;
  const [dense, sparse]: [DenseBatch[], SparseBatch[]] = [[], []];
  for (const output of outputs) {
    if (output.kind !== first.kind || output.dim !== first.dim)
      throw new RangeError(`the outputs of one batch are ${first.dim} and ${output.dim} wide`);
    if (output.kind === "dense") dense.push(output);
    else sparse.push(output);
  }
  const { dim } = first;
  if (first.kind === "dense") return { kind: "dense", data: joinFloats(dense.map(({ data }) => data)), dim };
  const rows = sparse.reduce((sum, { indptr }) => sum + indptr.length - 1, 0);
  const terms = sparse.reduce((sum, { indices }) => sum + indices.length, 0);
  const indptr = new Uint32Array(rows + 1);
  const indices = new Uint32Array(terms);
  let [row, at] = [0, 0];
  for (const part of sparse) {
    for (let r = 1; r < part.indptr.length; r++) indptr[++row] = at + (part.indptr[r] as number);
    indices.set(part.indices, at);
    at += part.indices.length;
  }
  return { kind: "sparse", indptr, indices, values: joinFloats(sparse.map(({ values }) => values)), dim };
}

function joinFloats(pieces: readonly Float32Array[]): Float32Array {
  const all = new Float32Array(pieces.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const piece of pieces) {
    all.set(piece, at);
    at += piece.length;
  }
  return all;
}

function floatRows(tensor: OutputTensor, rows: number): { data: Float32Array; dim: number } {
  const { type, dims, data } = tensor;
  if (!(data instanceof Float32Array))
    throw new RangeError(`the output holds ${type}, not float32; use weights with float32 outputs`);
  const dim = dims.slice(1).reduce((product, size) => product * size, 1);
  if (dims[0] !== rows || data.length !== rows * dim)
    throw new RangeError(`the output's shape is [${dims.join(", ")}] for a batch of ${rows} rows`);
  return { data, dim };
}
