import { canonicalJson, sha256 } from "../../core/hash.js";
import type { DeviceKind } from "../../schema/device-types.js";
import type { Pooling } from "../../schema/model-types.js";
import type { RowSpace } from "./payload.js";

/** Everything but the text that decides a vector. */
export interface VectorSpace {
  /** Registry key. It is shown, and no part of the identity: the same files under another name give the same vectors. */
  readonly model: string;
  /**
   * sha256 over weights, tokenizer and configuration. It stands for the revision too:
   * a commit that changed none of these files is the same model.
   */
  readonly fingerprint: string;
  readonly dtype: string;
  /** Kind of device that computes: each has kernels of its own, so last bits differ, and more than those with fp16. */
  readonly device: DeviceKind;
  readonly pooling: Pooling;
  /** Whether vectors are scaled to length 1. */
  readonly normalize: boolean;
  /** What is put before every text. */
  readonly prefix: string;
  /** Longest input in tokens, special tokens included. */
  readonly maxTokens: number;
  readonly output: "dense" | "sparse";
  /** Numbers of a dense row as the model gives it, before any cut; the vocabulary's size for a sparse one. */
  readonly width: number;
  /** The version of the code and of the libraries that decide a vector's bits. */
  readonly encoder: string;
}

/** A space as its rows are looked up: equal hashes mean that equal texts have equal vectors. */
export function rowSpace(space: VectorSpace): RowSpace {
  const { model, ...decisive } = space;
  const { dtype, output, width } = space;
  return { hash: Buffer.from(sha256(canonicalJson(decisive)), "hex"), model, dtype, output, width };
}
