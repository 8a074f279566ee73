import { activationBytes } from "../core/batch-cost.js";
import type { ModelShape } from "../schema/device-types.js";

const MIB = 2 ** 20;
const GIB = 2 ** 30;

/** Bytes that one batch takes beside the model, before an allocator rounds them up: all terms together. */
export function batchBytes(shape: ModelShape, rows: number, length: number): number {
  const { linear, square, words } = activationBytes(shape, rows, length);
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
