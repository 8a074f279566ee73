/**
 * Offset of the first byte of the first sequence that is no UTF-8 by table 3-7
 * of the Unicode standard, or -1 where all of it is.
 */
export function firstBadByte(bytes: Uint8Array): number {
  for (let at = 0; at < bytes.length; ) {
    const length = lengthAt(bytes, at);
    if (length === 0) return at;
    at += length;
  }
  return -1;
}

/** First bytes from which a row holds, the sequence's length, and the range of its second byte. */
const ROWS: readonly (readonly [from: number, length: number, low: number, high: number])[] = [
  [0xf5, 0, 0, 0],
  [0xf4, 4, 0x80, 0x8f],
  [0xf1, 4, 0x80, 0xbf],
  [0xf0, 4, 0x90, 0xbf],
  [0xee, 3, 0x80, 0xbf],
  [0xed, 3, 0x80, 0x9f],
  [0xe1, 3, 0x80, 0xbf],
  [0xe0, 3, 0xa0, 0xbf],
  [0xc2, 2, 0x80, 0xbf],
];

/** Length of the well-formed sequence at an offset, or 0. */
function lengthAt(bytes: Uint8Array, at: number): number {
  const first = bytes[at] as number;
  if (first < 0x80) return 1;
  const [, length, low, high] = ROWS.find(([from]) => first >= from) ?? [0, 0, 0, 0];
  for (let i = 1; i < length; i++) {
    const byte = bytes[at + i] ?? 0;
    if (byte < (i === 1 ? low : 0x80) || byte > (i === 1 ? high : 0xbf)) return 0;
  }
  return length;
}
