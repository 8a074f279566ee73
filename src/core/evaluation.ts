/**
 * Retrieval metrics as trec_eval defines them. A ranking is a list of document
 * ids, best first; a judgement above 0 means relevant, its value is the gain;
 * documents without a judgement count as not relevant.
 */

/** Grades by document id, for one query. */
export type Judgements = ReadonlyMap<string, number>;

/** Means over the queries that have at least one relevant document. */
export interface RetrievalMetrics {
  /** Queries averaged over. */
  readonly queries: number;
  readonly ndcg: number;
  readonly mrr: number;
  readonly map: number;
  readonly recall: number;
}

/**
 * Document ids by score, best first, equal scores by id in descending order:
 * trec_eval's rule, which decides published figures wherever scores tie.
 */
export function trecOrder(scores: ReadonlyMap<string, number>): string[] {
  return [...scores].sort(([a, x], [b, y]) => y - x || (a < b ? 1 : -1)).map(([id]) => id);
}

/**
 * Normalised discounted cumulative gain at k (Järvelin and Kekäläinen 2002):
 * linear gain, discount log2(rank + 1), divided by that of the ideal order. 0 without relevant documents.
 */
export function ndcgAt(ranking: readonly string[], judgements: Judgements, k: number): number {
  const gain = (gains: readonly number[]) =>
    gains.slice(0, k).reduce((total, g, i) => total + Math.max(0, g) / Math.log2(i + 2), 0);
  const ideal = gain([...judgements.values()].sort((a, b) => b - a));
  return ideal === 0 ? 0 : gain(ranking.slice(0, k).map((id) => judgements.get(id) ?? 0)) / ideal;
}

/** One over the rank of the first relevant document; 0 where none is among the first k. */
export function reciprocalRankAt(ranking: readonly string[], judgements: Judgements, k: number): number {
  const at = ranking.slice(0, k).findIndex((id) => isRelevant(judgements, id));
  return at < 0 ? 0 : 1 / (at + 1);
}

/**
 * Average precision: the sum of the precisions at the ranks of the relevant documents among the first k,
 * over the number of all relevant documents. 0 without relevant documents.
 */
export function averagePrecisionAt(ranking: readonly string[], judgements: Judgements, k: number): number {
  const relevant = countRelevant(judgements);
  let found = 0;
  let total = 0;
  ranking.slice(0, k).forEach((id, i) => {
    if (isRelevant(judgements, id)) total += ++found / (i + 1);
  });
  return relevant === 0 ? 0 : total / relevant;
}

/** Share of the relevant documents that are among the first k. 0 without relevant documents. */
export function recallAt(ranking: readonly string[], judgements: Judgements, k: number): number {
  const relevant = countRelevant(judgements);
  return relevant === 0 ? 0 : ranking.slice(0, k).filter((id) => isRelevant(judgements, id)).length / relevant;
}

/**
 * All metrics at k, averaged over every query with a relevant document; one
 * without a ranking counts as 0 (trec_eval's `-c`). NaN where no query has a relevant document.
 */
export function evaluateRankings(
  rankings: ReadonlyMap<string, readonly string[]>,
  judgements: ReadonlyMap<string, Judgements>,
  k: number,
): RetrievalMetrics {
  const judged = [...judgements].filter(([, grades]) => countRelevant(grades) > 0);
  const mean = (metric: (ranking: readonly string[], grades: Judgements, k: number) => number) =>
    judged.reduce((total, [query, grades]) => total + metric(rankings.get(query) ?? [], grades, k), 0) / judged.length;
  return {
    queries: judged.length,
    ndcg: mean(ndcgAt),
    mrr: mean(reciprocalRankAt),
    map: mean(averagePrecisionAt),
    recall: mean(recallAt),
  };
}

function isRelevant(judgements: Judgements, id: string): boolean {
  return (judgements.get(id) ?? 0) > 0;
}

function countRelevant(judgements: Judgements): number {
  let count = 0;
  for (const grade of judgements.values()) if (grade > 0) count++;
  return count;
}
