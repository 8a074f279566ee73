import assert from "node:assert/strict";
import { test } from "node:test";
import { markdownBlocks } from "../../dist/chunk/blocks.js";
import { generateMarkdown } from "./lib/markdown.ts";
import { type Outline, outlineOf, parse } from "./lib/mdast.ts";

function outline(source: string): Outline[] {
  return [...markdownBlocks(source)]
    .filter((block) => block !== null)
    .map(({ kind, start, level, items }) => ({ kind, start, level, items }));
}

test("500 generated documents: the same blocks at the same lines as an independent CommonMark parser finds", () => {
  const kinds = new Map<string, number>();
  for (let seed = 1; seed <= 500; seed++) {
    const source = generateMarkdown(seed);
    const found = outline(source);
    assert.deepEqual(found, outlineOf(parse(source)), `seed ${seed}`);
    for (const { kind } of found) kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
  }
  // The comparison means something only if every kind came up.
  for (const kind of ["heading", "paragraph", "code", "html", "table", "list", "quote", "break", "front_matter"]) {
    assert.ok((kinds.get(kind) ?? 0) > 100, `${kind}: ${kinds.get(kind)}`);
  }
});

/** Texts and what they are, by the examples and rules of CommonMark 0.31 and GFM 0.29. Where the independent parser differs, it is the one that is wrong. */
const cases: readonly (readonly [text: string, kinds: string])[] = [
  ["", ""],
  [" \n\t\n", ""],
  ["a\nb\n\nc", "paragraph paragraph"],
  ["# a\nb\n## c", "heading1 paragraph heading2"],
  ["#a\n\n#", "paragraph heading1"],
  ["   # a\n    # b", "heading1 code"],
  ["a\n    # b", "paragraph"],
  ["a\nb\n===\nc\n-", "heading1 heading2"],
  ["===\n\na\n\n---", "paragraph paragraph break"],
  ["- a\n---\n- b", "list break list"],
  ["[a]: /b\n---", "paragraph break"],
  ["```\n# a\n\n    ```\n```` \n# b", "code heading1"],
  ["~~~\n```\n~~~\nx", "code paragraph"],
  ["``` a`b\nx", "paragraph"],
  ["```\nnever closed\n\n# a", "code"],
  ["> ```\n# a", "quote heading1"],
  ["- ```\n  # a\n# b", "list heading1"],
  ["- a\n\n  ```\n  # b\n\n  c\n  ```\nd", "list paragraph"],
  ["> a\nb\n# c", "quote heading1"],
  ["> - a\nb", "quote"],
  ["> # a\nb", "quote paragraph"],
  ["- a\n+ b\n+ c\n\n+ d", "list list"],
  ["1. a\n2. b\n3) c", "list list"],
  ["a\n2. b", "paragraph"],
  ["a\n\n2. b", "paragraph list"],
  ["a\n1. b", "paragraph list"],
  ["a\n-\nb", "heading2 paragraph"],
  ["-\n\n  a", "list paragraph"],
  ["-\n  a", "list"],
  ["- a\n\n\n  b\n\nc", "list paragraph"],
  ["-     code\n\n    a", "list"],
  ["\t# a\n\n-\tb\n\n\tc", "code list"],
  ["1234567890. a", "paragraph"],
  ["* * *\n- - -x", "break list"],
  ["<!-- a\n\n# b\n--> c\n# d", "html heading1"],
  ["<div>\n# a\n\n# b", "html heading1"],
  ["a\n<b>\n\n<b>\nc", "paragraph html"],
  ["<script>\n\n# a\n</script>\nb", "html paragraph"],
  ["<?a\n\n?>\n<!DOCTYPE x>\n<![CDATA[\n\n]]>", "html html html"],
  ["| a | b |\n|---|---|\n| c |\n\nd", "table paragraph"],
  ["x\n| a |\n|---|\nb\n> c", "paragraph table quote"],
  ["a|b\n-|-\nc", "table"],
  ["a | b\n- | -\nc", "paragraph list"],
  ["| a | b |\n|---|", "paragraph"],
  ["| a \\| b |\n|---|\n# c", "table heading1"],
  ["- | a |\n  |---|\nb", "list paragraph"],
  ["---\na: 1\n---\nb", "front_matter paragraph"],
  ["+++\na = 1\n+++", "front_matter"],
  ["---\nnever closed", "break paragraph"],
  [" ---\na\n---", "break heading2"],
  ["a\rb\r\rc\r\n\r\nd", "paragraph paragraph paragraph"],
  ["\u00a0\n\na", "paragraph paragraph"],
];

for (const [text, kinds] of cases) {
  test(`${JSON.stringify(text)} is ${kinds || "nothing"}`, () => {
    assert.equal(
      outline(text)
        .map(({ kind, level }) => kind + (level || ""))
        .join(" "),
      kinds,
    );
  });
}

test("blocks end where their last line that is not blank ends, also inside containers", () => {
  const source = "> a\n>\n> b\n\n- c\n\n  d\n\n```\n\ne\n\n```\n\n\n";
  assert.deepEqual(
    [...markdownBlocks(source)].map((block) => block && source.slice(block.start, block.end)),
    ["> a\n>\n> b", "- c\n\n  d", "```\n\ne\n\n```"],
  );
});
