import assert from "node:assert/strict";
import { test } from "node:test";
import type { TokenLimit } from "../../dist/chunk/meter.js";
import { random } from "../lib/random.ts";
import { checkPromises, cut, words } from "./lib/cut.ts";
import { generateMarkdown } from "./lib/markdown.ts";
import { parse, sectionsOf } from "./lib/mdast.ts";

/** Tokenizers that no chunker may trust: sums of parts above the whole, below it, and nothing at all. */
const counters: Readonly<Record<string, TokenLimit["count"]>> = {
  words: words(0).count,
  bytes: (text) => Math.ceil(Buffer.byteLength(text) / 3),
  units: (text) => text.length,
  "more than its parts": (text) => 1 + Math.floor(text.length / 4) + 3 * (text.match(/\n/g)?.length ?? 0),
  "less than its parts": (text) => 3 + Math.ceil(Math.sqrt(text.length)),
  nothing: () => 0,
  odd: (text) => (text.length === 0 ? 0 : (text.charCodeAt(text.length >> 1) % 7) + Math.ceil(text.length / 5)),
};

function optionsOf(seed: number) {
  const next = random(seed * 7919);
  const names = Object.keys(counters);
  const limits = Array.from({ length: 1 + Math.floor(next() * 2) }, () => {
    const model = names[Math.floor(next() * names.length)] as string;
    return { model, count: counters[model] as TokenLimit["count"], max: 16 + Math.floor(next() * next() * 400) };
  });
  const least = Math.min(...limits.map(({ max }) => max));
  const targetTokens = 8 + Math.floor(next() * (least - 7));
  return { limits, targetTokens, overlapTokens: next() < 0.5 ? 0 : Math.floor((next() * targetTokens) / 2) };
}

for (const format of ["markdown", "text"] as const) {
  test(`400 generated documents as ${format}, under any tokenizer, limit, target and overlap: every promise holds`, () => {
    let parted = 0;
    let overlaps = 0;
    for (let seed = 1; seed <= 400; seed++) {
      const source = generateMarkdown(seed);
      const { limits, ...options } = optionsOf(seed);
      try {
        const chunks = cut(source, limits, options, format);
        checkPromises(source, chunks, limits, options.overlapTokens);
        parted += chunks.filter(({ scores }) => scores.structure < 1).length;
        overlaps += chunks.filter(({ start, ownStart }) => start < ownStart).length;
      } catch (error) {
        throw new Error(`seed ${seed}, ${JSON.stringify({ limits, ...options })}`, { cause: error });
      }
    }
    assert.ok(parted > 1000 && overlaps > 500, `${parted} parted, ${overlaps} overlaps`);
  });
}

test("300 generated documents: the section path of every chunk is what an independent parser says", () => {
  let deep = 0;
  for (let seed = 1; seed <= 300; seed++) {
    const source = generateMarkdown(seed);
    const sectionAt = sectionsOf(parse(source));
    for (const chunk of cut(source, words(60))) {
      assert.deepEqual(chunk.sectionPath, sectionAt(chunk.end - 1), `seed ${seed}, chunk ${chunk.index}`);
      if (chunk.sectionPath.length > 2) deep++;
    }
  }
  assert.ok(deep > 100, `${deep} below two headings`);
});

test("random characters, the worst of them often: every promise holds", () => {
  const odd = [
    "\r",
    "\n",
    "\r\n",
    "\t",
    " ",
    "\u00a0",
    "\ufeff",
    "\u2028",
    "\u0085",
    "\u200b",
    "\ud83d",
    "\ude00",
    "😀",
    "\u0301",
    "漢",
    "。",
    "#",
    "-",
    ">",
    "`",
    "|",
    "<",
    "[",
    "1.",
    "a",
    "\u0007",
    "\u202e",
  ];
  for (let seed = 1; seed <= 400; seed++) {
    const next = random(seed);
    const source = Array.from({ length: Math.floor(next() * 300) }, () => odd[Math.floor(next() * odd.length)]).join(
      "",
    );
    const { limits, ...options } = optionsOf(seed);
    checkPromises(source, cut(source, limits, options), limits, options.overlapTokens);
  }
});
