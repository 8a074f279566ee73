import type { Config, TopLevelSpec } from "vega-lite";
import { sha256 } from "../core/hash.js";
import type { Chart } from "./chart-types.js";
import { FONT, INK } from "./palette.js";
import { escapeHtml } from "./text.js";
import { textWidth } from "./text-width.js";
import { THEME } from "./theme.js";

/** vega's text measure, which its declarations leave out. */
interface Metrics {
  readonly textMetrics: {
    width: (item: { readonly fontSize?: number; readonly limit?: number }, text: unknown) => number;
  };
}

/**
 * Draws a chart as an SVG document: static, self-contained, without a background,
 * in colours that read on light and dark. Its text is `currentColor`, set once at
 * the root, and its ids are its own, so that it may also stand inside a page.
 *
 * vega is loaded by a native `import()`, since its graph awaits at top level and
 * a kernel that loads everything through `require` could not have it otherwise.
 * The first call takes about 250 ms, later ones 10 to 30.
 */
export async function renderChart(chart: Chart): Promise<string> {
  const [vega, { compile }] = await Promise.all([import("vega"), import("vega-lite")]);
  // There is no canvas to measure text with, and vega's own estimate is half as wide again as the text.
  (vega as unknown as Metrics).textMetrics.width = (item, text) => {
    const width = textWidth(String(text ?? ""), item.fontSize ?? 11);
    return item.limit ? Math.min(width, item.limit) : width;
  };
  const spec = { ...chart.spec, autosize: { type: "fit", contains: "padding" } } as unknown as TopLevelSpec;
  const view = new vega.View(vega.parse(compile(spec, { config: THEME as unknown as Config }).spec), {
    renderer: "none",
  });
  try {
    return finish(await view.toSVG(), chart.alt);
  } finally {
    view.finalize();
  }
}

/**
 * Takes out what a static picture has no use for (classes, roles, opaque
 * opacities, empty frames, hundredths of a pixel), gives ids a prefix of their
 * own, and names the picture. vega escapes `<` and `>` in texts and attributes,
 * so that a `<...>` here is always a tag.
 */
function finish(svg: string, alt: string): string {
  const own = `c${sha256(svg).slice(0, 8)}-`;
  const body = svg
    .replace(/<path\b[^>]*\bd="(?:M0,0h0v0h0Z)?"[^>]*\/>/g, "")
    .replace(/<path class="background"(?![^>]*(?:stroke|fill)=)[^>]*\/>/g, "")
    .replace(/<[a-z][^>]*>/g, (tag) =>
      tag
        .replace(/ (?:class|role|aria-[a-z]+|pointer-events|font-family|xmlns:xlink|version)="[^"]*"/g, "")
        .replace(/ (?:fill-|stroke-)?opacity="1"/g, "")
        .replace(/(\.\d\d)\d+/g, "$1")
        .replace(/ id="/g, ` id="${own}`)
        .replace(/url\(#/g, `url(#${own}`)
        .replace(/ xlink:href="#/g, ` xlink:href="#${own}`),
    );
  return body.replace(
    "<svg",
    `<svg role="img" aria-label="${escapeHtml(alt)}" color="${INK}" font-family="${escapeHtml(FONT)}"`,
  );
}
