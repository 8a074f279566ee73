import type { ContentType } from "../schema/types.js";
import type { BlockKind } from "./block-state.js";
import type { Span } from "./lines.js";

const TYPES: Readonly<Record<BlockKind, ContentType>> = {
  heading: "prose",
  paragraph: "prose",
  quote: "prose",
  html: "prose",
  break: "prose",
  code: "code",
  table: "table",
  list: "list",
  front_matter: "front_matter",
};

/** What most characters of a chunk's pieces belong to; of equal shares, what comes first. */
export function contentTypeOf(pieces: readonly (Span & { readonly kind: BlockKind })[]): ContentType {
  const shares = new Map<ContentType, number>();
  for (const { kind, start, end } of pieces) shares.set(TYPES[kind], (shares.get(TYPES[kind]) ?? 0) + end - start);
  let best: ContentType = "prose";
  for (const [type, share] of shares) if (share > (shares.get(best) ?? 0)) best = type;
  return best;
}
