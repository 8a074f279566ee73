import { stemmer } from "stemmer";
import { englishStopWords } from "./bm25-stop-words.js";

/** `english` drops stop words and stems; `none` takes words as they are. */
export type Bm25Language = "english" | "none";

/** Longer words are cut to this many UTF-16 code units, in documents and queries alike: a 2 MB "word" costs 64. */
export const LONGEST_WORD = 64;

/**
 * Words whose terms are remembered: one look-up then stands for a dozen regular
 * expressions. The first words met are the frequent ones, so no word is forgotten.
 */
const MEMORY = 50_000;

// Scripts written without spaces. Unicode sets need the `v` flag, which the compiler's target does not know yet.
const unspaced =
  "[[\\p{L}\\p{M}]&&[\\p{scx=Han}\\p{scx=Hira}\\p{scx=Kana}\\p{scx=Hang}\\p{scx=Thai}\\p{scx=Laoo}\\p{scx=Khmr}\\p{scx=Mymr}]]";
const spaced = `[[\\p{L}\\p{M}\\p{N}]--${unspaced}]`;
const words: Readonly<Record<Bm25Language, RegExp>> = {
  english: new RegExp(`${unspaced}+|${spaced}+(?:['\u2019]${spaced}+)*`, "gv"),
  none: new RegExp(`${unspaced}+|${spaced}+`, "gv"),
};
const asciiWords: Readonly<Record<Bm25Language, RegExp>> = {
  english: /[a-z0-9]+(?:'[a-z0-9]+)*/g,
  none: /[a-z0-9]+/g,
};
const startsUnspaced = new RegExp(`^${unspaced}`, "v");

/**
 * Makes the function that turns a text into its terms, in order of appearance.
 *
 * 1. Unicode NFKC, then lower case.
 * 2. Words are runs of letters, marks and digits. In English an apostrophe inside
 *    a word does not end it: `model's` gives `model`, `don't` gives `dont`.
 * 3. Runs of Chinese, Japanese, Korean, Thai, Lao, Khmer or Burmese letters give
 *    their overlapping pairs of characters, a lone character itself.
 * 4. English: stop words go, words of a-z are stemmed (Porter 1980).
 * 5. Words longer than {@link LONGEST_WORD} are cut.
 */
export function termsOf(language: Bm25Language): (text: string) => string[] {
  const toTerm = language === "english" ? englishTerm : cut;
  const remembered = new Map<string, string | null>();
  return (text) => {
    const clean = text.normalize("NFKC").toLowerCase();
    const ascii = /^[\0-\x7f]*$/.test(clean);
    const terms: string[] = [];
    for (const word of clean.match((ascii ? asciiWords : words)[language]) ?? []) {
      if (!ascii && startsUnspaced.test(word)) {
        pushPairs(word, terms);
        continue;
      }
      let term = remembered.get(word);
      if (term === undefined) {
        term = toTerm(word);
        if (remembered.size < MEMORY && word.length <= LONGEST_WORD) remembered.set(ownCopy(word), term);
      }
      if (term !== null) terms.push(term);
    }
    return terms;
  };
}

/** A part of 13 or more characters keeps the whole string alive in V8; a copy of its own does not. */
export function ownCopy(part: string): string {
  return part.length < 13 ? part : Buffer.from(part).toString();
}

function englishTerm(word: string): string | null {
  const bare = cut(word.replace(/['\u2019]s$/, "").replace(/['\u2019]/g, ""));
  if (englishStopWords.has(bare)) return null;
  return ownCopy(/^[a-z]+$/.test(bare) ? stemmer(bare) : bare);
}

function cut(word: string): string {
  if (word.length <= LONGEST_WORD) return word;
  const whole = (word.codePointAt(LONGEST_WORD - 1) as number) <= 0xffff;
  return ownCopy(word.slice(0, whole ? LONGEST_WORD : LONGEST_WORD - 1));
}

function pushPairs(run: string, terms: string[]): void {
  const characters = [...run];
  if (characters.length === 1) terms.push(run);
  for (let i = 1; i < characters.length; i++) terms.push(`${characters[i - 1]}${characters[i]}`);
}
