import type { TokenBatch } from "../runtime/types.js";
import type { PreparedPiece } from "./frames.js";
import type { Piece } from "./queue.js";

/** What of a claim is ready to be computed. */
export interface ReadyBatch {
  readonly pieces: readonly Piece[];
  readonly batch: readonly PreparedPiece[];
  /** As they are sent: the list that {@link openClaim} has told of. */
  readonly microBatches: readonly TokenBatch[];
  /** Pieces of the claim that were not prepared in time. */
  readonly rest: readonly Piece[];
}

/** A batch that a device has taken and that is prepared piece by piece. */
export interface Claim {
  readonly pieces: readonly Piece[];
  /**
   * Ends preparing: the device waits for the first piece, and for none behind it.
   *
   * @throws what preparing the first piece threw
   */
  begin(): Promise<ReadyBatch>;
}

/**
 * Begins to prepare a batch.
 *
 * @param grown told the list of what is ready, each time that it has grown
 */
export function openClaim(
  pieces: readonly Piece[],
  prepare: (rows: readonly number[]) => Promise<PreparedPiece>,
  grown: (microBatches: readonly TokenBatch[]) => void = () => {},
): Claim {
  const batch: PreparedPiece[] = [];
  const microBatches: TokenBatch[] = [];
  let begun = false;
  const next = async (): Promise<void> => {
    const { rows } = pieces[batch.length] as Piece;
    const piece = await prepare(rows);
    // Too late for the device, unless that waits for it.
    if (begun && batch.length > 0) return;
    batch.push(piece);
    microBatches.push(piece.padded);
    grown(microBatches);
  };
  const others = async (): Promise<void> => {
    while (!begun && batch.length < pieces.length) await next();
  };
  const first = next();
  // The first is thrown where it is awaited; the others are prepared again, and throw again, with the next claim.
  first.then(others).catch(() => {});
  return {
    pieces,
    async begin() {
      begun = true;
      await first;
      return { pieces: pieces.slice(0, batch.length), batch, microBatches, rest: pieces.slice(batch.length) };
    },
  };
}
