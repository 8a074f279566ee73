import { editDistance } from "../core/edit-distance.js";

/** Something that can be asked for, and every name it has. */
export interface Named {
  readonly key: string;
  readonly names: readonly string[];
}

/** Compared at most this far: a longer name is no slip of the fingers, and the distance costs length times length. */
const LONGEST = 100;

/** At most three keys with a name like this one, nearest first: within a third of its letters, or one inside the other. */
export function nearNames(name: string, candidates: readonly Named[]): string[] {
  const wanted = name.toLowerCase().slice(0, LONGEST);
  const distance = (other: string) => {
    const known = other.toLowerCase();
    if (wanted.length >= 3 && (known.includes(wanted) || wanted.includes(known))) return 1;
    const edits = editDistance(wanted, known);
    return edits <= Math.max(2, wanted.length / 3) ? edits : Number.POSITIVE_INFINITY;
  };
  return candidates
    .map(({ key, names }) => {
      const short = names.map((other) => other.slice(other.indexOf("/") + 1));
      return { key, edits: Math.min(...[...names, ...short].map(distance)) };
    })
    .filter(({ edits }) => Number.isFinite(edits))
    .sort((a, b) => a.edits - b.edits)
    .slice(0, 3)
    .map(({ key }) => key);
}
