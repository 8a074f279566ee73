import assert from "node:assert/strict";
import { test } from "node:test";
import { termsOf } from "../../dist/sparse/bm25-terms.js";
import { byCodePoint, sortByCodePoint } from "../../dist/sparse/bm25-vocabulary.js";

const english = termsOf("english");
const plain = termsOf("none");

test("English words: stop words go, the rest is stemmed", () => {
  assert.deepEqual(english("How are the relational databases connected?"), ["relat", "databas", "connect"]);
  assert.deepEqual(english("the model's queries, and the models' query"), ["model", "queri", "model", "queri"]);
  assert.deepEqual(english("I don't; DON\u2019T"), ["dont", "dont"]);
  assert.deepEqual(english("no, not before all"), ["no", "not", "befor", "all"]);
});

test("without a language words are as they are", () => {
  assert.deepEqual(plain("The l'avion d\u2019or, k1=1.2"), ["the", "l", "avion", "d", "or", "k1", "1", "2"]);
});

test("identifiers and numbers split at punctuation, letters and digits stay together", () => {
  assert.deepEqual(plain("read_csv(utf-8) v1.26.0 sm_75"), ["read", "csv", "utf", "8", "v1", "26", "0", "sm", "75"]);
});

test("compatible characters and case are one", () => {
  assert.deepEqual(plain("\uff26\uff4f\uff58 \ufb01sh \u2460 CAF\u00c9 cafe\u0301"), [
    "fox",
    "fish",
    "1",
    "caf\u00e9",
    "caf\u00e9",
  ]);
});

test("only words of a-z are stemmed", () => {
  assert.deepEqual(english("na\u00efveties running2 \u0431\u0435\u0433\u0443\u0449\u0438\u0439"), [
    "na\u00efveties",
    "running2",
    "\u0431\u0435\u0433\u0443\u0449\u0438\u0439",
  ]);
});

test("scripts without spaces give pairs of characters, beside words", () => {
  for (const terms of [english, plain]) {
    assert.deepEqual(terms("GPU\u52a0\u901f\u5668 \u732b"), ["gpu", "\u52a0\u901f", "\u901f\u5668", "\u732b"]);
    assert.deepEqual(terms("\u30b3\u30fc\u30d2\u30fc2\u676f"), [
      "\u30b3\u30fc",
      "\u30fc\u30d2",
      "\u30d2\u30fc",
      "2",
      "\u676f",
    ]);
    assert.deepEqual(terms("\ud55c\uad6d\uc5b4"), ["\ud55c\uad6d", "\uad6d\uc5b4"]);
    assert.deepEqual(terms("\u{20000}\u{20001}\u{20002}"), ["\u{20000}\u{20001}", "\u{20001}\u{20002}"]);
  }
});

test("marks stay with their letters", () => {
  assert.deepEqual(plain("\u0939\u093f\u0928\u094d\u0926\u0940 \u0938\u0947"), [
    "\u0939\u093f\u0928\u094d\u0926\u0940",
    "\u0938\u0947",
  ]);
});

test("a text of ASCII gives the same as one with another letter in it", () => {
  const text = "It's k1=1.2, isn't it? O'Reilly's 'quoted' rock'n'roll 3rd_party x86-64 a'' ''b don't'";
  for (const terms of [english, plain]) assert.deepEqual(terms(`${text} \u00df`), [...terms(text), "\u00df"]);
});

test("long words are cut at 64 and never through a character", () => {
  assert.deepEqual(plain("x".repeat(65)), ["x".repeat(64)]);
  assert.deepEqual(plain(`${"x".repeat(63)}\u{10428}y`), ["x".repeat(63)]);
  assert.deepEqual(plain(`${"x".repeat(62)}\u{10428}y`), [`${"x".repeat(62)}\u{10428}`]);
  assert.deepEqual(english("y".repeat(200)), english("y".repeat(64)));
});

test("a word asked for again gives the same term", () => {
  assert.deepEqual(english("queries queries"), ["queri", "queri"]);
  assert.deepEqual(english("queries"), ["queri"]);
});

test("words sort by code point, not by UTF-16 code unit", async () => {
  const words = ["b", "\ue000", "\u{10000}", "a", "\uffff", "ab", "\u{10ffff}", "", "a\u{10000}", "a\ue000"];
  const expected = [...words].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
  assert.deepEqual(await sortByCodePoint(words), expected);
  assert.deepEqual([...words].sort(byCodePoint), expected);
  assert.notDeepEqual([...words].sort(), expected);
});
