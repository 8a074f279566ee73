import {
  type BlockKind,
  blockOf,
  type Container,
  closeUnmatched,
  type Draft,
  isLazy,
  type Leaf,
  NONE,
  type Paragraph,
  type State,
} from "./block-state.js";
import { type Cursor, isSpace, skipCharacters, skipColumns, skipIndent } from "./cursor.js";
import {
  atxLevel,
  htmlEnd,
  isDefinition,
  isDelimiterRow,
  isThematicBreak,
  openingFence,
  setextLevel,
  takeListMarker,
} from "./starts.js";

/** Quotes and list items in each other; what would open more of them is text. */
const DEEPEST = 100;

/** Opens the block that begins at the cursor, if one does: a container, whose content comes next, or a leaf. */
export function openBlock(state: State, cursor: Cursor, start: number): "container" | "leaf" | "nothing" {
  const { leaf } = state;
  const paragraph = leaf.kind === "paragraph" && !isLazy(state) ? leaf : null;
  if (cursor.indent > 3)
    return leaf.kind === "paragraph" ? "nothing" : openLeaf(state, "code", start, { kind: "indented" });
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
export function addText(state: State, cursor: Cursor, start: number): void {
  const lastLine = cursor.text.slice(cursor.nonSpace);
  const { leaf } = state;
  if (leaf.kind === "table" && !isLazy(state)) return;
  const definitions = isDefinition(lastLine) && (leaf.kind !== "paragraph" || leaf.definitions);
  const paragraph: Paragraph = {
    kind: "paragraph",
    lastLine,
    lastStart: start,
    endBefore: state.current?.end ?? start,
    definitions,
  };
  if (leaf.kind === "paragraph") state.leaf = paragraph;
  else openLeaf(state, "paragraph", start, paragraph);
}

/** Consumes the mark of a quote; false where there is none. */
export function takeQuoteMark(cursor: Cursor): boolean {
  if (cursor.indent > 3 || cursor.text[cursor.nonSpace] !== ">") return false;
  skipIndent(cursor);
  skipCharacters(cursor, 1);
  if (isSpace(cursor.text.charCodeAt(cursor.at))) skipColumns(cursor, 1);
  return true;
}
