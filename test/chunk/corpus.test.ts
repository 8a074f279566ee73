import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { markdownBlocks } from "../../dist/chunk/blocks.js";
import { chunkDocuments } from "../../dist/chunk/documents.js";
import { findDocuments } from "../../dist/chunk/find.js";
import { loadTokenizer } from "../../dist/runtime/tokenizer.js";
import type { Chunk } from "../../dist/schema/types.js";
import { watchLateness } from "../runtime/lib/lateness.ts";
import { checkPromises } from "./lib/cut.ts";
import { outlineOf, parse, sectionsOf } from "./lib/mdast.ts";

const shared = fileURLToPath(new URL("../../../shared/data/", import.meta.url));
const absent = existsSync(join(shared, "bert-tokenizer")) ? false : "SKIPPED: the development data is not there";

/** Real pages: how many, their characters, and every how many are read by the other, slow parser too. */
const corpora = [
  { name: "docling-raw", documents: 46, characters: 957_666, parseEvery: 1 },
  { name: "qdrant-raw", documents: 340, characters: 7_116_765, parseEvery: 12 },
] as const;

for (const { name, documents, characters, parseEvery } of corpora) {
  test(`${name}: all of its characters are kept, within the limit of a real tokenizer`, { skip: absent }, async (t) => {
    const tokenizer = await loadTokenizer(
      join(shared, "bert-tokenizer/tokenizer.json"),
      join(shared, "bert-tokenizer/tokenizer_config.json"),
    );
    const max = 256;
    let counting = 0;
    const count = (text: string) => {
      const start = performance.now();
      const tokens = tokenizer.count(text);
      counting += performance.now() - start;
      return tokens;
    };
    const files = await findDocuments("**/*.md", join(shared, name));
    assert.equal(files.length, documents);
    const watch = watchLateness();
    const start = performance.now();
    const all = [];
    for await (const chunked of chunkDocuments(files, [{ model: "bert", max, count }])) all.push(chunked);
    const milliseconds = performance.now() - start;
    const late = watch.stop().sort((a, b) => a - b);

    let own = 0;
    let blank = 0;
    const ids = new Set<string>();
    for (const [i, { record, chunks, blank: declared }] of all.entries()) {
      const source = await readFile(join(shared, name, record.document), "utf8");
      assert.equal(checkPromises(source, chunks, []), declared, record.document);
      for (const { tokens, text, end, ownStart, id } of chunks) {
        assert.equal(tokens, tokenizer.count(text));
        assert.ok(tokens <= max, `${tokens} tokens`);
        own += end - ownStart;
        ids.add(id);
      }
      blank += declared;
      if (i % parseEvery === 0) compare(source, record.document, chunks);
    }
    const total = all.reduce((sum, { chunks }) => sum + chunks.length, 0);
    assert.equal(ids.size, total, "ids differ over all documents");
    assert.equal(own + blank, characters, "every character is accounted for");
    t.diagnostic(`${total} chunks; ${own} characters in own spans, ${blank} blank, 0 lost of ${characters}`);
    t.diagnostic(
      `${(characters / 1000 / (milliseconds - counting)).toFixed(1)} MB/s beside the tokenizer, ${(characters / 1000 / milliseconds).toFixed(1)} MB/s with it`,
    );
    t.diagnostic(
      `a 10 ms timer was late by ${late[Math.floor(late.length * 0.99)]?.toFixed(1)} ms at the 99th percentile of ${late.length}`,
    );
  });
}

/** The same blocks and sections as an independent CommonMark parser finds. */
function compare(source: string, document: string, chunks: readonly Chunk[]): void {
  const nodes = parse(source);
  const blocks = [...markdownBlocks(source)].filter((block) => block !== null);
  const outline = blocks.map(({ kind, start, level, items }) => ({ kind, start, level, items }));
  assert.deepEqual(outline, outlineOf(nodes), document);
  const sectionAt = sectionsOf(nodes);
  for (const { sectionPath, end, index } of chunks)
    assert.deepEqual(sectionPath, sectionAt(end - 1), `${document}, chunk ${index}`);
}
