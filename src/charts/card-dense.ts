import type { DenseRun, DenseVectors } from "../schema/types.js";
import { batchFigures, plainTable, reuseFigures, runCard, truncation } from "./card-parts.js";
import type { Card } from "./card-types.js";
import { count, percent } from "./format.js";
import { clip } from "./text.js";

/** Dense vectors, of one model or several. */
export function denseCard(run: DenseRun): Card {
  const primary = run.vectors.find((v) => v.name === run.primary);
  const weights = Object.entries(run.fusion.weights).map(([name, weight]) => `${clip(name, 30)} ${count(weight)}`);
  const fusion =
    run.fusion.method === "none"
      ? []
      : [{ label: "Fusion", value: run.fusion.method, how: `weights: ${weights.join(", ")}` }];
  return runCard(
    run,
    "Dense vectors",
    [
      { label: "Chunks", value: count(run.count) },
      {
        label: "Vectors",
        value: primary ? `${count(primary.rows)} × ${count(primary.dim)}` : clip(run.primary, 40),
        how: `float32, each of length 1; later stages use ${clip(run.primary, 40)}`,
      },
      ...fusion,
      ...reuseFigures(run.vectors),
      ...batchFigures(run),
    ],
    [
      plainTable(
        "Models",
        ["Vectors", "Weights", "Device", "Rows", "Dimensions", "Can be cut to", "Tokens", "Padding", "Truncated"],
        [3, 4, 6, 7],
        run.vectors.map(vectorsRow),
        { where: "run.vectors" },
      ),
    ],
  );
}

function vectorsRow(v: DenseVectors) {
  return [
    clip(v.name, 40),
    v.model ? clip(v.model.dtype, 12) : null,
    v.model ? clip(v.model.device, 20) : null,
    v.rows,
    v.dim,
    v.matryoshka.length > 0 ? clip(v.matryoshka.join(", "), 40) : null,
    v.model ? v.tokens : null,
    v.paddedTokens > 0 ? percent(1 - v.tokens / v.paddedTokens) : null,
    v.model ? truncation(v.truncated, v.lostTokens) : null,
  ];
}
