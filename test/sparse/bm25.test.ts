import assert from "node:assert/strict";
import { test } from "node:test";
import { RagError } from "../../dist/core/errors.js";
import { sparseRow } from "../../dist/core/sparse-matrix.js";
import { type Bm25Options, bm25Builder, bm25Query, vocabularyIndex } from "../../dist/sparse/bm25.js";

async function weigh(texts: readonly string[], options: Bm25Options = {}) {
  const builder = bm25Builder(options);
  for (const text of texts) builder.add(text);
  return builder.finish();
}

async function scores(texts: readonly string[], query: string, options: Bm25Options = {}) {
  const { matrix, vocabulary } = await weigh(texts, options);
  const { indices, values } = bm25Query(query, vocabularyIndex(vocabulary), options);
  return texts.map((_, r) => {
    const row = sparseRow(matrix, r);
    return indices.reduce(
      (sum, term, i) => sum + (values[i] as number) * (row.values[row.indices.indexOf(term)] ?? 0),
      0,
    );
  });
}

const near = (value: number | undefined, expected: number) =>
  assert.ok(value !== undefined && Math.abs(value - expected) < 1e-6, `${value} is not ${expected}`);

test("weights worked out by hand", async () => {
  const texts = ["red fox", "red red dog", "", "cat"];
  const { matrix, vocabulary } = await weigh(texts, { language: "none" });
  assert.deepEqual(vocabulary, ["cat", "dog", "fox", "red"]);
  assert.deepEqual([...matrix.indptr], [0, 2, 4, 4, 5]);
  assert.deepEqual([...matrix.indices], [2, 3, 1, 3, 0]);
  // 3 texts have terms, of lengths 2, 3, 1: mean 2. "red" is in 2 of them, every other word in 1.
  const red = Math.log(1 + (3 - 2 + 0.5) / (2 + 0.5)); // ln 1.6 = .4700036
  const rare = Math.log(1 + (3 - 1 + 0.5) / (1 + 0.5)); // ln 2.6667 = .9808293
  // k1 (1 - b + b length / mean): 1.2 (.25 + .75 * 2/2) = 1.2, then 1.2 (.25 + .75 * 3/2) = 1.65, then 1.2 (.25 + .75 * 1/2) = .75
  const [fox, red1, dog, red2, cat] = matrix.values;
  near(fox, rare); // tf 1: 1 * 2.2 / (1 + 1.2) = 1
  near(red1, red);
  near(dog, (rare * 2.2) / 2.65); // .8142734
  near(red2, (red * 2 * 2.2) / 3.65); // .5665797
  near(cat, (rare * 2.2) / 1.75); // 1.2330426
  near(red2, 0.5665797);

  const found = await scores(texts, "red fox red", { language: "none" });
  near(found[0], 2 * 0.4700036 + 0.9808293);
  near(found[1], 2 * 0.5665797);
  assert.deepEqual(found.slice(2), [0, 0]);
});

test("b = 0 forgets length, k1 = 0 forgets counts", async () => {
  const [short, long] = await scores(["fox a1 a2", "fox b1 b2 b3 b4 b5 b6"], "fox", { language: "none", b: 0 });
  near(short, long as number);
  const [once, often] = await scores(["fox a1 a2", "fox fox fox"], "fox", { language: "none", k1: 0 });
  near(once, often as number);
});

test("documents and queries meet in stems, without case, stop words and possessives", async () => {
  const found = await scores(
    ["The tables were exported", "An importer of pictures"],
    "How do I export the TABLE's rows?",
  );
  assert.ok((found[0] as number) > 0);
  assert.equal(found[1], 0);
});

test("unknown words are left out of a query, known ones counted", async () => {
  const { vocabulary } = await weigh(["red fox", "red dog"], { language: "none" });
  const index = vocabularyIndex(vocabulary);
  const query = bm25Query("dog unicorn dog red", index, { language: "none" });
  assert.deepEqual(
    [[...query.indices], [...query.values]],
    [
      [0, 2],
      [2, 1],
    ],
  );
  assert.equal(bm25Query("unicorn", index).indices.length, 0);
});

test("words that are names of an object's own machinery are words", async () => {
  const texts = ["__proto__ constructor", "hasOwnProperty toString", "constructor valueOf"];
  const { vocabulary } = await weigh(texts, { language: "none" });
  assert.deepEqual(vocabulary, ["constructor", "hasownproperty", "proto", "tostring", "valueof"]);
  const found = await scores(texts, "constructor", { language: "none" });
  assert.ok((found[0] as number) > 0 && (found[2] as number) > 0);
  assert.equal(found[1], 0);
  assert.equal((await scores(["constructor", "fox"], "constructors"))[1], 0);
});

test("a word of 2 MB is one term of 64 characters, and is found by itself", async () => {
  const word = "a".repeat(2 * 2 ** 20);
  for (const language of ["english", "none"] as const) {
    const { vocabulary } = await weigh([word, "fox"], { language });
    assert.ok(vocabulary.every((term) => term.length <= 64));
    const found = await scores([word, "fox"], word, { language });
    assert.ok((found[0] as number) > 0);
    assert.equal(found[1], 0);
  }
});

test("the space stands for vocabulary and settings, not for order", async () => {
  const space = async (texts: string[], options: Bm25Options = {}) => (await weigh(texts, options)).matrix.space;
  const own = await space(["red fox", "dog"]);
  assert.match(own, /^bm25:[0-9a-f]{16}$/);
  assert.equal(await space(["dog", "fox red"]), own);
  assert.notEqual(await space(["dog", "fox"]), own);
  assert.notEqual(await space(["red fox", "dog"], { k1: 1.5 }), own);
  assert.notEqual(await space(["red fox", "dog"], { language: "none" }), own);
});

test("a corpus without a single term gives empty rows", async () => {
  const { matrix, vocabulary } = await weigh(["", "the", " ... "]);
  assert.deepEqual([matrix.rows, matrix.values.length, vocabulary.length], [3, 0, 0]);
  assert.equal((await weigh([])).matrix.rows, 0);
});

test("arrays grow with the corpus and rows stay in order", async () => {
  const texts = Array.from({ length: 3000 }, (_, i) => `common w${i} w${i + 1} w${(i * 7919) % 3000}`);
  const { matrix, vocabulary } = await weigh(texts, { language: "none" });
  assert.equal(matrix.values.length, matrix.indptr[3000]);
  for (const [r, text] of texts.entries()) {
    const { indices, values } = sparseRow(matrix, r);
    assert.deepEqual(
      [...indices].map((i) => vocabulary[i]),
      [...new Set(text.split(" "))].sort(),
    );
    assert.ok(values.every((value) => Number.isFinite(value) && value > 0));
  }
});

test("work on a corpus stops within a turn", async () => {
  const builder = bm25Builder();
  for (let i = 0; i < 30_000; i++) builder.add(`alpha w${i} x${i} y${i}`);
  const stop = new AbortController();
  setTimeout(() => stop.abort(new Error("stopped")), 1);
  await assert.rejects(builder.finish(stop.signal), /stopped/);
});

test("settings out of range name themselves", () => {
  for (const [options, name] of [
    [{ k1: -1 }, "k1"],
    [{ k1: Number.NaN }, "k1"],
    [{ b: 1.1 }, "b"],
    [{ language: "klingon" as "none" }, "language"],
  ] as const) {
    assert.throws(
      () => bm25Builder(options),
      (error: RagError) =>
        error instanceof RagError && error.code === "bad_bm25_setting" && error.message.includes(name),
    );
  }
});
