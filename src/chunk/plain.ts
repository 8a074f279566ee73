import type { Block } from "./block-state.js";
import { eachLine, isBlankSpan } from "./lines.js";

/** Characters between two chances to pause. */
const STEP = 65_536;

/**
 * The paragraphs of a plain text, which blank lines part. No line of it is a heading.
 *
 * @returns paragraphs, and null wherever the caller may pause
 */
export function* textBlocks(source: string): Generator<Block | null> {
  let start = -1;
  let last = 0;
  let paused = 0;
  for (const line of eachLine(source)) {
    if (!isBlankSpan(source, line)) {
      if (start === -1) start = line.start;
      last = line.end;
    } else if (start !== -1) {
      yield { kind: "paragraph", start, end: last, level: 0, items: [] };
      start = -1;
    }
    if (line.end - paused > STEP) {
      paused = line.end;
      yield null;
    }
  }
  if (start !== -1) yield { kind: "paragraph", start, end: last, level: 0, items: [] };
}
