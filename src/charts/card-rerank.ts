import { quantile } from "../core/stats.js";
import type { RankedCandidate, RerankRun } from "../schema/types.js";
import { batchFigures, MOST_QUERIES, moreQueries, placeOf, queryHeading, runCard, truncation } from "./card-parts.js";
import type { Card, DetailTable } from "./card-types.js";
import { count, percent, score } from "./format.js";
import { clip } from "./text.js";

/** Candidates in a cross-encoder's order. */
export function rerankCard(run: RerankRun): Card {
  const answered = run.results.filter((r) => r.candidates.length > 0);
  const moved = answered.filter((r) => r.candidates[0]?.before !== 1).length;
  const best = answered.map((r) => r.candidates[0]?.logit ?? Number.NaN);
  return runCard(
    run,
    "Reranked candidates",
    [
      { label: "Queries", value: count(run.results.length) },
      {
        label: "Pairs read",
        value: count(run.pairs),
        how: `by ${clip(run.model.key, 60)}, ${clip(run.model.dtype, 12)}, on ${clip(run.model.device, 20)}`,
      },
      {
        label: "New first place",
        value: answered.length > 0 ? percent(moved / answered.length) : "–",
        how: `${count(moved)} of ${count(answered.length)} queries`,
      },
      {
        label: "Best logit",
        value: best.length > 0 ? score(quantile(best, 0.5)) : "–",
        how: "median over the queries, before any sigmoid",
      },
      { label: "Truncated", value: truncation(run.truncated, run.lostTokens) },
      ...batchFigures(run),
    ],
    [topSections(run)],
  );
}

function topSections(run: RerankRun): DetailTable {
  return {
    title: "Best sections",
    columns: ["Rank", "Section", "Document", "Logit", "Before", "Moved"],
    right: [0, 3, 4, 5],
    groups: run.results.slice(0, MOST_QUERIES).map((result) => ({
      heading: queryHeading(result, run.queries),
      rows: result.candidates
        .slice(0, 3)
        .map((c, i) => [i + 1, ...placeOf(c), score(c.logit), c.before, move(c, i + 1)]),
    })),
    more: moreQueries(run.results.length, "run.results"),
    folded: false,
  };
}

function move(candidate: RankedCandidate, after: number): string {
  const up = candidate.before - after;
  return up === 0 ? "=" : up > 0 ? `▲ ${count(up)}` : `▼ ${count(-up)}`;
}
