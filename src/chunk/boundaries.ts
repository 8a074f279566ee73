import type { BlockKind } from "./block-state.js";
import { eachLine, isBlankSpan, type Span } from "./lines.js";

/** Offsets inside a span at which its parts begin, ascending, and null wherever the caller may pause. Parts hold at least `least` characters where the parts are words or less. */
type Parts = (source: string, span: Span, least: number) => Iterable<number | null>;

/** One way to take a block apart. */
export interface Rung {
  readonly parts: Parts;
  /** Whether a reader would cut there too, unlike in the middle of a sentence. */
  readonly natural: boolean;
}

/** Steps of a loop between two chances to pause. */
const STEP = 4096;

function* afterBlankLines(source: string, { start, end }: Span): Iterable<number | null> {
  let blank = false;
  let count = 0;
  for (const line of eachLine(source, start, end)) {
    if (++count % STEP === 0) yield null;
    const isBlank = isBlankSpan(source, line);
    if (blank && !isBlank) yield line.start;
    blank = isBlank;
  }
}

function* lineStarts(source: string, { start, end }: Span): Iterable<number | null> {
  for (const line of eachLine(source, start, end)) if (line.start > start) yield line.start;
}

/** Ends of sentences that need a space after them, with up to three closing marks. */
const SENTENCE_END = /[.!?…؟।॥]["'”’»)\]*_]{0,3}$/u;

/** By punctuation alone, so that a boundary depends on no version of a locale's rules. An abbreviation ends a sentence too. */
function* sentenceStarts(source: string, { start, end }: Span): Iterable<number | null> {
  const text = source.slice(start, end);
  let count = 0;
  for (const { 0: match, index } of text.matchAll(/\s+|[。！？｡]["'”’」』）)\]]{0,3}/gu)) {
    if (++count % STEP === 0) yield null;
    const isEnd = match.trim() !== "" || SENTENCE_END.test(text.slice(Math.max(0, index - 4), index));
    if (isEnd && index + match.length < text.length) yield start + index + match.length;
  }
}

/** After white space. */
export function* wordStarts(source: string, { start, end }: Span, least: number): Iterable<number | null> {
  let last = start;
  for (const { 0: match, index } of source.slice(start, end).matchAll(/\s+/g)) {
    const at = start + index + match.length;
    if (at - last < least || at === end) continue;
    yield at;
    last = at;
  }
}

/** Between two characters as readers see them, by the engine's Unicode tables. */
export function* characterStarts(source: string, { start, end }: Span, least: number): Iterable<number | null> {
  let last = start;
  for (const { index } of new Intl.Segmenter("und", { granularity: "grapheme" }).segment(source.slice(start, end))) {
    if (start + index - last < least || index === 0) continue;
    yield start + index;
    last = start + index;
  }
}

/** Between two code points: never inside a surrogate pair. */
function* codePointStarts(source: string, { start, end }: Span): Iterable<number | null> {
  for (let at = start; at < end; ) {
    if (at > start) yield at;
    at += (source.codePointAt(at) as number) > 0xffff ? 2 : 1;
  }
}

const AFTER_BLANK_LINES: Rung = { parts: afterBlankLines, natural: true };
const LINES: Rung = { parts: lineStarts, natural: true };
const SENTENCES: Rung = { parts: sentenceStarts, natural: true };
const WORDS: readonly Rung[] = [
  { parts: wordStarts, natural: false },
  { parts: characterStarts, natural: false },
  { parts: (source, span) => characterStarts(source, span, 1), natural: false },
  { parts: codePointStarts, natural: false },
];

const PROSE = [SENTENCES, LINES, ...WORDS];
const CODE = [AFTER_BLANK_LINES, LINES, ...WORDS];
const LADDERS: Readonly<Record<BlockKind, readonly Rung[]>> = {
  heading: PROSE,
  paragraph: PROSE,
  break: PROSE,
  code: CODE,
  html: CODE,
  front_matter: CODE,
  table: [LINES, ...WORDS],
  list: [AFTER_BLANK_LINES, LINES, SENTENCES, ...WORDS],
  quote: [LINES, SENTENCES, ...WORDS],
};

/** The ways to take a block apart, best first: code at blank lines, tables by rows, lists by items, prose by sentences; then lines, words, characters. */
export function ladderOf(kind: BlockKind, items: readonly number[]): readonly Rung[] {
  const ladder = LADDERS[kind];
  return items.length > 1
    ? [{ parts: (_, { start }) => items.filter((item) => item > start), natural: true }, ...ladder]
    : ladder;
}
