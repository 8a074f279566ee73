import { type Cursor, cursorOn, isSpace, skipCharacters, skipColumns, skipIndent } from "./cursor.js";
import { frontMatterEnd } from "./front-matter.js";
import { eachLine } from "./lines.js";
import {
  atxLevel,
  closesFence,
  type Fence,
  htmlEnd,
  isDefinition,
  isDelimiterRow,
  isThematicBreak,
  openingFence,
  setextLevel,
  takeListMarker,
} from "./starts.js";

/** What a block of a document is. `quote` and `list` hold all that stands inside them. */
export type BlockKind = "heading" | "paragraph" | "code" | "html" | "table" | "list" | "quote" | "break" | "front_matter";

/** A block that stands in no other: from the start of its first line to the end of its last line that is not blank. */
export interface Block {
  readonly kind: BlockKind;
  readonly start: number;
  readonly end: number;
  /** 1 to 6 for a heading, else 0. */
  readonly level: number;
  /** Where the items of a list begin; empty for others. */
  readonly items: readonly number[];
}

/** A quote or a list item that is open. */
interface Container {
  readonly kind: "quote" | "item";
  /** Columns that an item's further lines are indented by. */
  readonly indent: number;
  /** An item that holds nothing yet. */
  empty: boolean;
}

/** An open paragraph. Its last line may turn out to be the head of a table. */
interface Paragraph {
  readonly kind: "paragraph";
  lastLine: string;
  lastStart: number;
  /** Where the outermost block ended before the last line. */
  endBefore: number;
  /** So far nothing but link reference definitions, which can't be underlined. */
  definitions: boolean;
}

/** The innermost open block. */
type Leaf =
  | { readonly kind: "none" | "indented" | "table" }
  | Paragraph
  | { readonly kind: "fence"; readonly fence: Fence }
  | { readonly kind: "html"; readonly until: RegExp | null };

type Draft = { -readonly [K in keyof Omit<Block, "items">]: Block[K] } & { items: number[]; marker: string };

interface State {
  readonly containers: Container[];
  /** How many containers the line continues. */
  matched: number;
  leaf: Leaf;
  current: Draft | null;
  finished: Block | null;
}

const NONE: Leaf = { kind: "none" };

/** Characters between two chances to pause: about a millisecond. */
const STEP = 65_536;

/** Quotes and list items in each other; what would open more of them is text. */
const DEEPEST = 100;

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
  const state: State = { containers: [], matched: 0, leaf: NONE, current: null, finished: null };
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

function blockOf({ kind, start, end, level, items }: Draft): Block {
  return { kind, start, end, level, items };
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

/** Not all containers continue, which a paragraph outlives. */
function isLazy(state: State): boolean {
  return state.matched < state.containers.length;
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

function takeQuoteMark(cursor: Cursor): boolean {
  if (cursor.indent > 3 || cursor.text[cursor.nonSpace] !== ">") return false;
  skipIndent(cursor);
  skipCharacters(cursor, 1);
  if (isSpace(cursor.text.charCodeAt(cursor.at))) skipColumns(cursor, 1);
  return true;
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

/** Opens the block that begins at the cursor, if one does: a container, whose content comes next, or a leaf. */
function openBlock(state: State, cursor: Cursor, start: number): "container" | "leaf" | "nothing" {
  const { leaf } = state;
  const paragraph = leaf.kind === "paragraph" && !isLazy(state) ? leaf : null;
  if (cursor.indent > 3) return leaf.kind === "paragraph" ? "nothing" : openLeaf(state, "code", start, { kind: "indented" });
  const rest = cursor.text.slice(cursor.nonSpace);
  const room = state.matched < DEEPEST;
  if (room && rest.startsWith(">")) {
    openContainer(state, "quote", start, { kind: "quote", indent: 0, empty: false });
    takeQuoteMark(cursor);
    return "container";
  }
  const level = atxLevel(cursor);
  if (level > 0) return openLeaf(state, "heading", start, NONE, level);
  const fence = openingFence(cursor);
  if (fence) return openLeaf(state, "code", start, { kind: "fence", fence });
  const until = htmlEnd(cursor, leaf.kind === "paragraph");
  if (until !== undefined) return openLeaf(state, "html", start, until?.test(rest) ? NONE : { kind: "html", until });
  const underlined = paragraph && !paragraph.definitions ? setextLevel(cursor) : 0;
  if (underlined > 0) return underline(state, underlined);
  if (isThematicBreak(cursor)) return openLeaf(state, "break", start, NONE);
  const marker = room ? takeListMarker(cursor, paragraph !== null) : null;
  if (marker) {
    openContainer(state, "list", start, { kind: "item", indent: marker.indent, empty: cursor.blank }, marker.kind);
    return "container";
  }
  if (paragraph && isDelimiterRow(cursor, paragraph.lastLine)) return openTable(state, paragraph);
  return "nothing";
}

function closeUnmatched(state: State): void {
  state.containers.length = state.matched;
  state.leaf = NONE;
}

function openLeaf(state: State, kind: BlockKind, start: number, leaf: Leaf, level = 0): "leaf" {
  closeUnmatched(state);
  begin(state, { kind, start, end: start, level, items: [], marker: "" });
  state.leaf = leaf;
  return "leaf";
}

function openContainer(state: State, kind: BlockKind, start: number, container: Container, marker = ""): void {
  closeUnmatched(state);
  const { current } = state;
  const sameList = state.matched === 0 && marker !== "" && current?.marker === marker;
  if (sameList) current.items.push(start);
  else begin(state, { kind, start, end: start, level: 0, items: marker === "" ? [] : [start], marker });
  state.containers.push(container);
  state.matched++;
}

/** A new block; one that stands in a container is part of the outermost one. */
function begin(state: State, draft: Draft): void {
  const innermost = state.containers.at(-1);
  if (innermost) {
    innermost.empty = false;
    return;
  }
  if (state.current) state.finished = blockOf(state.current);
  state.current = draft;
}

/** What was a paragraph so far is a heading. */
function underline(state: State, level: number): "leaf" {
  if (state.containers.length === 0 && state.current) Object.assign(state.current, { kind: "heading", level });
  state.leaf = NONE;
  return "leaf";
}

/** The last line of a paragraph is the head of a table; lines before it stay a paragraph. */
function openTable(state: State, { lastStart, endBefore }: Paragraph): "leaf" {
  const { current } = state;
  if (state.containers.length === 0 && current) {
    if (current.start === lastStart) current.kind = "table";
    else {
      current.end = endBefore;
      begin(state, { kind: "table", start: lastStart, end: lastStart, level: 0, items: [], marker: "" });
    }
  }
  state.leaf = { kind: "table" };
  return "leaf";
}

/** The rest of the line is text: of the open paragraph, also where its containers do not continue, or of a new one. */
function addText(state: State, cursor: Cursor, start: number): void {
  const lastLine = cursor.text.slice(cursor.nonSpace);
  const { leaf } = state;
  if (leaf.kind === "table" && !isLazy(state)) return;
  const definitions = isDefinition(lastLine) && (leaf.kind !== "paragraph" || leaf.definitions);
  const paragraph: Paragraph = { kind: "paragraph", lastLine, lastStart: start, endBefore: state.current?.end ?? start, definitions };
  if (leaf.kind === "paragraph") state.leaf = paragraph;
  else openLeaf(state, "paragraph", start, paragraph);
}
