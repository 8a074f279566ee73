import { pacer } from "../runtime/pace.js";

/**
 * Words in the order of their code points, which is also that of their UTF-8
 * bytes (JavaScript's own order puts U+10000 before U+E000). Sorted by groups
 * with equal first two code units, so that no sort holds the event loop for long.
 *
 * @param signal stops the work with its reason
 */
export async function sortByCodePoint(words: Iterable<string>, signal?: AbortSignal): Promise<string[]> {
  const pace = pacer(signal);
  const groups = new Map<string, string[]>();
  for (const word of words) {
    const head = word.slice(0, 2);
    const group = groups.get(head);
    if (group) group.push(word);
    else groups.set(head, [word]);
    const turn = pace();
    if (turn) await turn;
  }
  const sorted: string[] = [];
  for (const head of [...groups.keys()].sort(byCodePoint)) {
    for (const word of (groups.get(head) as string[]).sort(byCodePoint)) sorted.push(word);
    const turn = pace();
    if (turn) await turn;
  }
  return sorted;
}

/** Compares two strings code point by code point. */
export function byCodePoint(a: string, b: string): number {
  const shared = Math.min(a.length, b.length);
  for (let i = 0; i < shared; i++) {
    const x = a.charCodeAt(i);
    const y = b.charCodeAt(i);
    if (x !== y) return lifted(x) - lifted(y);
  }
  return a.length - b.length;
}

/** Surrogates stand for code points above all others: lift them past U+E000 to U+FFFF. */
function lifted(unit: number): number {
  return unit >= 0xe000 ? unit - 0x800 : unit >= 0xd800 ? unit + 0x2000 : unit;
}
