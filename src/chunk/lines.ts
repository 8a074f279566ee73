/** A line of a text: `source.slice(start, end)`, its ending not included; the next one begins at `next`. */
export interface Line {
  readonly start: number;
  readonly end: number;
  readonly next: number;
}

/** The lines of `source.slice(from, to)`. Lines end at LF, CR LF or CR alone, as in CommonMark. */
export function* eachLine(source: string, from = 0, to = source.length): Generator<Line> {
  const find = (ending: string, start: number) => {
    const at = source.indexOf(ending, start);
    return at === -1 ? to : at;
  };
  // What was found is kept until it is passed: a text without one of the two is searched for it once.
  let cr = find("\r", from);
  let lf = find("\n", from);
  for (let start = from; start < to; ) {
    if (cr < start) cr = find("\r", start);
    if (lf < start) lf = find("\n", start);
    const first = Math.min(cr, lf, to);
    const next = first === to ? to : first + (first === cr && lf === cr + 1 ? 2 : 1);
    yield { start, end: first, next: Math.min(next, to) };
    start = next;
  }
}

/** Whether `\s` matches a character code: what counts as blank everywhere in the chunker. */
export function isBlank(code: number): boolean {
  if (code <= 0x20) return code === 0x20 || (code >= 0x09 && code <= 0x0d);
  if (code < 0xa0) return false;
  return (
    code === 0xa0 ||
    code === 0x1680 ||
    (code >= 0x2000 && code <= 0x200a) ||
    code === 0x2028 ||
    code === 0x2029 ||
    code === 0x202f ||
    code === 0x205f ||
    code === 0x3000 ||
    code === 0xfeff
  );
}

/** A stretch of a text: `source.slice(start, end)`. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

/**
 * A stretch without the blank characters around it, or null where all of it is
 * blank. The indentation of its first line is kept, for code means it.
 */
export function trimmed(source: string, start: number, end: number): Span | null {
  let to = end;
  while (to > start && isBlank(source.charCodeAt(to - 1))) to--;
  if (to === start) return null;
  let from = start;
  while (isBlank(source.charCodeAt(from))) from++;
  let indent = from;
  while (indent > start && (source[indent - 1] === " " || source[indent - 1] === "\t")) indent--;
  return { start: indent === 0 || source[indent - 1] === "\n" || source[indent - 1] === "\r" ? indent : from, end: to };
}

/** Whether a stretch holds blank characters only. */
export function isBlankSpan(source: string, { start, end }: Span): boolean {
  let at = start;
  while (at < end && isBlank(source.charCodeAt(at))) at++;
  return at === end;
}
