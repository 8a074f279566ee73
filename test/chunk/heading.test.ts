import assert from "node:assert/strict";
import { test } from "node:test";
import { headingReader } from "../../dist/chunk/heading.js";

const headingText = await headingReader();

const cases: readonly (readonly [heading: string, text: string])[] = [
  ["# Plain", "Plain"],
  ["   ###   Spaces  between   ###  ", "Spaces between"],
  ["# C#", "C#"],
  ["## #", ""],
  ["#", ""],
  ["## The `run` [verb](http://x.y) of **rag**", "The run verb of rag"],
  ["# `a_b` and `*`", "a_b and *"],
  ["# ``a`b`` c", "a`b c"],
  ["# snake_case __init__ _x_", "snake_case init x"],
  ["# a &amp; b &lt;c&gt; & d", "a & b <c> & d"],
  ["# <img src=x onerror=y> ![alt *text*](i.png)", "alt text"],
  ["# \\*stars\\*", "*stars*"],
  ["# [1.0.0] - 2024", "[1.0.0] - 2024"],
  ["Two\nlines\n===", "Two lines"],
  ["Under `line`\r\n---", "Under line"],
  ["# 汉字 😀 שלום", "汉字 😀 שלום"],
];

for (const [heading, text] of cases) {
  test(`${JSON.stringify(heading)} reads ${JSON.stringify(text)}`, () => assert.equal(headingText(heading), text));
}

test("a long heading is cut to 300 characters, never inside a surrogate pair", () => {
  for (const heading of [
    `# ${"ab ".repeat(200)}`,
    `# ${"😀".repeat(400)}`,
    `# x${"😀".repeat(400)}`,
    `# ${"*a* ".repeat(9000)}`,
  ]) {
    const title = headingText(heading);
    assert.ok(title.length <= 300 && title.endsWith("…") && title.isWellFormed(), `${title.length}`);
  }
});

test("headings that make regular expressions slow take no time", () => {
  const start = performance.now();
  for (const char of ["#", " #", "`", "[", "*a", "\\", "<", "&#", "_ "])
    for (const n of [400, 90_000]) headingText(`# ${char.repeat(n / char.length)}x`);
  assert.ok(performance.now() - start < 2000, `${performance.now() - start} ms`);
});
