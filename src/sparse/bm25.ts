import { badBm25Setting } from "../core/errors.js";
import { canonicalJson, sha256 } from "../core/hash.js";
import type { SparseMatrix, SparseVector } from "../core/sparse-matrix.js";
import { sum } from "../core/stats.js";
import { pacer } from "../runtime/pace.js";
import { type TermCounts, termCounter } from "./bm25-counts.js";
import { type Bm25Language, termsOf } from "./bm25-terms.js";
import { sortByCodePoint } from "./bm25-vocabulary.js";

/** Counts that a packed pair has room for. */
const COUNTS = 2 ** 29;

/** Settings of BM25; what is absent is as {@link bm25Defaults} says. */
export interface Bm25Options {
  readonly language?: Bm25Language;
  /** How fast a repeated term stops adding, >= 0. */
  readonly k1?: number;
  /** How much long texts are held against themselves, 0 to 1. */
  readonly b?: number;
}

/** Settings after defaults. */
export type Bm25Settings = Required<Bm25Options>;

/** English, k1 1.2, b .75: the values of Lucene. */
export const bm25Defaults: Bm25Settings = { language: "english", k1: 1.2, b: 0.75 };

/** The weights of a corpus, one row a text in the order they were added. */
export interface Bm25Index {
  /** Its `space` is `bm25:` and 16 hex digits that stand for vocabulary and settings. */
  readonly matrix: SparseMatrix;
  /** Terms by index, in the order of their code points. */
  readonly vocabulary: readonly string[];
}

/** Takes a corpus text by text; see {@link bm25Builder}. */
export interface Bm25Builder {
  /** The next row. A text without terms makes an empty row. */
  add(text: string): void;
  /** Weighs all rows. The builder is used up. Rejects with the signal's reason once it aborts. */
  finish(signal?: AbortSignal): Promise<Bm25Index>;
}

/** Settings after defaults. @throws RagError `bad_bm25_setting` */
export function bm25Settings(options: Bm25Options = {}): Bm25Settings {
  const settings = { ...bm25Defaults, ...options };
  const { language, k1, b } = settings;
  if (language !== "english" && language !== "none")
    throw badBm25Setting("language", language, 'must be "english" or "none"');
  if (!(Number.isFinite(k1) && k1 >= 0)) throw badBm25Setting("k1", k1, "must be a number from 0 up");
  if (!(b >= 0 && b <= 1)) throw badBm25Setting("b", b, "must be a number from 0 to 1");
  return settings;
}

/**
 * Okapi BM25 (Robertson et al. 1994) as sparse vectors. A document's weight for a
 * term it holds `tf` times, among `N` texts with terms, `df` of them with this one:
 *
 *     ln(1 + (N - df + .5) / (df + .5)) * tf * (k1 + 1) / (tf + k1 * (1 - b + b * length / mean length))
 *
 * The first factor is Lucene's idf, always above 0; lengths count terms. A query's
 * weights are its term counts ({@link bm25Query}), so the dot product of the two
 * is the BM25 score. Memory: 8 bytes a distinct term of a text, plus the vocabulary.
 *
 * @throws RagError `bad_bm25_setting`
 */
export function bm25Builder(options: Bm25Options = {}): Bm25Builder {
  const settings = bm25Settings(options);
  const terms = termsOf(settings.language);
  const counter = termCounter();
  return {
    add: (text) => counter.add(terms(text)),
    finish: (signal) => weigh(counter.take(), settings, signal),
  };
}

/** Looks words up by {@link Bm25Index.vocabulary}'s order. */
export function vocabularyIndex(vocabulary: readonly string[]): ReadonlyMap<string, number> {
  return new Map(vocabulary.map((word, index) => [word, index]));
}

/**
 * A query in the space of a corpus: its terms and how often it holds them. Terms
 * that no document has are left out, so the vector may be empty.
 *
 * @param options the ones the corpus was weighed with
 */
export function bm25Query(text: string, index: ReadonlyMap<string, number>, options: Bm25Options = {}): SparseVector {
  const counts = new Map<number, number>();
  for (const term of termsOf(bm25Settings(options).language)(text)) {
    const at = index.get(term);
    if (at !== undefined) counts.set(at, (counts.get(at) ?? 0) + 1);
  }
  const indices = Uint32Array.from(counts.keys()).sort();
  return { indices, values: Float32Array.from(indices, (at) => counts.get(at) as number) };
}

/** Numbers the terms anew by code point and puts weights in the place of counts, row by row, in the arrays it is given. */
async function weigh(corpus: TermCounts, settings: Bm25Settings, signal?: AbortSignal): Promise<Bm25Index> {
  const { numbers, documentFrequencies, ends, lengths, terms: indices, counts: values } = corpus;
  const { k1, b } = settings;
  const vocabulary = await sortByCodePoint(numbers.keys(), signal);
  const pace = pacer(signal);
  const filled = lengths.filter((length) => length > 0).length;
  const meanLength = sum(lengths) / filled;

  const newNumber = new Uint32Array(vocabulary.length);
  const idf = new Float64Array(vocabulary.length);
  for (const [at, word] of vocabulary.entries()) {
    const number = numbers.get(word) as number;
    const df = documentFrequencies[number] as number;
    newNumber[number] = at;
    idf[at] = Math.log(1 + (filled - df + 0.5) / (df + 0.5));
    const turn = pace();
    if (turn) await turn;
  }

  const indptr = new Float64Array(ends.length + 1);
  for (const [row, end] of ends.entries()) {
    const from = indptr[row] as number;
    indptr[row + 1] = end;
    const damping = k1 * (1 - b + (b * (lengths[row] as number)) / meanLength);
    // Index and count in one float64, so that sorting needs no comparison function: a Map
    // takes at most 2^24 words and a string has fewer than 2^29 characters, together 2^53.
    const packed = new Float64Array(end - from);
    for (let i = from; i < end; i++) {
      packed[i - from] = (newNumber[indices[i] as number] as number) * COUNTS + (values[i] as number);
    }
    packed.sort();
    packed.forEach((pair, i) => {
      const at = Math.floor(pair / COUNTS);
      const tf = pair - at * COUNTS;
      indices[from + i] = at;
      values[from + i] = ((idf[at] as number) * tf * (k1 + 1)) / (tf + damping);
    });
    const turn = pace();
    if (turn) await turn;
  }
  const space = `bm25:${sha256(canonicalJson({ vocabulary: sha256(vocabulary.join("\n")), ...settings })).slice(0, 16)}`;
  return { matrix: { indptr, indices, values, rows: ends.length, space }, vocabulary };
}
