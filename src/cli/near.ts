import { editDistance } from "../core/edit-distance.js";

/** Names within two edits of `word` or beginning with it, nearest first, at most three. */
export function nearNames(word: string, names: readonly string[]): string[] {
  return names
    .map((name) => ({ name, edits: name.startsWith(word) ? 0 : editDistance(word, name) }))
    .filter((candidate) => word !== "" && candidate.edits <= 2)
    .sort((a, b) => a.edits - b.edits)
    .slice(0, 3)
    .map((candidate) => candidate.name);
}
