import assert from "node:assert/strict";
import { test } from "node:test";
import { createMeter, resolveSplitOptions, strictestLimit, type TokenLimit } from "../../dist/chunk/meter.js";
import { words } from "./lib/cut.ts";

const limit = (model: string, max: number, count: TokenLimit["count"] = words(0).count): TokenLimit => ({
  model,
  max,
  count,
});

test("the strictest limit is the smallest, and of equal ones the first", () => {
  const limits = [limit("a", 512), limit("b", 256), limit("c", 256)];
  assert.equal(strictestLimit(limits).model, "b");
  assert.throws(() => strictestLimit([]), { code: "bad_chunk_option" });
});

test("defaults follow the strictest limit", () => {
  assert.deepEqual(resolveSplitOptions([limit("a", 8192)]), {
    targetTokens: 256,
    overlapTokens: 0,
    maxWordLength: 20_000,
  });
  assert.equal(resolveSplitOptions([limit("a", 8192), limit("b", 128)]).targetTokens, 128);
});

test("options that can't be kept are refused with the rule", () => {
  const refuses = (options: object, says: RegExp) =>
    assert.throws(() => createMeter([limit("a", 100)], options), { code: "bad_chunk_option", message: says });
  refuses({ targetTokens: 101 }, /from 8 to 100, the limit of a/);
  refuses({ targetTokens: 7 }, /targetTokens/);
  refuses({ targetTokens: 20.5 }, /targetTokens/);
  refuses({ targetTokens: "20" }, /targetTokens/);
  refuses({ targetTokens: 40, overlapTokens: 21 }, /from 0 to 20, half of targetTokens/);
  refuses({ overlapTokens: -1 }, /overlapTokens/);
  refuses({ maxWordLength: 10 }, /maxWordLength/);
});

test("a limit without room for text, and a count that is none, name the model", () => {
  for (const max of [0, 9, 10.5, Number.NaN, Number.POSITIVE_INFINITY]) {
    assert.throws(() => createMeter([limit("some-model", max)]), {
      code: "bad_token_limit",
      message: /"some-model".*at least 10/,
    });
  }
  for (const count of [Number.NaN, -1, 1.5, "3" as unknown as number]) {
    const meter = () => createMeter([limit("some-model", 50, (text) => (text === "" ? 2 : count))]).count("x");
    assert.throws(meter, { code: "bad_token_count", message: /"some-model"/ });
  }
});

test("tokens are counted by every model, special tokens apart, and compared to every limit", () => {
  const characters = limit("characters", 30, (text) => text.length);
  const meter = createMeter([words(20), characters], { targetTokens: 12, overlapTokens: 4 });
  const tokens = meter.count("one two three");
  assert.deepEqual(tokens, [3, 13]);
  assert.equal(meter.strict(tokens), 3);
  assert.equal(meter.total(tokens), 5);
  assert.equal(meter.fits([18, 30]), true);
  assert.equal(meter.fits([19, 0]), false);
  assert.equal(meter.fits([0, 31]), false);
  // The target of 12 has two special tokens; room for the overlap is kept in the other model too.
  assert.equal(meter.withinTarget([10, 26]), true);
  assert.equal(meter.withinTarget([11, 0]), false);
  assert.equal(meter.withinTarget([0, 27]), false);
});

test("a count keeps its object", () => {
  const counter = {
    model: "m",
    max: 50,
    special: 3,
    count(text: string) {
      return this.special + text.length;
    },
  };
  assert.deepEqual(createMeter([counter]).count("abcd"), [4]);
});
