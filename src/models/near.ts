import { editDistance } from "../core/edit-distance.js";
import type { ModelCard } from "../schema/model-types.js";

/** Compared at most this far: a longer name is no slip of the fingers, and the distance costs length times length. */
const LONGEST = 100;

/** Keys of at most three rows with a name like this one: within a third of its letters, or one inside the other. */
export function nearNames(
  name: string,
  rows: readonly ModelCard[],
  namesOf: (row: ModelCard) => readonly string[],
): string[] {
  const wanted = name.toLowerCase().slice(0, LONGEST);
  const distance = (other: string) => {
    const known = other.toLowerCase();
    if (wanted.length >= 4 && (known.includes(wanted) || wanted.includes(known))) return 1;
    const edits = editDistance(wanted, known);
    return edits <= Math.max(2, wanted.length / 3) ? edits : Number.POSITIVE_INFINITY;
  };
  return rows
    .map((row) => {
      const names = namesOf(row).flatMap((other) => [other, other.slice(other.indexOf("/") + 1)]);
      return { key: row.key, edits: Math.min(...names.map(distance)) };
    })
    .filter(({ edits }) => Number.isFinite(edits))
    .sort((a, b) => a.edits - b.edits)
    .slice(0, 3)
    .map(({ key }) => key);
}
