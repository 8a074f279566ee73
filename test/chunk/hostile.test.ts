import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { markdownBlocks } from "../../dist/chunk/blocks.js";
import { chunkDocuments } from "../../dist/chunk/documents.js";
import type { TokenLimit } from "../../dist/chunk/meter.js";
import { quantile } from "../../dist/core/stats.js";
import { corpusOf } from "../lib/sample.ts";
import { watchHolding } from "../runtime/lib/lateness.ts";
import { checkPromises, cut, words } from "./lib/cut.ts";

const SIZE = 100_000;
const fill = (text: string) => text.repeat(Math.ceil(SIZE / text.length));

/** Texts that make parsers recurse, tokenizers crawl and regular expressions explode. */
const texts: Readonly<Record<string, string>> = {
  "quotes in quotes": `${">".repeat(10_000)} a`,
  "brackets in brackets": "[".repeat(10_000),
  "images in links": fill("[![ "),
  "lists in lists on one line": `${"- ".repeat(10_000)}a`,
  "lists in lists on many lines": Array.from({ length: 600 }, (_, i) => `${" ".repeat(2 * i)}- a`).join("\n"),
  "deep lists over blank lines": `${"- ".repeat(10_000)}a${"\n".repeat(10_000)}`,
  "deep quotes with lazy lines": `${"> ".repeat(10_000)}a\n${"a\n".repeat(10_000)}`,
  "emphasis that never ends": fill("*a **b "),
  "ticks of every length": Array.from({ length: 600 }, (_, i) => "`".repeat(i)).join(" "),
  "definitions that never end": fill("[a\n"),
  definitions: fill("[a]: /x\n"),
  "a row of bars and spaces": `a\n|${fill(" -")}x`,
  "a tag that never ends": `<a ${fill("b ")}`,
  "tags that never end": fill("<a "),
  "comments that never end": fill("<!-- "),
  "a fence that never ends": `\`\`\`\n${fill("let a = b;\n")}`,
  "a fence of one line": `\`\`\`\n${fill("let a = b; ")}`,
  "rulers that are none": fill("- - - x "),
  "headings only": fill("# a `b`\n"),
  "underlines only": fill("a\n=\n"),
  "underlined markup": fill("*a* & `b`\nand a second line of it\n=\n"),
  "one huge table": `| a | b |\n|---|---|\n${fill("| c | d |\n")}`,
  "one huge list": fill("- a\n"),
  "one sentence": fill("word and "),
  "dots without end": fill("..... "),
  "no spaces: CJK": fill("汉字没有空格"),
  "no spaces: Thai": fill("ไม่เว้นวรรค"),
  families: fill("👩‍👩‍👧‍👦"),
  "marks on one letter": `a${"\u0301".repeat(19_000)}`,
  "nothing a tokenizer sees": fill("\u200b\n"),
  "blank lines": fill("\n"),
  spaces: fill(" "),
  "text far apart": `# a\n\n${fill(" \n")}b\n\n${fill("\t")}\n\nc`,
  "old Mac lines": fill("line\r"),
  "front matter that never ends": `---\n${fill("a: 1\n")}`,
};

const limit = words(64);

for (const [name, source] of Object.entries(texts)) {
  test(`${name}: kept whole, in time`, () => {
    const before = process.cpuUsage();
    const chunks = cut(source, limit);
    const { user, system } = process.cpuUsage(before);
    checkPromises(source, chunks, [limit]);
    const seconds = (user + system) / 1e6;
    assert.ok(seconds < 4, `${seconds} s of processor time for ${source.length} characters`);
  });
}

test("blocks are found in time that grows with the text, however deep it nests", () => {
  for (const line of ["- ".repeat(500_000), `${"> ".repeat(300_000)}a`, "1. ".repeat(300_000), ">- ".repeat(300_000)]) {
    const before = process.cpuUsage();
    const blocks = [...markdownBlocks(`${line}\n`.repeat(3))].filter((block) => block !== null);
    const { user, system } = process.cpuUsage(before);
    assert.ok(blocks.length > 0);
    assert.ok((user + system) / 1e6 < 2, `${(user + system) / 1e6} s of processor time`);
  }
});

/** A tokenizer that remembers the longest text it was given. */
function watched(max: number): TokenLimit & { longest: number } {
  return {
    model: "watched",
    max,
    longest: 0,
    count(text) {
      this.longest = Math.max(this.longest, text.length);
      return 2 + Math.ceil(text.length / 4);
    },
  };
}

test("a word of 2 MB fails at once, before any tokenizer sees it", async () => {
  const dir = await corpusOf({ "a.md": `# A\n\ntext ${"x".repeat(2_000_000)} text` });
  const counter = watched(256);
  const before = process.cpuUsage();
  const walk = chunkDocuments([{ path: join(dir, "a.md"), document: "a.md" }], [counter]);
  await assert.rejects(walk.next(), { code: "word_too_long", message: /a word of 2000000 characters at offset 10/ });
  const { user, system } = process.cpuUsage(before);
  assert.equal(counter.longest, 0);
  assert.ok((user + system) / 1e6 < 0.5, `${(user + system) / 1e6} s of processor time`);
});

test("the longest word is up to the operator, and scripts without spaces have none", () => {
  const word = "x".repeat(20_001);
  assert.throws(() => cut(word, limit), { code: "word_too_long" });
  const chunks = cut(word, { model: "units", max: 300, count: (text) => text.length }, { maxWordLength: 30_000 });
  assert.equal(checkPromises(word, chunks, []), 0);
  cut(`${"汉".repeat(50_000)}${"ก".repeat(50_000)}${"한".repeat(50_000)}${"😀".repeat(50_000)}`, limit);
  assert.throws(() => cut("é".repeat(20_001), limit), { code: "word_too_long" });
});

test("no tokenizer is given more than 32,768 characters, whatever its limit", () => {
  for (const max of [64, 512, 8192, 100_000]) {
    const counter = watched(max);
    for (const source of [texts["a fence of one line"], texts["one sentence"], texts["text far apart"]] as string[]) {
      checkPromises(source, cut(source, counter), []);
      assert.ok(counter.longest <= 32_768, `${counter.longest}`);
    }
  }
});

test("the event loop stays free inside a large document: a 10 ms timer is late by at most 20 ms of work at the 99th percentile", async (t) => {
  const mixed =
    "# H `x`\n\nSome prose here. And more of it.\n\n```js\nconst a = 1;\n\nconst b = 2;\n```\n\n- a\n- b\n  - c\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n";
  const source = `${mixed.repeat(10_000)}\`\`\`\n${"const value = compute(a, b);\n".repeat(30_000)}\`\`\`\n\n${"- an item of one list\n".repeat(30_000)}`;
  const dir = await corpusOf({ "a.md": source });
  const walk = async () => {
    for await (const { chunks } of chunkDocuments([{ path: join(dir, "a.md"), document: "a.md" }], [limit]))
      assert.ok(chunks.length > 10_000);
  };
  await walk();
  const watch = watchHolding();
  // A fast machine does the work more than once, for enough ticks.
  while (watch.ticks < 100) await walk();
  const late = watch.stop();
  t.diagnostic(`late at the 99th percentile of ${late.length}: ${quantile(late, 0.99).toFixed(1)} ms`);
  assert.ok(quantile(late, 0.99) <= 20);
});
