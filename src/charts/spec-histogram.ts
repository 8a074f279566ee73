import { max, sum } from "../core/stats.js";
import type { Bin } from "../schema/types.js";
import type { Chart, Layer } from "./chart-types.js";
import { counted, short } from "./format.js";
import { series } from "./palette.js";
import { axis, chartOf, countAxis, round, rule } from "./spec-parts.js";

/** What to say of a histogram. */
export interface HistogramWords {
  readonly title: string;
  readonly caption: string;
  /** Title of the axis of values. */
  readonly value: string;
  /** What is counted, in the singular and the plural. */
  readonly one: string;
  readonly many: string;
  /** A border to draw, such as the longest chunk allowed. */
  readonly limit?: { readonly at: number; readonly words: string };
}

/** A histogram; null where nothing was counted. */
export function histogramChart(bins: readonly Bin[], words: HistogramWords): Chart | null {
  if (!bins.some((bin) => bin.count > 0)) return null;
  const values = bins.map((bin) => ({ from: round(bin.from), to: round(bin.to), count: bin.count }));
  const low = -max(bins.map((bin) => -bin.from));
  const high = max([...bins.map((bin) => bin.to), words.limit?.at ?? Number.NEGATIVE_INFINITY]);
  const bars: Layer = {
    mark: { type: "bar", binSpacing: 1, color: series[0] },
    encoding: {
      x: {
        field: "from",
        bin: { binned: true },
        scale: { domain: [round(low), round(high)], nice: false, zero: false },
        ...axis(words.value),
      },
      x2: { field: "to" },
      y: { field: "count", stack: null, ...countAxis(words.many) },
    },
  };
  const limit = words.limit
    ? rule("x", words.limit.at, words.limit.words, { far: words.limit.at - low > (high - low) / 2 })
    : [];
  const ruled = words.limit ? ` Rule at ${words.limit.words}.` : "";
  return {
    title: words.title,
    caption: words.caption,
    alt: `${words.title}: ${inWords(bins, words)}.${ruled}`,
    spec: chartOf(values, [bars, ...limit]),
  };
}

function inWords(bins: readonly Bin[], words: HistogramWords): string {
  const taken = bins.filter((bin) => bin.count > 0);
  const most = taken.reduce((a, b) => (b.count > a.count ? b : a));
  const total = counted(sum(taken.map((bin) => bin.count)), words.one, words.many);
  const span = `from ${short(taken[0]?.from ?? Number.NaN)} to ${short(taken.at(-1)?.to ?? Number.NaN)}`;
  return `${total} ${span}, most (${most.count}) between ${short(most.from)} and ${short(most.to)}`;
}
