import assert from "node:assert/strict";
import { test } from "node:test";
import { densityOf, structureOf } from "../../dist/chunk/score.js";
import { cut, words } from "./lib/cut.ts";

const density: readonly (readonly [text: string, score: number])[] = [
  ["", 0],
  [" \n\t\u00a0", 0],
  ["abc DEF 123", 1],
  ["------", 0],
  ["ab--", 0.5],
  ["héé 汉字 नी \u{20000}", 1],
  ["a😀", 0.5],
  ["| a | b |", 0.4],
];

for (const [text, score] of density)
  test(`density of ${JSON.stringify(text)} is ${score}`, () => assert.equal(densityOf(text), score));

test("structure says how whole a chunk is", () => {
  assert.equal(structureOf(1, 0.5), 0.75);
  const structures = (source: string, max: number) => cut(source, words(max)).map(({ scores }) => scores.structure);
  assert.deepEqual(structures("a b c\n\nd e f", 20), [1]);
  // One paragraph in three parts, cut at sentences; then one without sentences, cut at words.
  assert.deepEqual(structures("A b c d e. F g h i j. K l m n o.", 10), [0.75, 0.5, 0.75]);
  assert.deepEqual(structures("a b c d e f g h i j k l m n o p q r s t", 10), [0.5, 0, 0.5]);
});
