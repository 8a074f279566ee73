import assert from "node:assert/strict";
import test from "node:test";
import { cardOf, type Showable } from "../../dist/charts/card.js";
import { headline, textOf } from "../../dist/charts/card-text.js";
import { PAYLOADS, poisoned } from "./hostile.ts";
import * as sample from "./sample-runs.ts";

const values: Showable[] = [
  sample.primeRun(),
  sample.chunkRun(),
  sample.denseRun(),
  sample.largeDenseRun(),
  sample.sparseRun(),
  sample.fusedRun(),
  sample.rerankRun(),
  sample.exportRun(),
  sample.querySet(),
  sample.skipped(),
];

for (const value of values) {
  const name = value.kind === "dense" ? `${value.kind} of ${value.count}` : value.kind;
  test(`the text of a card: ${name}`, (t) => {
    t.assert.snapshot(textOf(cardOf(value)), { serializers: [(text: string) => text] });
  });
}

test("badges say what this call did", () => {
  const run = sample.largeDenseRun();
  const badges = (more: object) => cardOf({ ...run, reused: false, ...more }).badges.map((b) => b.text);
  assert.deepEqual(badges({}), []);
  assert.deepEqual(badges({ resumedBatches: 1 }), ["resumed 1 batch"]);
  assert.deepEqual(badges({ reused: true }), ["reused"]);
  assert.deepEqual(badges({ reused: true, resumedBatches: 1 }), ["reused"], "it was another call that resumed");
  for (const shown of [sample.primeRun(), sample.denseRun(), sample.sparseRun(), sample.rerankRun()]) {
    assert.ok(
      cardOf(shown).badges.some((b) => b.text === "sample model"),
      shown.kind,
    );
  }
  assert.deepEqual(cardOf(sample.skipped()).badges, [{ text: "off: set by env", tone: "warn" }]);
});

test("an export that failed a check says so first", () => {
  const run = sample.exportRun();
  const checks = [...run.checks, { name: "norms", passed: false, detail: "row 7 has length 0.2" }];
  const card = cardOf({ ...run, checks });
  assert.deepEqual(card.badges[0], { text: "1 check failed", tone: "warn" });
  assert.deepEqual(card.tables[0]?.groups[0]?.rows[0], ["norms", "✗ failed", "row 7 has length 0.2"]);
  assert.equal(cardOf({ ...run, checks: [] }).badges[0]?.text, "not verified");
});

test("what a card leaves out, it counts", () => {
  const notes = Array.from({ length: 40 }, (_, i) => ({ code: `n${i}`, message: "m" }));
  const card = cardOf({ ...sample.denseRun(), notes });
  assert.equal(card.notes.length, 9);
  assert.equal(card.notes.at(-1)?.text, "and 32 more notes in the value's notes");
  assert.match(textOf(card), /\n {2}! and 7 more notes$/m);
  const fused = cardOf(sample.fusedRun());
  assert.equal(fused.tables[0]?.groups.length, 6);
  assert.equal(fused.tables[0]?.more, "and 2 more queries in run.results");
  const one = sample.querySet().queries[0];
  assert.ok(one);
  const many = cardOf({ ...sample.querySet(), queries: Array.from({ length: 500 }, () => one) });
  assert.equal(many.tables[0]?.more, "and 488 more in the set's queries");
});

test("a query's text is shown where this kernel has it, else its id and length", () => {
  const run = sample.fusedRun();
  assert.equal(cardOf(run).tables[0]?.groups[0]?.heading, "“how do I export tables?”");
  assert.match(
    cardOf({ ...run, queries: null }).tables[0]?.groups[0]?.heading ?? "",
    /^query q-[0-9a-f]{16}, 23 characters$/,
  );
});

test("memory says how it was measured", () => {
  const peaks = cardOf(sample.largeDenseRun()).figures.filter((f) => f.label.startsWith("Peak memory"));
  assert.equal(peaks.length, 2);
  for (const peak of peaks) {
    assert.match(peak.value, /^[67]\.\d+ GiB of 12 GiB$/);
    assert.match(peak.how ?? "", /driver.*every 100 ms \(sampled, a lower bound\)/);
  }
});

test("hostile text neither forges a line nor colours a terminal, and stays short", () => {
  for (const value of values) {
    for (const payload of PAYLOADS) {
      const text = textOf(cardOf(poisoned(value, payload)));
      const lines = text.split("\n");
      assert.ok(lines.length <= 14);
      assert.ok(
        lines.every((line, i) => [...line].length <= 320 && (i === 0 || line.startsWith("  "))),
        text.slice(0, 500),
      );
      assert.doesNotMatch(text.replaceAll("\n", ""), /[\u0000-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/);
      assert.doesNotMatch(text, /\p{Surrogate}/u);
      assert.ok(headline(cardOf(poisoned(value, payload))).length <= 320);
    }
  }
});

test("an empty run has a card", () => {
  const dense = sample.denseRun();
  const bare = { ...dense.telemetry, seconds: 0, phases: {}, batches: [], memory: [] };
  for (const value of [
    { ...dense, count: 0, vectors: [], nearestBins: [], notes: [], telemetry: bare },
    { ...sample.sparseRun(), vectors: [], telemetry: bare },
    { ...sample.fusedRun(), results: [], sources: [] },
    { ...sample.rerankRun(), results: [], logitBins: [], telemetry: bare },
    { ...sample.chunkRun(), count: 0, tokens: 0, tokenBins: [], largest: [], accounted: {} },
    { ...sample.primeRun(), models: [], bytes: 0 },
    { ...sample.querySet(), queries: [] },
  ]) {
    assert.doesNotMatch(textOf(cardOf(value)), /NaN|undefined|Infinity/);
  }
});
