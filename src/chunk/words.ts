import { isBlank } from "./lines.js";

/** Characters between two chances to pause. */
const STEP = 65_536;

/** A run of characters without a place to break at. */
export interface LongWord {
  readonly start: number;
  readonly length: number;
}

/**
 * The first word that is longer than `most` UTF-16 code units, or null. No
 * tokenizer takes such a word in reasonable time, and no cut in it has a meaning.
 * Scripts that put no spaces between words, and characters beyond the basic plane
 * (emoji), can be broken anywhere and so end a word.
 *
 * @returns yields null wherever the caller may pause
 */
export function* findLongWord(source: string, most: number): Generator<null, LongWord | null> {
  let start = 0;
  for (let at = 0; at < source.length; at++) {
    if (at % STEP === STEP - 1) yield null;
    const code = source.charCodeAt(at);
    if (!(isBlank(code) || breaksAnywhere(code))) continue;
    if (at - start > most) return { start, length: at - start };
    start = at + 1;
  }
  return source.length - start > most ? { start, length: source.length - start } : null;
}

/** Thai, Lao, Tibetan, Myanmar, Khmer; CJK, kana, bopomofo and full-width forms; Hangul; surrogates. */
function breaksAnywhere(code: number): boolean {
  if (code < 0x0e00) return false;
  return (
    code <= 0x109f ||
    (code >= 0x1780 && code <= 0x17ff) ||
    (code >= 0x2e80 && code <= 0xa4cf) ||
    (code >= 0xac00 && code <= 0xdfff) ||
    (code >= 0xf900 && code <= 0xfaff) ||
    (code >= 0xfe30 && code <= 0xfe4f) ||
    (code >= 0xff00 && code <= 0xffef)
  );
}
