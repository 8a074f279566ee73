import assert from "node:assert/strict";
import test from "node:test";
import { cardOf, type Showable } from "../../dist/charts/card.js";
import { htmlOf } from "../../dist/charts/html.js";
import { drawCard } from "../../dist/charts/present.js";
import { progressHtml } from "../../dist/charts/progress-line.js";
import { PAYLOADS, poisoned } from "./hostile.ts";
import * as sample from "./sample-runs.ts";
import { picturesIn, walk } from "./svg.ts";

const values: Showable[] = [
  sample.primeRun(),
  sample.chunkRun(),
  sample.denseRun(),
  sample.sparseRun(),
  sample.fusedRun(),
  sample.rerankRun(),
  sample.exportRun(),
  sample.querySet(),
  sample.skipped(),
];

const ELEMENTS = new Set(
  "div strong code span ul li table caption thead tbody tr th td br small figure figcaption img p details summary bdi".split(
    " ",
  ),
);
const ATTRIBUTES = new Set(
  "style scope colspan src alt width height aria-label role aria-valuemin aria-valuemax aria-valuenow".split(" "),
);

/** Every tag and attribute is one that we write ourselves, and nothing is loaded from anywhere. */
function assertHarmless(html: string, what: string): void {
  walk(
    html,
    ({ name, attributes }) => {
      assert.ok(ELEMENTS.has(name), `${what}: <${name}>`);
      for (const [attribute, value] of Object.entries(attributes)) {
        assert.ok(ATTRIBUTES.has(attribute), `${what}: ${attribute}`);
        if (attribute === "style") assert.doesNotMatch(value, /url\(|expression|import|&#/, what);
        if (attribute === "src") assert.match(value, /^data:image\/svg\+xml;base64,[A-Za-z0-9+/=]+$/);
      }
    },
    (text) => assert.doesNotMatch(text, /[\u0000-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/, what),
  );
  for (const svg of picturesIn(html)) {
    walk(svg, ({ name }) => assert.match(name, /^(svg|g|path|line|text|rect)$/, what));
    assert.doesNotMatch(svg, /[\u0000-\u001f\u202a-\u202e\u2066-\u2069]/);
  }
}

test("cards are plain, self-contained markup", async () => {
  for (const value of values) assertHarmless(await drawCard(cardOf(value)), value.kind);
});

test("hostile text stays text in every card", async () => {
  for (const value of values) {
    for (const payload of PAYLOADS) {
      const bad = poisoned(value, payload);
      const html = await drawCard(cardOf(bad));
      assertHarmless(html, `${value.kind} with ${payload.slice(0, 40)}`);
      assert.doesNotMatch(html, /\p{Surrogate}/u);
      assert.ok(html.length < 400_000, "a long name does not blow up a card");
    }
  }
});

test("hostile text stays text in a progress line", () => {
  for (const payload of PAYLOADS) {
    for (const outcome of ["running", "finished", "failed"] as const) {
      const state = {
        label: payload,
        unit: payload,
        detail: payload,
        message: payload,
        total: 3,
        done: 1,
        rate: 1,
        elapsed: 1,
        outcome,
      };
      assertHarmless(progressHtml(state), payload);
    }
  }
});

test("tables have captions and scoped headers", async () => {
  for (const value of values) {
    const html = await drawCard(cardOf(value));
    let tables = 0;
    let captions = 0;
    walk(html, ({ name, attributes }) => {
      if (name === "table") tables++;
      if (name === "caption") captions++;
      if (name === "th") assert.match(attributes.scope ?? "", /^(row|col|rowgroup)$/);
      if (name === "img") assert.ok((attributes.alt ?? "").length > 20);
    });
    assert.equal(captions, tables);
    assert.ok(tables > 0);
  }
});

test("without styles and pictures a card still reads in order", async () => {
  const html = await drawCard(cardOf(sample.denseRun()));
  const words = html
    .replace(/<img [^>]*alt="([^"]*)"[^>]*>/g, " $1 ")
    .replace(/<(br|\/(td|th|li|div|tr|caption|figcaption))[^>]*>/g, " ")
    .replace(/<[^>]*>/g, "")
    .replace(/\s+/g, " ");
  assert.match(
    words,
    /^Dense vectors dense-d6a98598212ed729 · session sample · 2026-11-20 19:39:27 UTC resumed 12 batches sample model ⚠ 3 texts .*Figures Chunks 412 Vectors 412 × 128 .*Memory resident set .*peaked at 304 MiB.*Models Vectors Weights Device/,
  );
});

test("a chart that can't be drawn leaves the card and says what it would have shown", async () => {
  const card = cardOf(sample.chunkRun());
  const [first] = card.charts;
  assert.ok(first);
  const broken = { ...first, spec: { ...first.spec, layer: [{ mark: { type: "<no such mark>" }, encoding: {} }] } };
  const html = await drawCard({ ...card, charts: [broken, ...card.charts.slice(1)] });
  assertHarmless(html, "broken");
  assert.match(html, /This chart could not be drawn \(.+\)\. It would show: Tokens per chunk: 412 chunks/);
  assert.equal(picturesIn(html).length, 2);
  assertHarmless(htmlOf(card, [{ chart: first, svg: null, problem: `<img src=x>` }]), "problem");
});
