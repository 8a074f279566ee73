import type { StageTelemetry } from "../schema/types.js";
import type { Layer } from "./chart-types.js";
import { colours } from "./palette.js";
import { round } from "./spec-parts.js";
import { clip } from "./text.js";
import { textWidth } from "./text-width.js";

/** A stretch of time in which one thing ran. */
export interface Band {
  readonly name: string;
  /** Seconds. */
  readonly from: number;
  readonly to: number;
}

/** Bands that are drawn; of more the longest ones. */
const MOST_BANDS = 12;
/** Pixels of a plot's width, about. */
const PLOT = 250;

/** The models of a stage that computed on devices with a cap, each from its first batch to its last; none where they ran side by side. */
export function bandsOf({ batches, memory }: StageTelemetry): Band[] {
  if (memory.every(({ capBytes }) => capBytes === null)) return [];
  const bands = new Map<string, { from: number; to: number }>();
  for (const { model, at, seconds } of batches) {
    const band = bands.get(model);
    if (!band) bands.set(model, { from: at - seconds, to: at });
    else Object.assign(band, { from: Math.min(band.from, at - seconds), to: Math.max(band.to, at) });
  }
  const inOrder = [...bands].map(([name, band]) => ({ name, ...band })).sort((a, b) => a.from - b.from);
  return inOrder.every(({ from }, i) => i === 0 || from >= (inOrder[i - 1] as Band).to) ? inOrder : [];
}

/**
 * Bands behind a chart over time, every other one a little darker, each with its name
 * where it is wide enough. Nothing for a single band: the title says what ran.
 *
 * @param end seconds at the right edge
 * @param by what times on the axis are divided by
 */
export function bandLayers(bands: readonly Band[], end: number, by: number): Layer[] {
  if (bands.length < 2) return [];
  const longest = [...bands].sort((a, b) => b.to - b.from - (a.to - a.from)).slice(0, MOST_BANDS);
  const shown = longest
    .sort((a, b) => a.from - b.from)
    .map(({ name, from, to }, i) => {
      const [left, right] = [Math.max(0, from), Math.min(to, end)];
      return {
        from: round(left / by),
        to: round(right / by),
        shade: i % 2,
        name: labelOf(name, ((right - left) / Math.max(end, 1e-9)) * PLOT),
      };
    });
  const x = { field: "from", type: "quantitative" as const };
  const named = shown.filter(({ name }) => name !== "");
  return [
    {
      data: { values: shown },
      mark: { type: "rect", color: colours.grey },
      encoding: {
        x,
        x2: { field: "to" },
        opacity: { field: "shade", type: "ordinal", scale: { domain: [0, 1], range: [0.1, 0.24] }, legend: null },
      },
    },
    ...(named.length === 0
      ? []
      : [
          {
            data: { values: named },
            mark: { type: "text", align: "left", baseline: "bottom", dx: 3, dy: -3, fontSize: 10, y: "height" },
            encoding: { x, text: { field: "name", type: "nominal" as const } },
          },
        ]),
  ];
}

/** As much of a name as fits; nothing where that says nothing. */
function labelOf(name: string, pixels: number): string {
  for (let letters = Math.min(40, name.length); letters >= 3; letters--) {
    const label = clip(name, letters);
    if (textWidth(label, 10) <= pixels - 6) return label;
  }
  return "";
}
