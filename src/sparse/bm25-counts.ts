import { ownCopy } from "./bm25-terms.js";

/** Term counts of texts in compact arrays, 8 bytes a distinct term of a text, terms numbered as they are met. */
export interface TermCounts {
  /** Number of each term. */
  readonly numbers: ReadonlyMap<string, number>;
  /** Texts that hold each term, by number. */
  readonly documentFrequencies: Uint32Array;
  /** Text `t` owns `ends[t - 1] .. ends[t]` of the two arrays below. */
  readonly ends: readonly number[];
  /** Terms of each text, repeated ones counted again. */
  readonly lengths: readonly number[];
  readonly terms: Uint32Array;
  readonly counts: Float32Array;
}

/** Collects the counts of one text after another. */
export interface TermCounter {
  add(terms: readonly string[]): void;
  /** The counts so far; the counter must not be used afterwards. */
  take(): TermCounts;
}

/** Starts an empty {@link TermCounter}. */
export function termCounter(): TermCounter {
  const numbers = new Map<string, number>();
  const ends: number[] = [];
  const lengths: number[] = [];
  const touched: number[] = [];
  let used = 0;
  let terms = new Uint32Array(4096);
  let counts = new Float32Array(4096);
  let inText = new Uint32Array(1024);
  let documentFrequencies = new Uint32Array(1024);

  return {
    add(words) {
      touched.length = 0;
      for (const word of words) {
        let number = numbers.get(word);
        if (number === undefined) {
          number = numbers.size;
          numbers.set(ownCopy(word), number);
          if (number === inText.length) {
            inText = grown(inText, number + 1);
            documentFrequencies = grown(documentFrequencies, number + 1);
          }
        }
        if (inText[number] === 0) touched.push(number);
        inText[number] = (inText[number] as number) + 1;
      }
      if (used + touched.length > terms.length) {
        terms = grown(terms, used + touched.length);
        counts = grown(counts, used + touched.length);
      }
      for (const number of touched) {
        terms[used] = number;
        counts[used++] = inText[number] as number;
        inText[number] = 0;
        documentFrequencies[number] = (documentFrequencies[number] as number) + 1;
      }
      ends.push(used);
      lengths.push(words.length);
    },
    take() {
      terms = terms.slice(0, used);
      counts = counts.slice(0, used);
      return { numbers, documentFrequencies: documentFrequencies.slice(0, numbers.size), ends, lengths, terms, counts };
    },
  };
}

/** The array with room for at least `need`, half as large again, so that many small additions copy little. */
function grown<T extends Uint32Array | Float32Array>(array: T, need: number): T {
  const larger = new (array.constructor as new (length: number) => T)(Math.max(need, Math.ceil(array.length * 1.5)));
  larger.set(array);
  return larger;
}
