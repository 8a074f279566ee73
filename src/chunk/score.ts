import { isBlank } from "./lines.js";
import type { Edge } from "./pack.js";

const WORD = /[\p{L}\p{M}\p{N}]/u;

/**
 * The share of letters, marks and digits among the characters (code points) that
 * are not blank, in 0..1: about 0.97 for prose, 0.8 for code, near 0 for a ruler. 0 for blank text.
 */
export function densityOf(text: string): number {
  let words = 0;
  let all = 0;
  for (let at = 0; at < text.length; at++) {
    const code = text.codePointAt(at) as number;
    if (code > 0xffff) at++;
    if (isBlank(code)) continue;
    all++;
    if (isWord(code)) words++;
  }
  return all === 0 ? 0 : words / all;
}

function isWord(code: number): boolean {
  if (code < 0x80)
    return (code >= 0x61 && code <= 0x7a) || (code >= 0x41 && code <= 0x5a) || (code >= 0x30 && code <= 0x39);
  return WORD.test(String.fromCodePoint(code));
}

/**
 * How whole a chunk is, in 0..1: the mean of its two edges, each 1 at the edge of
 * a block, 0.5 where a block was cut at a sentence, line, row or item, 0 inside one of these.
 */
export function structureOf(first: Edge, last: Edge): number {
  return (first + last) / 2;
}
