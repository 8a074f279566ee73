import type { SparseRun, SparseVectors } from "../schema/types.js";
import { batchFigures, plainTable, reuseFigures, runCard, truncation } from "./card-parts.js";
import type { Card } from "./card-types.js";
import { count, percent, short } from "./format.js";
import { clip } from "./text.js";

/** Sparse vectors, of one engine or several. */
export function sparseCard(run: SparseRun): Card {
  const primary = run.vectors.find((v) => v.name === run.primary);
  const figures = primary
    ? [
        {
          label: "Coverage",
          value: percent(primary.coverage),
          how: `${count(primary.emptyRows)} of ${count(primary.rows)} chunks have no term`,
        },
        {
          label: "Terms",
          value: count(primary.terms),
          how: primary.rows > 0 ? `${short(primary.terms / primary.rows)} a chunk on average` : "",
        },
      ]
    : [];
  return runCard(
    run,
    "Sparse vectors",
    [
      { label: "Chunks", value: count(run.count) },
      {
        label: "Engine",
        value: clip(run.primary, 40),
        how: run.vectors.length > 1 ? "the one that later stages use" : "",
      },
      ...figures,
      ...reuseFigures(run.vectors),
      ...batchFigures(run),
    ],
    [
      plainTable(
        "Engines",
        ["Engine", "Kind", "Index space", "Rows", "Coverage", "Empty", "Terms a chunk", "Truncated"],
        [3, 4, 5, 6],
        run.vectors.map(engineRow),
        { where: "run.vectors" },
      ),
    ],
  );
}

function engineRow(v: SparseVectors) {
  return [
    clip(v.name, 40),
    v.engine,
    clip(v.space, 40),
    v.rows,
    percent(v.coverage),
    v.emptyRows,
    v.rows > 0 ? short(v.terms / v.rows) : null,
    v.model ? truncation(v.truncated, v.lostTokens) : null,
  ];
}
