import { badFusionSetting } from "../core/errors.js";
import { type FusedRow, type RankedList, sumOverLists } from "./ranked.js";

/** The paper's constant. */
export const RRF_K = 60;

/**
 * Reciprocal rank fusion (Cormack, Clarke and Büttcher 2009): a row scores the sum
 * of 1 / (k + rank) over the lists that have it, ranks from 1. The lists' scores
 * play no part, so lists of any kind can be fused.
 *
 * @param k the larger, the less the first ranks stand out; 0 or more
 * @throws RagError `bad_fusion_setting`, `bad_ranked_list`
 */
export function reciprocalRankFusion(lists: readonly RankedList[], k: number = RRF_K): FusedRow[] {
  if (!(Number.isFinite(k) && k >= 0)) throw badFusionSetting("k", k, "must be a number from 0 up");
  return sumOverLists(lists, (_, position) => 1 / (k + position + 1));
}
