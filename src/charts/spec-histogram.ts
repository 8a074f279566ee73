import { max, sum } from "../core/stats.js";
import type { Bin } from "../schema/types.js";
import type { Chart, Layer } from "./chart-types.js";
import { counted, short } from "./format.js";
import { series } from "./palette.js";
import { axis, chartOf, colourBy, countAxis, round, rule } from "./spec-parts.js";
import { clip } from "./text.js";

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

/** Bins of one kind, such as one engine's. */
export interface NamedBins {
  readonly name: string;
  readonly bins: readonly Bin[];
}

/** A histogram, or several over each other; null where nothing was counted. */
export function histogramChart(groups: readonly NamedBins[], words: HistogramWords): Chart | null {
  const filled = groups.filter(({ bins }) => bins.some((bin) => bin.count > 0));
  const all = filled.flatMap(({ bins }) => bins);
  if (all.length === 0) return null;
  const values = filled.flatMap(({ name, bins }) =>
    bins.map((bin) => ({ from: round(bin.from), to: round(bin.to), count: bin.count, name: clip(name, 40) })),
  );
  const low = -max(all.map((bin) => -bin.from));
  const high = max([...all.map((bin) => bin.to), words.limit?.at ?? Number.NEGATIVE_INFINITY]);
  const bars: Layer = {
    mark: {
      type: "bar",
      binSpacing: 1,
      opacity: filled.length > 1 ? 0.6 : 1,
      ...(filled.length > 1 ? {} : { color: series[0] }),
    },
    encoding: {
      x: {
        field: "from",
        bin: { binned: true },
        scale: { domain: [round(low), round(high)], nice: false, zero: false },
        ...axis(words.value),
      },
      x2: { field: "to" },
      y: { field: "count", stack: null, ...countAxis(words.many) },
      ...(filled.length > 1
        ? {
            color: colourBy(
              "name",
              filled.map(({ name }) => clip(name, 40)),
            ),
          }
        : {}),
    },
  };
  const limit = words.limit
    ? rule("x", words.limit.at, words.limit.words, { far: words.limit.at - low > (high - low) / 2 })
    : [];
  const ruled = words.limit ? ` Rule at ${words.limit.words}.` : "";
  return {
    title: words.title,
    caption: words.caption,
    alt: `${words.title}: ${filled.map((group) => inWords(group, filled.length > 1, words)).join("; ")}.${ruled}`,
    spec: chartOf(values, [bars, ...limit]),
  };
}

function inWords({ name, bins }: NamedBins, several: boolean, words: HistogramWords): string {
  const taken = bins.filter((bin) => bin.count > 0);
  const most = taken.reduce((a, b) => (b.count > a.count ? b : a));
  const total = counted(sum(taken.map((bin) => bin.count)), words.one, words.many);
  const span = `from ${short(taken[0]?.from ?? Number.NaN)} to ${short(taken.at(-1)?.to ?? Number.NaN)}`;
  return `${several ? `${clip(name, 40)} ` : ""}${total} ${span}, most (${most.count}) between ${short(most.from)} and ${short(most.to)}`;
}
