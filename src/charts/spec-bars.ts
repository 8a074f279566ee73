import { max } from "../core/stats.js";
import { CHART_WIDTH, type Chart } from "./chart-types.js";
import { series } from "./palette.js";
import { chartOf, round } from "./spec-parts.js";
import { clip, clipFront, unique } from "./text.js";
import { fit, textWidth } from "./text-width.js";

/** One bar: its name, its length, and the length in words. */
export interface Bar {
  readonly name: string;
  readonly value: number;
  readonly words: string;
}

/** What to say of a bar chart. */
export interface BarWords {
  readonly title: string;
  readonly caption: string;
  /** True where names are paths, which are told apart by their end. */
  readonly paths?: boolean;
  /** The longest possible bar, where there is one (1 for a share). */
  readonly whole?: number;
}

const ROW = 21;
/** Widest name of a bar, in pixels. */
const NAME = 150;

/** Horizontal bars with their values written beside them, in the order given; null where there is none. */
export function barChart(bars: readonly Bar[], words: BarWords): Chart | null {
  if (bars.length === 0) return null;
  const longest = words.whole ?? max(bars.map((bar) => bar.value));
  const names = unique(bars.map((bar) => fit(bar.name, NAME, words.paths ? clipFront : clip)));
  const values = bars.map((bar, row) => ({
    name: names[row] ?? "",
    value: round(bar.value),
    words: clip(bar.words, 12),
  }));
  const y = {
    field: "name",
    type: "nominal" as const,
    title: null,
    sort: names,
    axis: { labelLimit: 0, domain: false, ticks: false },
  };
  // The plot leaves room for the words at the end of the longest bar.
  const plot = CHART_WIDTH - max(names.map((name) => textWidth(name, 11))) - 14;
  const room = plot / (plot - max(values.map((v) => textWidth(v.words, 11))) - 8);
  const x = {
    field: "value",
    type: "quantitative" as const,
    axis: null,
    scale: { domain: [0, round((longest || 1) * room)], nice: false },
  };
  return {
    title: words.title,
    caption: words.caption,
    alt: `${words.title}: ${bars.map((bar) => `${clip(bar.name, 60)} ${bar.words}`).join(", ")}.`,
    spec: chartOf(
      values,
      [
        { mark: { type: "bar", color: series[0], height: { band: 0.7 } }, encoding: { y, x } },
        {
          mark: { type: "text", align: "left", baseline: "middle", dx: 5 },
          encoding: { y, x, text: { field: "words", type: "nominal" } },
        },
      ],
      Math.max(3, bars.length) * ROW + 12,
    ),
  };
}
