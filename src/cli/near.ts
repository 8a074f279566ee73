/** Names within two edits of `word` or beginning with it, nearest first, at most three. */
export function nearNames(word: string, names: readonly string[]): string[] {
  return names
    .map((name) => ({ name, edits: name.startsWith(word) ? 0 : edits(word, name) }))
    .filter((candidate) => word !== "" && candidate.edits <= 2)
    .sort((a, b) => a.edits - b.edits)
    .slice(0, 3)
    .map((candidate) => candidate.name);
}

/** Levenshtein's distance. */
function edits(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i += 1) {
    const row = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const swap = (previous[j - 1] as number) + (a[i - 1] === b[j - 1] ? 0 : 1);
      row.push(Math.min(swap, (previous[j] as number) + 1, (row[j - 1] as number) + 1));
    }
    previous = row;
  }
  return previous[b.length] as number;
}
