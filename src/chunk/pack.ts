import { cannotSplit } from "../core/errors.js";
import type { Block, BlockKind } from "./block-state.js";
import { ladderOf, type Rung } from "./boundaries.js";
import { type Span, trimmed } from "./lines.js";
import type { Meter, Tokens } from "./meter.js";

/** How well an edge of a chunk is placed: at a block's edge, where a reader would cut, or inside a sentence or line. */
export type Edge = 1 | 0.5 | 0;

/** A block or a part of one, its indentation kept and the blank around it left out. */
interface Piece extends Span {
  readonly kind: BlockKind;
  readonly opens: Edge;
  readonly closes: Edge;
}

interface Counted extends Piece {
  readonly tokens: Tokens;
}

/** Pieces that make one chunk, within all limits. */
export interface Pack extends Span {
  readonly tokens: Tokens;
  readonly pieces: readonly Piece[];
}

/**
 * Packs the blocks of one section into chunks. Blocks stay whole where they fit
 * the limits, and follow each other in a chunk up to the target. A block that
 * does not fit is taken apart at the best places that give parts that do. A
 * short heading does not stand alone before a block of its section.
 *
 * Pieces are counted once and their sums decide; then each chunk is counted as
 * a whole, since tokenizers join words across pieces, and gives up its last
 * pieces where that is above a limit.
 *
 * @returns packs in order, and null wherever the caller may pause
 * @throws RagError `cannot_split` where one character alone is above a limit
 */
export function* packBlocks(
  document: string,
  source: string,
  blocks: readonly Block[],
  meter: Meter,
): Generator<Pack | null> {
  let open: Counted[] = [];
  let sum: Tokens = [];

  const push = (piece: Counted) => {
    sum = open.length === 0 ? piece.tokens : plus(sum, piece.tokens);
    open.push(piece);
  };

  /** Whether the open pieces are but headings, short and near, that a piece belongs under. */
  const isUnderHeading = ({ start }: Piece) => {
    const [first] = open;
    if (!first || open.at(-1)?.kind !== "heading") return false;
    return 2 * (start - first.start) <= meter.longest && meter.withinTarget(plus(sum, sum));
  };

  /** Whether a piece may follow the open ones: up to the target, or up to the limits under a heading. */
  const joins = (piece: Counted) => {
    const [first] = open;
    if (!first) return true;
    if (piece.end - first.start > meter.longest) return false;
    return isUnderHeading(piece) ? meter.fits(plus(sum, piece.tokens)) : meter.withinTarget(plus(sum, piece.tokens));
  };

  function* add(piece: Piece, tokens: Tokens | null, ladder: readonly Rung[]): Generator<Pack | null> {
    yield null;
    const counted = tokens ?? countPiece(source, piece, meter);
    const whole = counted && meter.fits(counted) ? { ...piece, tokens: counted } : null;
    if (whole && joins(whole)) return push(whole);
    const [rung, ...finer] = ladder;
    if (whole && !(rung && isUnderHeading(piece))) {
      yield* emit();
      return yield* add(piece, counted, ladder);
    }
    if (!rung)
      throw cannotSplit(
        document,
        piece.start,
        source.slice(piece.start, piece.end),
        meter.strictest.model,
        meter.strictest.max,
      );
    for (const part of partsOf(source, piece, rung, meter.least)) {
      if (part) yield* add(part, sameSpan(part, piece) ? counted : null, finer);
      else yield null;
    }
  }

  /** Makes a pack of the open pieces, or of as many as stay within the limits together; one alone does. */
  function* emit(): Generator<Pack | null> {
    const pieces = open;
    for (let size = pieces.length; size > 0; size--) {
      const pack = packOf(source, pieces.slice(0, size), meter);
      yield null;
      if (!meter.fits(pack.tokens)) continue;
      yield pack;
      open = [];
      for (const piece of pieces.slice(size)) push(piece);
      return;
    }
  }

  for (const { kind, start, end, items } of blocks) {
    const span = trimmed(source, start, end);
    if (span) yield* add({ ...span, kind, opens: 1, closes: 1 }, null, ladderOf(kind, items));
  }
  while (open.length > 0) yield* emit();
}

function plus(a: Tokens, b: Tokens): Tokens {
  return a.map((count, i) => count + (b[i] as number));
}

function countPiece(source: string, { start, end }: Span, meter: Meter): Tokens | null {
  return end - start > meter.longest ? null : meter.count(source.slice(start, end));
}

function packOf(source: string, pieces: readonly Counted[], meter: Meter): Pack {
  const first = pieces[0] as Counted;
  const { end } = pieces.at(-1) as Counted;
  const tokens = pieces.length === 1 ? first.tokens : meter.count(source.slice(first.start, end));
  return { start: first.start, end, tokens, pieces };
}

function* partsOf(source: string, piece: Piece, { parts, natural }: Rung, least: number): Generator<Piece | null> {
  const cut: Edge = natural ? 0.5 : 0;
  let from = piece.start;
  const part = (to: number): Piece | null => {
    const span = trimmed(source, from, to);
    return (
      span && {
        ...span,
        kind: piece.kind,
        opens: from === piece.start ? piece.opens : cut,
        closes: to === piece.end ? piece.closes : cut,
      }
    );
  };
  for (const at of parts(source, piece, least)) {
    yield at === null ? null : part(at);
    if (at !== null) from = at;
  }
  yield part(piece.end);
}

function sameSpan(a: Span, b: Span): boolean {
  return a.start === b.start && a.end === b.end;
}
