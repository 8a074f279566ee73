import type { Block } from "./block-state.js";
import type { HeadingText } from "./heading.js";

/** Consecutive blocks under one path of headings. Never empty. */
export interface Section {
  /** Headings above the blocks, their own included, outermost first. A heading without text adds none. */
  readonly path: readonly string[];
  readonly blocks: readonly Block[];
}

/**
 * Groups blocks under their headings. A heading that is followed by a deeper one
 * at once has no text of its own and is kept with that one's section, so that it
 * makes no chunk of three words. Front matter is a section of its own.
 *
 * @returns sections, and null wherever the caller may pause
 */
export function* sectionsOf(
  source: string,
  blocks: Iterable<Block | null>,
  headingText: HeadingText,
): Generator<Section | null> {
  const above: { readonly level: number; readonly title: string }[] = [];
  let path: readonly string[] = [];
  let open: Block[] = [];
  for (const block of blocks) {
    if (!block) {
      yield null;
      continue;
    }
    if (block.kind === "heading") {
      const last = open.at(-1);
      const bare = open.length > 0 && open.every(({ kind }) => kind === "heading");
      if (last && !(bare && block.level > last.level)) {
        yield { path, blocks: open };
        open = [];
      }
      while ((above.at(-1)?.level ?? 0) >= block.level) above.pop();
      above.push({ level: block.level, title: headingText(source.slice(block.start, block.end)) });
      path = above.map(({ title }) => title).filter((title) => title !== "");
    }
    open.push(block);
    if (block.kind === "front_matter") {
      yield { path, blocks: open };
      open = [];
    }
  }
  if (open.length > 0) yield { path, blocks: open };
}
