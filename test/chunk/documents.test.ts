import assert from "node:assert/strict";
import { cp } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { type ChunkedDocument, type ChunkWalk, chunkDocuments } from "../../dist/chunk/documents.js";
import { findDocuments } from "../../dist/chunk/find.js";
import type { SplitOptions } from "../../dist/chunk/meter.js";
import { corpusOf, scratch } from "../lib/sample.ts";
import { checkPromises, words } from "./lib/cut.ts";
import { generateMarkdown } from "./lib/markdown.ts";

async function chunkAll(dir: string, options: SplitOptions = {}, walk: ChunkWalk = {}): Promise<ChunkedDocument[]> {
  const all: ChunkedDocument[] = [];
  for await (const chunked of chunkDocuments(await findDocuments("**/*.{md,txt}", dir), [words(60)], options, walk))
    all.push(chunked);
  return all;
}

test("records say what was read, and blank characters and own spans are the whole document", async () => {
  const sources = Object.fromEntries(Array.from({ length: 20 }, (_, i) => [`d${i}.md`, generateMarkdown(i + 1)]));
  const all = await chunkAll(await corpusOf(sources));
  assert.equal(all.length, 20);
  for (const { record, chunks, blank } of all) {
    const source = sources[record.document] as string;
    assert.equal(checkPromises(source, chunks, [words(60)]), blank);
    assert.equal(record.characters, source.length);
    assert.equal(record.bytes, Buffer.byteLength(source));
    assert.equal(record.chunks, chunks.length);
    for (const chunk of chunks)
      assert.deepEqual([chunk.document, chunk.documentId], [record.document, record.documentId]);
  }
});

test("an empty document and a blank one have no chunks and are accounted for", async () => {
  const [blank, empty] = await chunkAll(await corpusOf({ "a.md": " \n\r\n\ufeff\t", "b.md": "" }));
  assert.deepEqual([blank?.blank, blank?.chunks.length, blank?.record.characters], [6, 0, 6]);
  assert.deepEqual([empty?.blank, empty?.chunks.length, empty?.record.characters], [0, 0, 0]);
});

test("a byte order mark is no character: offsets begin behind it", async () => {
  const [document] = await chunkAll(await corpusOf({ "a.md": "\ufeff# A\n\nb" }));
  assert.deepEqual(
    document?.chunks.map(({ start, end, sectionPath }) => [start, end, sectionPath]),
    [[0, 6, ["A"]]],
  );
  assert.equal(document?.record.bytes, 9);
});

test("the same files elsewhere have the same ids; the same bytes under two names are two documents", async () => {
  const dir = await corpusOf({ "a.md": "# A\n\nsame", "sub/b.md": "# A\n\nsame" });
  const elsewhere = join(await scratch("copy"), "corpus");
  await cp(dir, elsewhere, { recursive: true });
  const [here, there] = [await chunkAll(dir), await chunkAll(elsewhere)];
  assert.deepEqual(here, there);
  const ids = here.flatMap(({ record, chunks }) => [record.documentId, ...chunks.map(({ id }) => id)]);
  assert.equal(new Set(ids).size, 4);
  // The first 16 digits of the sha256 of {"document":"a.md","sha256":"..."}, made with Python.
  assert.equal(here[0]?.record.documentId, "doc-060da97d9d0e3c68");
});

test("a change in one place keeps the ids of the chunks before it", async () => {
  const ids = async (text: string) =>
    (await chunkAll(await corpusOf({ "a.md": text })))[0]?.chunks.map(({ id }) => id) ?? [];
  const [before, after] = [await ids("# A\n\na\n\n# B\n\nb"), await ids("# A\n\na\n\n# B\n\nc")];
  assert.equal(before[0], after[0]);
  assert.notEqual(before[1], after[1]);
});

test("every document is announced before it is read, and a bad one names itself", async () => {
  const seen: [string, number][] = [];
  const dir = await corpusOf({ "a.md": "a", "b.txt": "b", "c.md": `c ${"x".repeat(20_001)} c`, "d.md": "d" });
  const walk = chunkAll(dir, {}, { onDocument: ({ document }, index) => seen.push([document, index]) });
  await assert.rejects(walk, {
    code: "word_too_long",
    message: /"c.md" holds a word of 20001 characters at offset 2, beginning "xxx.*20000.*maxWordLength/,
  });
  assert.deepEqual(seen, [
    ["a.md", 0],
    ["b.txt", 1],
    ["c.md", 2],
  ]);
});

test("a signal stops the walk between documents and inside one", async () => {
  const dir = await corpusOf({ "a.md": "# A\n\nsome words here\n\n".repeat(200_000) });
  const controller = new AbortController();
  const reason = new Error("stop");
  const start = performance.now();
  setTimeout(() => controller.abort(reason), 50);
  await assert.rejects(chunkAll(dir, {}, { signal: controller.signal }), (error) => error === reason);
  assert.ok(performance.now() - start < 1000, `${performance.now() - start} ms`);
  await assert.rejects(chunkAll(dir, {}, { signal: AbortSignal.abort(reason) }), (error) => error === reason);
});
