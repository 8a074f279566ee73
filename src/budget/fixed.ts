import type { MemoryLimits, ModelShape } from "../schema/device-types.js";
import { arenaBytes, batchBytes } from "./cost.js";
import type { BudgetInput } from "./types.js";

/** Largest batch of a fixed plan, in tokens: beyond it a GPU gains little. */
const MOST_TOKENS = 16_384;
/** The formula counts double: nothing is measured, and the plan can't be changed on the way. */
const CAREFUL = 2;

/**
 * Tokens of a batch, padding included, for a plan that is made before the pass and
 * kept: the largest power of two that is expected to fit by a wide margin. A pure
 * function of what it is given, so that the same rows give the same batches on every machine.
 *
 * @returns 0 where not even one row of that length is expected to fit
 */
export function fixedTokens(shape: ModelShape, limits: MemoryLimits, length: number): number {
  const bytes = (tokens: number, careful: number) =>
    shape.weightBytes + arenaBytes(careful * batchBytes(shape, tokens / length, length));
  for (let tokens = MOST_TOKENS; tokens > length; tokens /= 2) {
    if (bytes(tokens, CAREFUL) <= limits.softBytes) return tokens;
  }
  return bytes(length, 1) <= limits.softBytes ? length : 0;
}

/** Why a row does not fit, in bytes. */
export interface TooLarge {
  /** Tokens of the row. */
  readonly length: number;
  /** Used by others before the model was loaded. */
  readonly baseBytes: number;
  /** Used by the loaded model, as read, or else as large as its files. */
  readonly modelBytes: number;
  /** What one row of that length is expected to take beside the model. */
  readonly rowBytes: number;
  readonly softBytes: number;
  readonly capBytes: number;
  /** Tokens of the longest row that is expected to fit; 0 where the model alone is too large. */
  readonly longest: number;
}

/** The figures of a row that does not fit: what an error says. */
export function tooLarge(input: Omit<BudgetInput, "longest">, length: number): TooLarge {
  const { shape, limits, baseBytes, loadedBytes, remembered } = input;
  const modelBytes = loadedBytes === null ? shape.weightBytes : loadedBytes - baseBytes;
  const rowBytes = (tokens: number) => arenaBytes(batchBytes(shape, 1, tokens) * (remembered?.bytesFactor ?? 1));
  let longest = length;
  while (longest > 0 && baseBytes + modelBytes + rowBytes(longest) > limits.softBytes)
    longest = Math.floor(longest * 0.95);
  return {
    length,
    baseBytes,
    modelBytes,
    rowBytes: rowBytes(length),
    softBytes: limits.softBytes,
    capBytes: limits.capBytes,
    longest,
  };
}
