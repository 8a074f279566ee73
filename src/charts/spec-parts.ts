import { CHART_HEIGHT, CHART_WIDTH, type Channel, type ChartSpec, type Datum, type Layer } from "./chart-types.js";
import { colours, series } from "./palette.js";
import { textWidth } from "./text-width.js";

/** A chart of the common size, or of another height. */
export function chartOf(values: readonly Datum[], layer: readonly Layer[], height = CHART_HEIGHT): ChartSpec {
  return { width: CHART_WIDTH, height, data: { values }, layer };
}

/** Labels such as 0, 500 and 12k. */
const SHORT = "format(datum.value, '~s')";

/** An axis that counts things: whole ticks only. */
export function countAxis(title: string): Pick<Channel, "type" | "title" | "axis"> {
  return { type: "quantitative", title, axis: { tickMinStep: 1, tickCount: 5, labelExpr: SHORT } };
}

/** A rate, such as tokens a second. */
export function rateAxis(title: string): Pick<Channel, "type" | "title" | "axis"> {
  return { type: "quantitative", title, axis: { tickCount: 5, labelExpr: SHORT } };
}

/** A quantitative axis. */
export function axis(
  title: string,
  more: Readonly<Record<string, unknown>> = {},
): Pick<Channel, "type" | "title" | "axis"> {
  return { type: "quantitative", title, axis: { tickCount: 6, ...more } };
}

/** Numbers for data: six significant digits are more than a pixel shows. */
export function round(value: number): number {
  return Number(value.toPrecision(6));
}

/** A line across the plot at one value, with its words beside it: red for a limit, grey and dashed for something reached. */
export function rule(
  along: "x" | "y",
  at: number,
  words: string,
  options: { readonly far?: boolean; readonly reached?: boolean } = {},
): Layer[] {
  const encoding = { [along]: { datum: round(at), type: "quantitative" as const } };
  const look = options.reached ? { color: colours.grey, strokeDash: [4, 3] } : { color: colours.red };
  const mark = { type: "rule", strokeWidth: 1.5, ...look };
  const side = options.far ? { align: "right", dx: -5 } : { align: "left", dx: 5 };
  const place =
    along === "x"
      ? { y: 0, baseline: "top", dy: 2, ...side }
      : { x: "width", align: "right", dx: -2, baseline: "bottom", dy: -3 };
  return [
    { data: { values: [{}] }, mark, encoding },
    { data: { values: [{}] }, mark: { type: "text", text: words, fontSize: 11, ...place }, encoding },
  ];
}

/** Pixels that a legend above the plot has. */
const LEGEND = 256;

/** Colour by a name, with a legend that has as many columns as fit. */
export function colourBy(field: string, names: readonly string[], range = series): Channel {
  let columns = 0;
  let left = LEGEND;
  for (const width of names.map((name) => textWidth(name, 11) + 24).sort((a, b) => b - a)) {
    left -= width;
    if (left >= 0) columns++;
  }
  return {
    field,
    type: "nominal",
    title: null,
    sort: null,
    scale: { domain: names, range },
    legend: { columns: Math.max(1, columns) },
  };
}
