import { wordTooLong } from "../core/errors.js";
import { canonicalJson, sha256 } from "../core/hash.js";
import type { Chunk } from "../schema/types.js";
import { markdownBlocks } from "./blocks.js";
import { contentTypeOf } from "./classify.js";
import type { HeadingText } from "./heading.js";
import type { Meter } from "./meter.js";
import { overlapStart } from "./overlap.js";
import { type Pack, packBlocks } from "./pack.js";
import { textBlocks } from "./plain.js";
import { densityOf, structureOf } from "./score.js";
import { sectionsOf } from "./sections.js";
import { findLongWord } from "./words.js";

/** A document's text and what its chunks say of it. */
export interface SplitInput {
  readonly document: string;
  readonly documentId: string;
  readonly source: string;
  readonly format: "markdown" | "text";
}

/**
 * Cuts a document into chunks: by headings (Markdown) or not at all (text), then
 * by tokens. A generator, so that a long document need not hold the event loop.
 *
 * @returns chunks in order, and null wherever the caller may pause
 * @throws RagError `word_too_long`, `cannot_split`, `bad_token_count`
 */
export function* splitDocument(input: SplitInput, meter: Meter, headingText: HeadingText): Generator<Chunk | null> {
  const { document, source, format } = input;
  const { maxWordLength } = meter.options;
  const word = yield* findLongWord(source, maxWordLength);
  if (word)
    throw wordTooLong(document, word.start, word.length, maxWordLength, source.slice(word.start, word.start + 40));
  const blocks = format === "markdown" ? markdownBlocks(source) : textBlocks(source);
  let index = 0;
  for (const section of sectionsOf(source, blocks, headingText)) {
    if (!section) {
      yield null;
      continue;
    }
    let from: number | null = null;
    for (const pack of packBlocks(document, source, section.blocks, meter)) {
      yield pack && chunkOf(input, pack, section.path, index++, from ?? pack.start, meter);
      if (pack) from ??= pack.start;
    }
  }
}

function chunkOf(
  input: SplitInput,
  pack: Pack,
  sectionPath: readonly string[],
  index: number,
  from: number,
  meter: Meter,
): Chunk {
  const { document, documentId, source } = input;
  const { start: ownStart, end, pieces } = pack;
  const start = overlapStart(source, from, pack, meter);
  const text = source.slice(start, end);
  const tokens = start === ownStart ? pack.tokens : meter.count(text);
  const [first, last] = [pieces[0], pieces.at(-1)];
  return {
    id: `chk-${sha256(canonicalJson([document, start, end, text])).slice(0, 24)}`,
    document,
    documentId,
    index,
    text,
    start,
    ownStart,
    end,
    sectionPath,
    contentType: contentTypeOf(pieces),
    tokens: meter.total(tokens),
    scores: { density: densityOf(text), structure: structureOf(first?.opens ?? 1, last?.closes ?? 1) },
  };
}
