/** Longest text that a tokenizer is given at once, in UTF-16 code units. */
const PIECE = 16_384;

const LETTER = /[\p{L}\p{N}]/u;

/**
 * Cuts a long text into pieces that a tokenizer can take one by one. Cuts stand
 * before a single space between words, where tokenizers cut too, so that the pieces
 * give the same tokens as the whole. A piece without such a place (one huge word)
 * is cut between two characters: tokens next to that cut may differ from those of
 * the whole, which can't be had, because tokenizers take more than linear time
 * or overflow the stack on it.
 *
 * @param keepSpace whether a piece begins with the space (byte-level BPE), or the tokenizer puts its own mark there
 */
export function* pieces(text: string, keepSpace: boolean): Generator<string> {
  let from = 0;
  while (text.length - from > PIECE) {
    const space = lastSpace(text, from + PIECE / 2, from + PIECE);
    const to = space > 0 ? space : from + PIECE - (isLowSurrogate(text, from + PIECE) ? 1 : 0);
    yield text.slice(from, to);
    from = space > 0 && !keepSpace ? to + 1 : to;
  }
  yield text.slice(from);
}

function lastSpace(text: string, from: number, to: number): number {
  for (let at = to; at > from; at--) {
    if (text[at] === " " && LETTER.test(text[at - 1] as string) && LETTER.test(text[at + 1] ?? "")) return at;
  }
  return -1;
}

function isLowSurrogate(text: string, at: number): boolean {
  return (text.charCodeAt(at) & 0xfc00) === 0xdc00;
}
