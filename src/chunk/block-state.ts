import type { Fence } from "./starts.js";

/** What a block of a document is. `quote` and `list` hold all that stands inside them. */
export type BlockKind =
  | "heading"
  | "paragraph"
  | "code"
  | "html"
  | "table"
  | "list"
  | "quote"
  | "break"
  | "front_matter";

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
export interface Container {
  readonly kind: "quote" | "item";
  /** Columns that an item's further lines are indented by. */
  readonly indent: number;
  /** An item that holds nothing yet. */
  empty: boolean;
}

/** An open paragraph. Its last line may turn out to be the head of a table. */
export interface Paragraph {
  readonly kind: "paragraph";
  readonly lastLine: string;
  readonly lastStart: number;
  /** Where the outermost block ended before the last line. */
  readonly endBefore: number;
  /** So far nothing but link reference definitions, which can't be underlined. */
  readonly definitions: boolean;
}

/** The innermost open block. */
export type Leaf =
  | { readonly kind: "none" | "indented" | "table" }
  | Paragraph
  | { readonly kind: "fence"; readonly fence: Fence }
  | { readonly kind: "html"; readonly until: RegExp | null };

/** A block that may still grow. */
export type Draft = { -readonly [K in keyof Omit<Block, "items">]: Block[K] } & { items: number[]; marker: string };

/** What is open at a line's start, and what it completes. */
export interface State {
  readonly containers: Container[];
  /** How many containers the line continues. */
  matched: number;
  leaf: Leaf;
  current: Draft | null;
  finished: Block | null;
}

/** No leaf is open. */
export const NONE: Leaf = { kind: "none" };

/** The state before the first line. */
export function initialState(): State {
  return { containers: [], matched: 0, leaf: NONE, current: null, finished: null };
}

/** Whether the line does not continue all containers. Text then still goes on with an open paragraph. */
export function isLazy(state: State): boolean {
  return state.matched < state.containers.length;
}

/** Ends the open leaf, and the containers that the line does not continue. */
export function closeUnmatched(state: State): void {
  state.containers.length = state.matched;
  state.leaf = NONE;
}

/** A block that is complete. */
export function blockOf({ kind, start, end, level, items }: Draft): Block {
  return { kind, start, end, level, items };
}
