import { type Block, blockOf, closeUnmatched, initialState, isLazy, NONE, type State } from "./block-state.js";
import { type Cursor, cursorOn, skipColumns, skipIndent } from "./cursor.js";
import { frontMatterEnd } from "./front-matter.js";
import { eachLine } from "./lines.js";
import { addText, openBlock, takeQuoteMark } from "./open-block.js";
import { closesFence } from "./starts.js";

/** Characters between two chances to pause: about a millisecond. */
const STEP = 65_536;

/**
 * The outermost blocks of a Markdown text, in order, by the strategy of the
 * appendix of CommonMark 0.31, with GFM tables and front matter. Every line is
 * read once over a flat stack of at most 100 open containers, so neither time nor
 * depth can blow up, whatever the text. Inline markup is not read, and a link
 * reference definition counts as a paragraph.
 *
 * @returns blocks, and null wherever the caller may pause
 */
export function* markdownBlocks(source: string): Generator<Block | null> {
  const matter = frontMatterEnd(source);
  if (matter > 0) yield { kind: "front_matter", start: 0, end: matter, level: 0, items: [] };
  const state = initialState();
  let paused = matter;
  for (const { start, end } of eachLine(source, matter)) {
    const cursor = cursorOn(source.slice(start, end));
    const isText = !cursor.blank;
    readLine(state, cursor, start);
    if (isText && state.current) state.current.end = end;
    if (state.finished) yield state.finished;
    state.finished = null;
    if (end - paused > STEP) {
      paused = end;
      yield null;
    }
  }
  if (state.current) yield blockOf(state.current);
}

function readLine(state: State, cursor: Cursor, start: number): void {
  matchContainers(state, cursor);
  if (!isLazy(state) && continuesLeaf(state, cursor)) return;
  while (!cursor.blank) {
    const opened = openBlock(state, cursor, start);
    if (opened === "leaf") return;
    if (opened === "nothing") break;
  }
  if (cursor.blank) {
    if (isLazy(state) || state.leaf.kind === "paragraph") closeUnmatched(state);
  } else addText(state, cursor, start);
}

function matchContainers(state: State, cursor: Cursor): void {
  state.matched = 0;
  for (const container of state.containers) {
    if (container.kind === "quote") {
      if (!takeQuoteMark(cursor)) return;
    } else if (cursor.blank) {
      if (container.empty) return;
      skipIndent(cursor);
    } else if (cursor.indent >= container.indent) skipColumns(cursor, container.indent);
    else return;
    state.matched++;
  }
}

/** Whether the open leaf takes the line; a leaf that ends with it or before it is closed. */
function continuesLeaf(state: State, cursor: Cursor): boolean {
  const { leaf } = state;
  switch (leaf.kind) {
    case "fence":
      if (closesFence(cursor, leaf.fence)) state.leaf = NONE;
      return true;
    case "html":
      if (leaf.until ? leaf.until.test(cursor.text.slice(cursor.nonSpace)) : cursor.blank) state.leaf = NONE;
      return true;
    case "indented":
      if (cursor.indent > 3 || cursor.blank) return true;
      state.leaf = NONE;
      return false;
    case "table":
      if (cursor.blank) state.leaf = NONE;
      return cursor.blank;
    default:
      return false;
  }
}
