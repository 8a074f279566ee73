import assert from "node:assert/strict";
import { headingReader } from "../../../dist/chunk/heading.js";
import { createMeter, type SplitOptions, type TokenLimit } from "../../../dist/chunk/meter.js";
import { splitDocument } from "../../../dist/chunk/split.js";
import type { Chunk } from "../../../dist/schema/types.js";

const headingText = await headingReader();

/** A tokenizer that tests can count by hand: words, and two special tokens. */
export const words = (max: number): TokenLimit => ({
  model: "words",
  max,
  count: (text) => 2 + (text.match(/\S+/g)?.length ?? 0),
});

/** Chunks of a text. */
export function cut(
  source: string,
  limits: TokenLimit | readonly TokenLimit[],
  options: SplitOptions = {},
  format: "markdown" | "text" = "markdown",
): Chunk[] {
  const meter = createMeter([limits].flat(), options);
  return [...splitDocument({ document: "a.md", documentId: "doc-0", source, format }, meter, headingText)].filter(
    (chunk) => chunk !== null,
  );
}

/** What `\s` does not match, and where: found independently of the library. */
function* textOf(source: string): Generator<[number, string]> {
  for (const { 0: run, index } of source.matchAll(/\S+/g)) yield [index, run];
}

/** Everything a chunker promises of any text, checked without the library's own arithmetic. Returns the characters in no own span. */
export function checkPromises(
  source: string,
  chunks: readonly Chunk[],
  limits: readonly TokenLimit[],
  overlap = 0,
): number {
  const owner = new Int32Array(source.length).fill(-1);
  // Texts have millions of characters: a message is made only for one that is wrong.
  chunks.forEach((chunk, i) => {
    const { start, ownStart, end, text, index } = chunk;
    assert.equal(index, i);
    assert.equal(text, source.slice(start, end));
    assert.ok(
      start <= ownStart && ownStart < end && start >= 0 && end <= source.length,
      `span ${start} ${ownStart} ${end}`,
    );
    for (let at = ownStart; at < end; at++) {
      if (owner[at] !== -1) assert.fail(`character ${at} is in two own spans`);
      owner[at] = i;
    }
    if (i > 0) assert.ok(ownStart >= (chunks[i - 1] as Chunk).end, "own spans are in order");
    for (const edge of [start, ownStart, end])
      assert.ok(!splitsPair(source, edge), `offset ${edge} is inside a surrogate pair`);
    for (const { model, max, count } of limits) {
      const tokens = count(text);
      assert.ok(tokens <= max, `chunk ${i} has ${tokens} tokens by ${model}, which allows ${max}`);
    }
    if (start < ownStart) {
      assert.ok(overlap > 0, "an overlap that was not asked for");
      const before = chunks[i - 1];
      assert.deepEqual(before?.sectionPath, chunk.sectionPath, "an overlap stays in its section");
    }
    const { density, structure } = chunk.scores;
    assert.ok(density >= 0 && density <= 1 && [0, 0.25, 0.5, 0.75, 1].includes(structure));
  });
  for (const [at, run] of textOf(source)) {
    for (let i = at; i < at + run.length; i++)
      if (owner[i] === -1) assert.fail(`character ${i} ${JSON.stringify(source[i])} is in no own span`);
  }
  assert.equal(new Set(chunks.map(({ id }) => id)).size, chunks.length, "ids differ");
  return owner.filter((chunk) => chunk === -1).length;
}

function splitsPair(source: string, at: number): boolean {
  return /[\ud800-\udbff]/.test(source[at - 1] ?? "") && /[\udc00-\udfff]/.test(source[at] ?? "");
}
