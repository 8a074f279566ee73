import { max, quantile, sum } from "../core/stats.js";
import type { QueryCandidates, QueryRanking } from "../schema/types.js";
import type { Chart, Datum } from "./chart-types.js";
import { counted, percent, short } from "./format.js";
import { colours, series } from "./palette.js";
import { axis, chartOf, colourBy, round } from "./spec-parts.js";
import { shortSources } from "./text.js";

/** Ranks that the charts by rank look at. */
const DEEPEST = 50;

/** Fused score by rank: the median query, and a band around it; null without candidates. */
export function scoreByRankChart(results: readonly QueryCandidates[]): Chart | null {
  const depth = Math.min(DEEPEST, Math.max(0, ...results.map((r) => r.candidates.length)));
  if (depth === 0) return null;
  const wide = results.length < 10;
  const values = Array.from({ length: depth }, (_, i) => {
    const scores = results.flatMap((r) => r.candidates[i]?.score ?? []);
    const at = (q: number) => round(quantile(scores, q));
    return { rank: i + 1, low: at(wide ? 0 : 0.1), middle: at(0.5), high: at(wide ? 1 : 0.9) };
  });
  const x = {
    field: "rank",
    scale: { nice: false, zero: false },
    ...axis("fused rank", { tickMinStep: 1, format: "d" }),
  };
  const band = results.length > 1;
  const caption = band
    ? `median of ${counted(results.length, "query", "queries")}; the band runs from ${wide ? "the lowest to the highest" : "the 10th to the 90th percentile"}`
    : "one query";
  return {
    title: "Fused score by rank",
    caption,
    alt: `Fused score by rank: the median falls from ${short(values[0]?.middle ?? Number.NaN)} at rank 1 to ${short(values[depth - 1]?.middle ?? Number.NaN)} at rank ${depth}.`,
    spec: chartOf(values, [
      ...(band
        ? [
            {
              mark: { type: "area", color: colours.blue, opacity: 0.25 },
              encoding: {
                x,
                y: { field: "low", scale: { zero: false }, ...axis("score", { tickCount: 5 }) },
                y2: { field: "high" },
              },
            },
          ]
        : []),
      {
        mark: {
          type: "line",
          color: colours.blue,
          strokeWidth: 1.8,
          point: depth <= 30 ? { size: 18, color: colours.blue } : false,
        },
        encoding: { x, y: { field: "middle", scale: { zero: false }, ...axis("score", { tickCount: 5 }) } },
      },
    ]),
  };
}

/** Which sources found the candidates at each fused rank; null with fewer than two sources. */
export function foundByChart(results: readonly QueryCandidates[], sources: readonly string[]): Chart | null {
  const depth = Math.min(20, Math.max(0, ...results.map((r) => r.candidates.length)));
  if (sources.length < 2 || depth === 0) return null;
  const pair = sources.length === 2;
  const all = pair ? "both" : `all ${sources.length}`;
  const kinds = pair
    ? [all, ...shortSources(sources).map((s) => `${s} only`)]
    : [all, ...Array.from({ length: sources.length - 1 }, (_, i) => `${sources.length - 1 - i} of ${sources.length}`)];
  const kindOf = (ranks: Readonly<Record<string, number>>) => {
    const found = sources.filter((s) => ranks[s] !== undefined);
    if (found.length === sources.length) return 0;
    return pair ? 1 + sources.indexOf(found[0] ?? "") : sources.length - found.length;
  };
  const values: Datum[] = [];
  const totals = kinds.map(() => 0);
  for (let i = 0; i < depth; i++) {
    const counts = kinds.map(() => 0);
    for (const result of results) {
      const candidate = result.candidates[i];
      if (!candidate) continue;
      const kind = Math.min(kinds.length - 1, kindOf(candidate.ranks));
      counts[kind] = (counts[kind] ?? 0) + 1;
      totals[kind] = (totals[kind] ?? 0) + 1;
    }
    counts.forEach((n, kind) => {
      values.push({ rank: i + 1, kind: kinds[kind] ?? "", share: n, order: kind });
    });
  }
  const whole = sum(totals);
  return {
    title: "Who found it",
    caption: "share of the queries whose candidate at a fused rank came from each source",
    alt: `Who found the first ${depth} candidates: ${kinds.map((kind, i) => `${kind} ${percent((totals[i] ?? 0) / whole)}`).join(", ")}.`,
    spec: chartOf(values, [
      {
        mark: { type: "bar", width: { band: 0.85 } },
        encoding: {
          x: { field: "rank", type: "ordinal", title: "fused rank", axis: { labelAngle: 0, labelOverlap: true } },
          y: { field: "share", stack: "normalize", ...axis("share", { format: ".0%", tickCount: 5 }) },
          color: colourBy("kind", kinds, [colours.green, colours.blue, colours.orange, ...series.slice(3)]),
          order: { field: "order", type: "quantitative" },
        },
      },
    ]),
  };
}

/** Where reranking moved the candidates: rank before against rank after; null without candidates. */
export function rankMovesChart(results: readonly QueryRanking[]): Chart | null {
  const moves = results.flatMap((r) => r.candidates.map((c, i) => ({ before: c.before, after: i + 1 })));
  if (moves.length === 0) return null;
  const across = cellsOf(moves.map((move) => move.before));
  const down = cellsOf(moves.map((move) => move.after));
  const cells = new Map<string, { before: number; after: number; n: number }>();
  for (const move of moves) {
    const before = Math.floor((move.before - 1) / across.step);
    const after = Math.floor((move.after - 1) / down.step);
    const cell = cells.get(`${before} ${after}`);
    if (cell) cell.n++;
    else cells.set(`${before} ${after}`, { before, after, n: 1 });
  }
  const values = [...cells.values()].map(({ before, after, n }) => ({
    before: across.edge(before),
    beforeEnd: across.edge(before + 1),
    after: down.edge(after),
    afterEnd: down.edge(after + 1),
    n,
  }));
  const scale = { nice: false, zero: false };
  const ticks = { tickMinStep: 1, format: "d", grid: false };
  const up = moves.filter((m) => m.after < m.before).length;
  const same = moves.filter((m) => m.after === m.before).length;
  return {
    title: "Rank before and after",
    caption: `the stronger a cell, the more candidates; the line is where nothing moved${across.step * down.step > 1 ? `; a cell is ${across.step} by ${counted(down.step, "rank")}` : ""}`,
    alt: `Ranks of ${counted(moves.length, "candidate")} before and after reranking: ${percent(up / moves.length)} moved up, ${percent(same / moves.length)} stayed.`,
    spec: chartOf(values, [
      {
        mark: { type: "rect", color: colours.violet },
        encoding: {
          x: { field: "before", scale: { ...scale, domain: [0.5, across.end] }, ...axis("rank before", ticks) },
          x2: { field: "beforeEnd" },
          y: {
            field: "after",
            scale: { ...scale, domain: [0.5, down.end], reverse: true },
            ...axis("rank after", ticks),
          },
          y2: { field: "afterEnd" },
          opacity: { field: "n", type: "quantitative", legend: null, scale: { domainMin: 0, range: [0.2, 1] } },
        },
      },
      {
        data: { values: [0.5, Math.min(across.end, down.end)].map((rank) => ({ rank })) },
        mark: { type: "line", color: colours.grey, strokeWidth: 1, strokeDash: [4, 3] },
        encoding: { x: { field: "rank", type: "quantitative" }, y: { field: "rank", type: "quantitative" } },
      },
    ]),
  };
}

/** At most 25 cells over the ranks that there are. A rank is drawn around its number: rank 3 from 2.5 to 3.5. */
function cellsOf(ranks: readonly number[]) {
  const deepest = max(ranks);
  const step = Math.ceil(deepest / 25);
  const edge = (cell: number) => cell * step + 0.5;
  return { step, edge, end: edge(Math.ceil(deepest / step)) };
}
