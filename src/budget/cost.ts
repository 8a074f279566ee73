import type { ModelShape } from "../schema/device-types.js";

/** How fast a device is; see {@link ../schema/simulated-types.js}. */
export interface Speed {
  /** Arithmetic in a second where batches are large enough. */
  readonly flops: number;
  /** Tokens in a batch at which half of that is reached. */
  readonly halfTokens: number;
  /** Seconds that every batch takes beside its arithmetic. */
  readonly launchSeconds: number;
}

const MIB = 2 ** 20;
const GIB = 2 ** 30;

/**
 * Arithmetic of one batch, a multiplication with its addition counted as two: in
 * each layer four matrices of the attention and two of the feed-forward part for
 * every token, and the two products of the attention itself, which grow with the
 * square of the length. A vocabulary output (SPLADE) adds its own matrix.
 */
export function flopsOf(shape: ModelShape, rows: number, length: number): number {
  const { layers, hidden, intermediate, vocabulary } = shape;
  const matrices = 8 * hidden * hidden + 4 * hidden * intermediate;
  const attention = 4 * length * hidden;
  const head = shape.vocabularyOutput ? 2 * hidden * (hidden + vocabulary) : 0;
  return rows * length * (layers * (matrices + attention) + head);
}

/** Seconds of one batch: small ones leave most of a device idle, so its speed rises with the tokens of a batch and levels off. */
export function secondsOf(speed: Speed, shape: ModelShape, rows: number, length: number): number {
  const idle = 1 + speed.halfTokens / (rows * length);
  return speed.launchSeconds + (flopsOf(shape, rows, length) * idle) / speed.flops;
}

/**
 * Bytes that one batch takes beside the model, before an allocator rounds them up.
 * One layer's buffers are there at a time:
 * - linear in the tokens: the layer's input, its residual, queries, keys, values and the attention's
 *   result, the feed-forward part before and behind its activation, and the states in float32 for the pooling;
 * - the attention's square term: `heads * length^2` scores a row, before and behind the softmax;
 * - the vocabulary term (SPLADE): a number for every word and token, as the model gives it, in float32 and masked.
 */
export function activationBytes(shape: ModelShape, rows: number, length: number): number {
  const { hidden, heads, intermediate, vocabulary, numberBytes } = shape;
  const tokens = rows * length;
  const linear = tokens * (numberBytes * (6 * hidden + 2 * intermediate) + 2 * 4 * hidden);
  const square = 2 * numberBytes * heads * length * tokens;
  const words = shape.vocabularyOutput ? tokens * vocabulary * (numberBytes + 2 * 4) : 0;
  return linear + square + words;
}

/**
 * What onnxruntime's arena takes of the device for `bytes`: it grows by powers of
 * two from 1 MiB on, by at most 1 GiB at a time, and gives nothing back.
 */
export function arenaBytes(bytes: number): number {
  if (bytes <= 0) return 0;
  if (bytes > GIB) return Math.ceil(bytes / GIB) * GIB;
  return 2 ** Math.ceil(Math.log2(Math.max(bytes, MIB)));
}

/** Bytes of one batch on a device, the model included, as the formula says them: what has been measured counts more. */
export function bytesOf(shape: ModelShape, rows: number, length: number): number {
  return shape.weightBytes + arenaBytes(activationBytes(shape, rows, length));
}
