import { quantile } from "../core/stats.js";
import type { FusedRun } from "../schema/types.js";
import { MOST_QUERIES, moreQueries, placeOf, queryHeading, runCard } from "./card-parts.js";
import type { Card, DetailTable } from "./card-types.js";
import { count, percent, score } from "./format.js";
import { clip, shortSources } from "./text.js";

const methods = {
  rrf: "reciprocal rank fusion",
  minmax: "min-max weighted",
  single: "one source, nothing to fuse",
} as const;

/** Candidates per query, fused from several ranked lists. */
export function fuseCard(run: FusedRun): Card {
  const depths = run.results.map((r) => r.candidates.length);
  const overlap = run.sources.map((name) => `${clip(name, 40)} ${percent(run.overlap[name] ?? 0)}`);
  return runCard(
    run,
    "Fused candidates",
    [
      { label: "Queries", value: count(run.results.length) },
      { label: "Method", value: methods[run.method] },
      { label: "Sources", value: run.sources.map((name) => clip(name, 40)).join(", ") },
      { label: "Candidates a query", value: count(quantile(depths, 0.5)), how: "median" },
      ...(run.sources.length > 1
        ? [{ label: "Overlap", value: overlap.join(", "), how: "share of the fused top 10 in a source's own top 10" }]
        : []),
    ],
    [topSections(run)],
  );
}

function topSections(run: FusedRun): DetailTable {
  const shown = run.sources.slice(0, 4);
  return {
    title: "Best sections",
    columns: ["Rank", "Section", "Document", "Score", ...shortSources(shown).map((name) => `Rank in ${name}`)],
    right: [0, 3, ...shown.map((_, i) => 4 + i)],
    groups: run.results.slice(0, MOST_QUERIES).map((result) => ({
      heading: queryHeading(result, run.queries),
      rows: result.candidates
        .slice(0, 3)
        .map((c, i) => [i + 1, ...placeOf(c), score(c.score), ...shown.map((name) => c.ranks[name] ?? null)]),
    })),
    more: moreQueries(run.results.length, "run.results"),
    folded: false,
  };
}
