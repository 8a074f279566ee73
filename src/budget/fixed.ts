import type { MemoryLimits, ModelShape } from "../schema/device-types.js";
import { arenaBytes, batchBytes } from "./cost.js";

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
