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

/** Bytes that one batch takes beside the model, before an allocator rounds them up: the three terms that grow differently. */
export interface ActivationBytes {
  /** Linear in the tokens: one layer's states, and the states in float32 for the pooling. */
  readonly linear: number;
  /** `heads * length^2` scores a row, before and behind the softmax. */
  readonly square: number;
  /** A number for every word and token (SPLADE): as the model gives it, in float32 and masked. */
  readonly words: number;
}

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

/** Bytes of a batch whose attention is not fused. Layers follow each other and use the same memory again. */
export function activationBytes(shape: ModelShape, rows: number, length: number): ActivationBytes {
  const { hidden, heads, intermediate, vocabulary, numberBytes } = shape;
  const tokens = rows * length;
  return {
    // Input, residual, queries, keys, values and the attention's result; before and behind the activation.
    linear: tokens * (numberBytes * (6 * hidden + 2 * intermediate) + 2 * 4 * hidden),
    square: 2 * numberBytes * heads * length * tokens,
    words: shape.vocabularyOutput ? tokens * vocabulary * (numberBytes + 2 * 4) : 0,
  };
}
