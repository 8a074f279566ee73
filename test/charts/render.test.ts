import assert from "node:assert/strict";
import test from "node:test";
import { renderChart } from "../../dist/charts/render.js";
import { barChart } from "../../dist/charts/spec-bars.js";
import { coverageChart } from "../../dist/charts/spec-coverage.js";
import { histogramChart } from "../../dist/charts/spec-histogram.js";
import { chartsOf } from "../../dist/charts/specs.js";
import { textWidth } from "../../dist/charts/text-width.js";
import * as sample from "./sample-runs.ts";
import { placedTexts, walk } from "./svg.ts";

const HOSTILE = [
  `<script>alert(1)</script>`,
  `"><img src=x onerror=alert(1)>`,
  `</svg></style>`,
  "\u202efdp.exe",
  "检索增强生成与稀疏向量融合的完整指南.md",
  "W".repeat(10_000),
];
const runs = [
  sample.primeRun(),
  sample.chunkRun(),
  sample.denseRun(),
  sample.largeDenseRun(),
  sample.sparseRun(),
  sample.fusedRun(),
  sample.rerankRun(),
  sample.exportRun(),
];
const hostileCharts = [
  barChart(
    HOSTILE.map((name, i) => ({ name, value: i, words: name })),
    { title: "bars", caption: "", paths: true },
  ),
  ...HOSTILE.map((title) =>
    histogramChart([{ from: 0, to: 1, count: 3 }], { title, caption: "", value: "x", one: "row", many: "rows" }),
  ),
  coverageChart(
    HOSTILE.map((name) => ({
      ...(sample.sparseRun().vectors[1] as ReturnType<typeof sample.sparseRun>["vectors"][number]),
      name,
    })),
  ),
].filter((chart) => chart !== null);

const ELEMENTS = new Set(["svg", "g", "path", "line", "text", "rect", "defs", "clipPath"]);
const ATTRIBUTES =
  /^(xmlns|role|aria-label|color|font-(size|weight)|font-family|width|height|viewBox|fill|stroke|d|transform|x2?|y2?|text-anchor|opacity|(fill|stroke)-opacity|stroke-(width|miterlimit|dasharray|dashoffset|linecap|linejoin)|clip-path|id)$/;

test("pictures hold shapes and text alone: nothing that runs, loads or links", async () => {
  for (const chart of [...runs.flatMap(chartsOf), ...hostileCharts]) {
    const svg = await renderChart(chart);
    walk(svg, ({ name, attributes }) => {
      assert.ok(ELEMENTS.has(name), `${chart.title}: <${name}>`);
      for (const [attribute, value] of Object.entries(attributes)) {
        assert.match(attribute, ATTRIBUTES, `${chart.title}: ${attribute}="${value}"`);
        if (attribute !== "aria-label" && attribute !== "xmlns")
          assert.doesNotMatch(value, /url\((?!#)|script|http|data:/i);
      }
    });
    assert.doesNotMatch(svg, /[\u202a-\u202e\u2066-\u2069]/);
    assert.match(svg, /^<svg role="img" aria-label="[^"]+" color="#/);
    assert.match(svg, / viewBox="0 0 300 \d+"/, "every chart has the common width");
  }
});

test("no label is cut off at the picture's border, and none is lost for want of room", async () => {
  for (const chart of [...runs.flatMap(chartsOf), ...hostileCharts]) {
    const svg = await renderChart(chart);
    const height = Number(/viewBox="0 0 300 ([\d.]+)"/.exec(svg)?.[1]);
    const texts = placedTexts(svg);
    assert.ok(texts.length >= 3, `${chart.title} has labels`);
    for (const { text, x, y, anchor, fontSize, rotated } of texts) {
      if (text.trim() === "") continue;
      const width = textWidth(text, fontSize);
      const from = anchor === "end" ? x - width : anchor === "middle" ? x - width / 2 : x;
      const where = `${chart.title}: ${JSON.stringify(text)} at ${x.toFixed(0)},${y.toFixed(0)}, ${width.toFixed(0)} wide`;
      if (rotated) assert.ok(x >= fontSize * 0.7 && y - width / 2 >= -1 && y + width / 2 <= height + 1, where);
      else assert.ok(from >= -1 && from + width <= 301 && y >= fontSize * 0.6 && y <= height, where);
    }
  }
});

test("names stay readable in bars: the end of a path, all of a short name", async () => {
  const chart = barChart(
    [
      { name: "reference/configuration/every-setting-of-a-session.md", value: 3, words: "3" },
      { name: "start-here.md", value: 1, words: "1" },
    ],
    { title: "bars", caption: "", paths: true },
  );
  assert.ok(chart);
  const texts = placedTexts(await renderChart(chart)).map((t) => t.text);
  assert.ok(texts.includes("start-here.md"));
  assert.ok(
    texts.some((t) => /^….*of-a-session\.md$/.test(t)),
    texts.join(" | "),
  );
});

test("two pictures in a page share no id, and drawing twice gives the same bytes", async () => {
  const [chart] = chartsOf(sample.denseRun());
  assert.ok(chart);
  assert.equal(await renderChart(chart), await renderChart(chart));
  const clipped = {
    ...chart,
    spec: { ...chart.spec, layer: chart.spec.layer.map((l) => ({ ...l, mark: { ...l.mark, clip: true } })) },
  };
  const other = { ...clipped, spec: { ...clipped.spec, height: 150 } };
  const ids = [];
  for (const each of [clipped, other]) {
    const svg = await renderChart(each);
    const own = [...svg.matchAll(/ id="([^"]+)"/g)].map((m) => m[1]);
    const used = [...svg.matchAll(/url\(#([^)]+)\)/g)].map((m) => m[1]);
    assert.ok(own.length > 0);
    assert.deepEqual(new Set(used), new Set(own));
    ids.push(...own);
  }
  assert.equal(new Set(ids).size, ids.length);
});
