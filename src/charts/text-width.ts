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
