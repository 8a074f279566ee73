/** A place in one line of Markdown. Columns count tabs up to the next multiple of 4, as CommonMark 0.31 section 2.2 says. */
export interface Cursor {
  readonly text: string;
  /** Index of the next character. */
  at: number;
  /** Column of the next character; inside a tab that is half consumed, more than the tab's own. */
  column: number;
  /** Index of the next character that is neither space nor tab. */
  nonSpace: number;
  /** Columns from `column` to `nonSpace`. */
  indent: number;
  /** Nothing but spaces and tabs is left. */
  blank: boolean;
}

const TAB = 9;
const SPACE = 32;

/** A cursor at the start of a line, which comes without its line ending. */
export function cursorOn(text: string): Cursor {
  const cursor: Cursor = { text, at: 0, column: 0, nonSpace: 0, indent: 0, blank: false };
  look(cursor);
  return cursor;
}

/** Sets `nonSpace`, `indent` and `blank`. Every function below leaves them up to date. */
function look(cursor: Cursor): void {
  const { text } = cursor;
  let at = cursor.at;
  let column = cursor.column;
  for (; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === SPACE) column++;
    else if (code === TAB) column += 4 - (column % 4);
    else break;
  }
  cursor.nonSpace = at;
  cursor.indent = column - cursor.column;
  cursor.blank = at === text.length;
}

/** Goes past `count` columns of white space, or as many as there are; a tab may be consumed in part. */
export function skipColumns(cursor: Cursor, count: number): void {
  let left = Math.min(count, cursor.indent);
  cursor.indent -= left;
  while (left > 0) {
    const width = cursor.text.charCodeAt(cursor.at) === TAB ? 4 - (cursor.column % 4) : 1;
    cursor.column += Math.min(left, width);
    if (width <= left) cursor.at++;
    left -= width;
  }
}

/** Goes to the next character that is no white space. */
export function skipIndent(cursor: Cursor): void {
  cursor.column += cursor.indent;
  cursor.at = cursor.nonSpace;
  cursor.indent = 0;
}

/** Goes past `count` characters that are neither tabs nor line endings. */
export function skipCharacters(cursor: Cursor, count: number): void {
  cursor.at += count;
  cursor.column += count;
  look(cursor);
}

/** Whether a character code is a space or a tab; false past the end of a line. */
export function isSpace(code: number): boolean {
  return code === SPACE || code === TAB;
}
