import type { SparseVectors } from "../schema/types.js";
import type { Chart } from "./chart-types.js";
import { count, percent } from "./format.js";
import { colours } from "./palette.js";
import { axis, chartOf, colourBy } from "./spec-parts.js";
import { clip, unique } from "./text.js";
import { fit } from "./text-width.js";

/** Rows with and without a term, a bar for each engine. */
export function coverageChart(vectors: readonly SparseVectors[]): Chart | null {
  const some = vectors.filter((v) => v.rows > 0);
  if (some.length === 0) return null;
  const names = unique(some.map((v) => `${fit(v.name, 98, clip)}: ${percent(v.coverage)}`));
  const values = some.flatMap((v, row) => [
    { engine: names[row] ?? "", kind: "with terms", rows: v.rows - v.emptyRows, order: 0 },
    { engine: names[row] ?? "", kind: "empty", rows: v.emptyRows, order: 1 },
  ]);
  return {
    title: "Coverage",
    caption: "chunks with at least one term",
    alt: `Coverage: ${some.map((v) => `${clip(v.name, 60)} ${percent(v.coverage)}, ${count(v.emptyRows)} of ${count(v.rows)} chunks empty`).join("; ")}.`,
    spec: chartOf(
      values,
      [
        {
          mark: { type: "bar", height: { band: 0.65 } },
          encoding: {
            y: {
              field: "engine",
              type: "nominal",
              title: null,
              sort: names,
              axis: { labelLimit: 0, domain: false, ticks: false },
            },
            x: {
              field: "rows",
              stack: "normalize",
              ...axis("share of the chunks", { format: ".0%", values: [0, 0.5, 1] }),
            },
            color: colourBy("kind", ["with terms", "empty"], [colours.green, colours.orange]),
            order: { field: "order", type: "quantitative" },
          },
        },
      ],
      Math.max(2, some.length) * 34 + 76,
    ),
  };
}
