import assert from "node:assert/strict";
import test from "node:test";
import { cardOf, type Showable } from "../../dist/charts/card.js";
import { withMarks, withoutMarks } from "../../dist/charts/card-stale.js";
import { textOf } from "../../dist/charts/card-text.js";
import { htmlOf } from "../../dist/charts/html.js";
import { verbs } from "../../dist/core/journey.js";
import type { StageStanding } from "../../dist/schema/lineage-types.js";
import type { StageName } from "../../dist/schema/types.js";
import { PAYLOADS, poisoned } from "./hostile.ts";
import { explanation, staleReport, standings } from "./sample-lineage.ts";
import { denseRun } from "./sample-runs.ts";
import { walk } from "./svg.ts";

const marked = (stages: readonly StageStanding[], unread = 0) =>
  textOf(withMarks(cardOf(denseRun()), denseRun(), { stages, unread }));
const standing = (stage: StageName, more: Partial<StageStanding>): StageStanding => ({
  stage,
  cell: verbs[stage],
  state: "stale",
  id: `${stage}-1`,
  reasons: [],
  remarks: [],
  ...more,
});
const input = (stage: StageName): StageStanding["reasons"][number] => ({
  cause: "input",
  words: `${stage} run a → b`,
  stage,
  from: "a",
  to: "b",
});

test("a card of a session in which nothing is stale is as it was", () => {
  const card = cardOf(denseRun());
  const fresh = standings().map((one): StageStanding => ({ ...one, state: "unknown", reasons: [] }));
  assert.deepEqual(withMarks(card, denseRun(), { stages: fresh, unread: 0 }), card, "what is not known is no mark");
});

test("the mark is on the run that is stale, and on no other", () => {
  const own = standing("dense", { id: denseRun().id });
  assert.match(marked([own]).split("\n")[0] ?? "", /· stale$/);
  assert.doesNotMatch(marked([standing("sparse", {})]).split("\n")[0] ?? "", /stale/);
});

test("a reason is said once, and one that all share without their names", () => {
  const shared = [
    standing("sparse", { reasons: [input("chunk")] }),
    standing("fuse", { reasons: [input("chunk"), input("sparse")] }),
  ];
  const text = marked(shared);
  assert.match(text, /! Stale now, run again in this order: runSparse, fuse\n {2}! chunk run a → b\n/);
  assert.doesNotMatch(text, /sparse run a/, "the chunks are why");
  const many = ["dense", "sparse", "fuse", "rerank", "export"].map((stage, i) =>
    standing(stage as StageName, { reasons: [{ cause: "setting", words: `reason ${i}`, name: "x", from: 0, to: i }] }),
  );
  assert.deepEqual(
    withMarks(cardOf({ ...denseRun(), notes: [] }), denseRun(), { stages: many, unread: 0 }).notes.map(
      ({ text }) => text,
    ),
    [
      "Stale now, run again in this order: runDense, runSparse, fuse, rerank, exportCollection",
      "runDense: reason 0",
      "runSparse: reason 1",
      "fuse: reason 2",
      "and 2 more reasons: stale(session)",
    ],
  );
});

test("documents that were not read for want of time are said, and so is what went wrong", () => {
  const card = cardOf({ ...denseRun(), notes: [] });
  const notes = withMarks(card, denseRun(), { stages: [], unread: 3 }).notes;
  assert.deepEqual(notes, [{ text: "3 documents may have changed: stale(session) reads them", tone: "plain" }]);
  assert.match(withoutMarks(card, new Error("gone")).notes[0]?.text ?? "", /could not be found out: gone/);
});

test("nothing from documents, settings or disks can be more than text", () => {
  for (const payload of PAYLOADS) {
    const values: Showable[] = [
      poisoned(staleReport(), payload),
      poisoned(explanation(), payload),
      poisoned(
        { kind: "skip_explanation", stage: "sparse", setting: "x", setBy: { source: "y", settings: ["z"] } } as const,
        payload,
      ),
    ];
    const cards = values.map((value) => cardOf(value));
    cards.push(withMarks(cardOf(denseRun()), denseRun(), { stages: poisoned(standings(), payload), unread: 0 }));
    for (const card of cards) {
      const html = htmlOf(card, []);
      walk(html, ({ name, attributes }) => {
        assert.ok(!["script", "img", "iframe", "style", "b"].includes(name), name);
        for (const attribute of Object.keys(attributes)) assert.doesNotMatch(attribute, /^on/i);
      });
      assert.doesNotMatch(textOf(card), /[\u001b\u202e\u2066]/);
      assert.ok(html.length < 60_000, `${html.length} characters`);
      assert.ok(textOf(card).split("\n").length <= 14);
    }
  }
});
