import { chunksDisagree } from "../core/errors.js";
import type { Chunk } from "../schema/types.js";
import { isBlankSpan } from "./lines.js";

/**
 * Proves that chunks hold their document: own spans in order and disjoint, texts
 * equal to the source at their offsets, and nothing but blank characters (what
 * `\s` matches) outside of own spans.
 *
 * @returns how many characters are in no own span
 * @throws RagError `chunks_disagree`, which no text should ever cause
 */
export function blankOutside(document: string, source: string, chunks: readonly Chunk[]): number {
  let blank = 0;
  let at = 0;
  for (const { start, ownStart, end, text } of chunks) {
    if (ownStart < at || start > ownStart || end <= ownStart)
      throw chunksDisagree(document, ownStart, "spans overlap or are empty");
    if (text !== source.slice(start, end)) throw chunksDisagree(document, start, "a chunk's text is not the source's");
    if (!isBlankSpan(source, { start: at, end: ownStart })) throw chunksDisagree(document, at, "text is in no chunk");
    blank += ownStart - at;
    at = end;
  }
  if (!isBlankSpan(source, { start: at, end: source.length }))
    throw chunksDisagree(document, at, "text is in no chunk");
  return blank + source.length - at;
}
