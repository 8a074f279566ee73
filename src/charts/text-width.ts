const NARROW = new Set("ijlftrI.,:;'|!()[]{}\"`/\\- ");
const WIDE = new Set("mwMWQO@%&—…");

/**
 * Width of a text in pixels, estimated without a canvas: by classes of letters,
 * as wide as the widest of the common interface fonts (DejaVu Sans) has them, so
 * that a label has room in whatever font the page really uses.
 */
export function textWidth(text: string, fontSize: number): number {
  let ems = 0;
  for (const letter of text) {
    const code = letter.codePointAt(0) as number;
    if (code >= 0x1100) ems += code >= 0x2000 && code < 0x2e80 ? 0.8 : 1.05;
    else if (NARROW.has(letter)) ems += 0.39;
    else if (WIDE.has(letter)) ems += 0.95;
    else if (letter >= "A" && letter <= "Z") ems += 0.69;
    else ems += 0.63;
  }
  return ems * fontSize;
}

/** A text cut to the pixels it has, at a chart's font size. */
export function fit(text: string, pixels: number, cut: (text: string, most: number) => string): string {
  let most = 40;
  while (most > 1 && textWidth(cut(text, most), 11) > pixels) most--;
  return cut(text, most);
}
