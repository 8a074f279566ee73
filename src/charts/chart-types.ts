/** A value in a chart's data. */
export type Datum = Readonly<Record<string, string | number | boolean | null>>;

/** How one visual channel is filled: the part of vega-lite's channel definition that our charts use. */
export interface Channel {
  readonly field?: string;
  readonly type?: "quantitative" | "nominal" | "ordinal";
  readonly datum?: string | number;
  readonly value?: string | number;
  readonly title?: string | null;
  readonly bin?: { readonly binned: true };
  readonly sort?: readonly string[] | "descending" | null;
  readonly stack?: "zero" | "normalize" | null;
  readonly scale?: Readonly<Record<string, unknown>>;
  readonly axis?: Readonly<Record<string, unknown>> | null;
  readonly legend?: Readonly<Record<string, unknown>> | null;
}

/** One layer of a chart. */
export interface Layer {
  readonly data?: { readonly values: readonly Datum[] };
  readonly mark: Readonly<Record<string, unknown>> & { readonly type: string };
  readonly encoding: Readonly<Record<string, Channel>>;
}

/**
 * A chart as vega-lite reads it, in the small part of its language that we write.
 * A type of our own, because vega-lite's declarations can't be seen from a cell.
 */
export interface ChartSpec {
  readonly width: number;
  readonly height: number;
  readonly data: { readonly values: readonly Datum[] };
  readonly layer: readonly Layer[];
}

/** A chart with the words around it. */
export interface Chart {
  readonly title: string;
  /** How it was measured or drawn; empty where the title says it all. */
  readonly caption: string;
  /** What the picture shows, for those who can't see it. */
  readonly alt: string;
  readonly spec: ChartSpec;
}

/** Outer size of every chart, in the pixels it is drawn for, so that charts line up in rows; a page scales them a little. */
export const CHART_WIDTH = 300;
export const CHART_HEIGHT = 172;
