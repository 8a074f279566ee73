import assert from "node:assert/strict";
import test from "node:test";
import { clip, clipFront, escapeHtml, shortSources, unique, visible } from "../../dist/charts/text.js";
import { textWidth } from "../../dist/charts/text-width.js";

test("what hides or reorders text is written out", () => {
  assert.equal(visible("invoice\u202egpj.exe"), "invoice\\u202egpj.exe");
  assert.equal(visible("a\u0000b\u001b[31mc\u200bd\u2066e\ufeff"), "a\\u0000b\\u001b[31mc\\u200bd\\u2066e\\ufeff");
  assert.equal(visible("one\r\ntwo\tthree\u2028four"), "one two three four");
  assert.equal(visible("half \ud83d pair"), "half \ufffd pair");
  assert.equal(visible("می‌خواهم 👩‍👩‍👧"), "می‌خواهم 👩‍👩‍👧", "joiners belong to the text");
});

test("cutting keeps the length, whole characters and the telling end", () => {
  assert.equal(clip("short", 10), "short");
  assert.equal(clip("abcdefghij", 5), "abcd…");
  assert.equal(clipFront("corpus/deep/down/file.md", 12), "…own/file.md");
  assert.equal(clip("🙂".repeat(20), 4), "🙂🙂🙂…");
  for (const cut of [clip, clipFront]) {
    for (const text of ["x".repeat(10_000), "🙂".repeat(5_000), `${" ".repeat(9_999)}x`, "\u202e".repeat(10_000)]) {
      assert.ok([...cut(text, 60)].length <= 60);
      assert.doesNotMatch(cut(text, 60), /\p{Surrogate}/u);
      assert.ok(cut(text, 60).includes("…"), "a cut can be seen");
    }
  }
});

test("text can't leave an element or an attribute", () => {
  const text = `<script>"'</style>&amp;`;
  assert.equal(escapeHtml(text), "&#60;script&#62;&#34;&#39;&#60;/style&#62;&#38;amp;");
});

test("names stay apart", () => {
  assert.deepEqual(unique(["a", "b", "a", "a (2)"]), ["a", "b", "a (2)", "a (2) (2)"]);
  assert.deepEqual(shortSources(["dense:m", "sparse:n"]), ["dense", "sparse"]);
  assert.deepEqual(shortSources(["dense:m", "dense:n"]), ["dense:m", "dense:n"]);
});

test("a text is estimated as wide as DejaVu Sans has it, and not much wider", () => {
  // Widths at 11 px as Chromium 156 measures them on a canvas.
  const measured = {
    "tokens per s": 67.5,
    "4.01 MB, 12": 66.0,
    "sample-bi-encoder": 102.8,
    "…ometheus-histograms.md": 152.6,
    "illicit filter": 54.7,
  };
  for (const [text, width] of Object.entries(measured)) {
    const estimate = textWidth(text, 11);
    assert.ok(estimate >= width && estimate < width * 1.25, `${text}: ${estimate} for ${width}`);
  }
  assert.ok(textWidth("検索🙂", 11) >= 33);
});
