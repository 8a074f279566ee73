import { type Cursor, isSpace, skipCharacters, skipColumns, skipIndent } from "./cursor.js";

/*
 * How lines of Markdown begin a block: CommonMark 0.31, sections 4 and 5, and the
 * tables of GitHub Flavored Markdown 0.29, section 4.10. Every test takes time
 * linear in the line's length, whatever the line holds.
 */

/** A code fence: its character, and how many of them. */
export interface Fence {
  readonly char: string;
  readonly length: number;
}

/** The fence that opens at the cursor, or null. The rest of a line of backticks must not hold another one. */
export function openingFence({ text, nonSpace }: Cursor): Fence | null {
  const char = text[nonSpace];
  if (char !== "`" && char !== "~") return null;
  let end = nonSpace + 1;
  while (text[end] === char) end++;
  if (end - nonSpace < 3 || (char === "`" && text.includes("`", end))) return null;
  return { char, length: end - nonSpace };
}

/** Whether the line closes a fence. */
export function closesFence({ text, nonSpace, indent }: Cursor, fence: Fence): boolean {
  if (indent > 3) return false;
  let end = nonSpace;
  while (text[end] === fence.char) end++;
  return end - nonSpace >= fence.length && text.slice(end).trim() === "";
}

/** The level of the ATX heading at the cursor, or 0. */
export function atxLevel({ text, nonSpace }: Cursor): number {
  let end = nonSpace;
  while (text[end] === "#") end++;
  const level = end - nonSpace;
  return level >= 1 && level <= 6 && (end === text.length || isSpace(text.charCodeAt(end))) ? level : 0;
}

/** The level of the heading that this line underlines, or 0. */
export function setextLevel({ text, nonSpace }: Cursor): number {
  const line = text.slice(nonSpace);
  return /^=+[ \t]*$/.test(line) ? 1 : /^-+[ \t]*$/.test(line) ? 2 : 0;
}

/** Three or more of `*`, `_` or `-`, alone on their line. */
export function isThematicBreak({ text, nonSpace }: Cursor): boolean {
  const char = text[nonSpace];
  if (char !== "*" && char !== "_" && char !== "-") return false;
  let end = text.length;
  while (isSpace(text.charCodeAt(end - 1))) end--;
  // Most lines that begin like one end otherwise; "- - - text" would else be read once for every list it opens.
  if (text[end - 1] !== char) return false;
  let count = 0;
  for (let at = nonSpace; at < end; at++) {
    if (text[at] === char) count++;
    else if (!isSpace(text.charCodeAt(at))) return false;
  }
  return count >= 3;
}

/** A list item's marker. */
export interface ListMarker {
  /** What items of one list share: the bullet, or the character after the number. */
  readonly kind: string;
  /** Columns that the item's further lines must be indented by, counted from its container. */
  readonly indent: number;
}

/**
 * Consumes the list marker at the cursor, or returns null and leaves the cursor.
 *
 * @param inParagraph whether the item would interrupt a paragraph: it must then hold text and begin at 1
 */
export function takeListMarker(cursor: Cursor, inParagraph: boolean): ListMarker | null {
  const { text, nonSpace, indent } = cursor;
  const marker = /^(?:[-+*]|(\d{1,9})[.)])/.exec(text.slice(nonSpace, nonSpace + 10));
  if (!marker) return null;
  const width = marker[0].length;
  const after = nonSpace + width;
  if (after < text.length && !isSpace(text.charCodeAt(after))) return null;
  if (inParagraph && ((marker[1] !== undefined && Number(marker[1]) !== 1) || text.slice(after).trim() === ""))
    return null;
  skipIndent(cursor);
  skipCharacters(cursor, width);
  // Five columns or more are one column and indented code.
  const padding = cursor.blank || cursor.indent > 4 ? 1 : cursor.indent;
  skipColumns(cursor, padding);
  return { kind: marker[0].slice(-1), indent: indent + width + padding };
}

const BLOCK_TAGS =
  "address|article|aside|base|basefont|blockquote|body|caption|center|col|colgroup|dd|details|dialog|dir|div|dl|dt|fieldset|figcaption|figure|footer|form|frame|frameset|h[1-6]|head|header|hr|html|iframe|legend|li|link|main|menu|menuitem|nav|noframes|ol|optgroup|option|p|param|search|section|summary|table|tbody|td|tfoot|th|thead|title|tr|track|ul";

/** Pairs of what opens a block of HTML and what ends it; null where a blank line does. */
const HTML: readonly (readonly [RegExp, RegExp | null])[] = [
  [/^<(?:script|pre|textarea|style)(?:[\s>]|$)/i, /<\/(?:script|pre|textarea|style)>/i],
  [/^<!--/, /-->/],
  [/^<\?/, /\?>/],
  [/^<![a-z]/i, />/],
  [/^<!\[CDATA\[/, /\]\]>/],
  [new RegExp(`^</?(?:${BLOCK_TAGS})(?:\\s|/?>|$)`, "i"), null],
];

const ATTRIBUTE = "[ \\t]+[a-z_:][\\w.:-]*(?:[ \\t]*=[ \\t]*(?:[^\\s\"'=<>`]+|'[^']*'|\"[^\"]*\"))?";
const WHOLE_TAG = new RegExp(`^<(?:[a-z][a-z0-9-]*(?:${ATTRIBUTE})*[ \\t]*/?|/[a-z][a-z0-9-]*[ \\t]*)>[ \\t]*$`, "i");

/** Longest line that is tried as one whole tag: the bound of the only test that is not linear. */
const LONGEST_TAG = 1000;

/** What ends the block of HTML that opens at the cursor: an expression, null for a blank line; undefined where none opens. */
export function htmlEnd({ text, nonSpace }: Cursor, inParagraph: boolean): RegExp | null | undefined {
  if (text[nonSpace] !== "<") return undefined;
  const line = text.slice(nonSpace);
  for (const [start, end] of HTML) if (start.test(line)) return end;
  return !inParagraph && line.length <= LONGEST_TAG && WHOLE_TAG.test(line) ? null : undefined;
}

/** Whether the line is the row of dashes under a table's head of `header`. */
export function isDelimiterRow({ text, nonSpace }: Cursor, header: string): boolean {
  const line = text.slice(nonSpace).trim();
  if (!/^[|:\- \t]+$/.test(line) || !/[|:]/.test(line)) return false;
  const cells = cellsOf(line);
  if (!cells.every((cell) => /^:?-+:?$/.test(cell.trim()))) return false;
  return cells.length === cellsOf(header.trim()).length;
}

/** Text between the unescaped bars of a row; bars at its ends are no cell of their own. */
function cellsOf(row: string): string[] {
  const cells: string[] = [];
  let from = row.startsWith("|") ? 1 : 0;
  for (let at = from; at < row.length; at++) {
    if (row[at] === "\\") at++;
    else if (row[at] === "|") {
      cells.push(row.slice(from, at));
      from = at + 1;
    }
  }
  if (from < row.length) cells.push(row.slice(from));
  return cells;
}

/** Whether a line of a paragraph is a link reference definition as most are written: on one line. */
export function isDefinition(line: string): boolean {
  return /^ {0,3}\[(?:[^[\]\\]|\\.)+\]:[ \t]*\S+(?:[ \t]+(?:"[^"]*"|'[^']*'|\([^)]*\)))?[ \t]*$/.test(line);
}
