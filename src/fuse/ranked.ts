import { badRankedList } from "../core/errors.js";
import { byScore, type Scored } from "../core/top-k.js";

/** What one source found for one query, best first, each row at most once. */
export interface RankedList {
  /** Names the source, such as `dense:bge-m3`. */
  readonly source: string;
  readonly ranked: readonly Scored[];
}

/** A row of the fused list. */
export interface FusedRow extends Scored {
  /** 1-based rank in each source that found it. */
  readonly ranks: Readonly<Record<string, number>>;
}

/**
 * Sums what each list contributes to each row; best first, equal sums by lower row.
 *
 * @param contribution of the item at a 0-based position of a list
 * @throws RagError `bad_ranked_list` when two lists have one name, a list has a row twice, or a score is no finite number
 */
export function sumOverLists(
  lists: readonly RankedList[],
  contribution: (list: number, position: number) => number,
): FusedRow[] {
  const names = new Set<string>();
  const found = new Map<number, { score: number; ranks: Map<string, number> }>();
  for (const [list, { source, ranked }] of lists.entries()) {
    if (names.has(source)) throw badRankedList(source, "another list has the same name");
    names.add(source);
    for (const [position, { row, score }] of ranked.entries()) {
      if (!Number.isFinite(score)) throw badRankedList(source, `row ${row} has the score ${score}`);
      let entry = found.get(row);
      if (!entry) {
        entry = { score: 0, ranks: new Map() };
        found.set(row, entry);
      }
      if (entry.ranks.has(source)) throw badRankedList(source, `it has row ${row} twice`);
      entry.score += contribution(list, position);
      entry.ranks.set(source, position + 1);
    }
  }
  return [...found].map(([row, { score, ranks }]) => ({ row, score, ranks: Object.fromEntries(ranks) })).sort(byScore);
}
