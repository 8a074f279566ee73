/** Largest share of a batch's tokens that is padding. */
const MOST_WASTE = 0.1;

/**
 * How many of the next rows make a batch without much padding, longest first: fewer
 * than memory would allow where lengths fall off steeply, since every row is padded to the first.
 *
 * @param lengths tokens of the rows, none longer than the one before
 * @param from the first row of the batch
 * @param most rows that the budget allows
 */
export function rowsWithoutPadding(lengths: ArrayLike<number>, from: number, most: number): number {
  const longest = lengths[from] as number;
  let tokens = 0;
  let good = 1;
  for (let rows = 1; rows <= Math.min(most, lengths.length - from); rows++) {
    tokens += lengths[from + rows - 1] as number;
    if (tokens >= rows * longest * (1 - MOST_WASTE)) good = rows;
  }
  return good;
}
