import { badFusionSetting } from "../core/errors.js";
import { type FusedRow, type RankedList, sumOverLists } from "./ranked.js";

/**
 * Weighted fusion of scores: each list's scores are brought to 0..1 by its own
 * minimum and maximum, multiplied by its weight and summed. A row that a list does
 * not have gets 0 from it, as does the list's own last row. Where all scores of a
 * list are equal, each counts as 1: all were found, and nothing tells them apart.
 *
 * @param weights one a list, in order, 0 or more; 1 each by default
 * @throws RagError `bad_fusion_setting`, `bad_ranked_list`
 */
export function weightedFusion(
  lists: readonly RankedList[],
  weights: readonly number[] = lists.map(() => 1),
): FusedRow[] {
  if (weights.length !== lists.length)
    throw badFusionSetting("weights", weights, `must be one number a list, ${lists.length} in all`);
  const valid = weights.every((weight) => Number.isFinite(weight) && weight >= 0);
  if (!valid || (weights.length > 0 && !weights.some((weight) => weight > 0))) {
    throw badFusionSetting("weights", weights, "must be numbers from 0 up, at least one of them above 0");
  }
  const ranges = lists.map(({ ranked }) => {
    let low = Number.POSITIVE_INFINITY;
    let high = Number.NEGATIVE_INFINITY;
    for (const { score } of ranked) {
      low = Math.min(low, score);
      high = Math.max(high, score);
    }
    return { low, span: high - low };
  });
  return sumOverLists(lists, (list, position) => {
    const { low, span } = ranges[list] as (typeof ranges)[number];
    const score = lists[list]?.ranked[position]?.score as number;
    return (weights[list] as number) * (span > 0 ? (score - low) / span : 1);
  });
}
