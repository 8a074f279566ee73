import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFileSync, statSync } from "node:fs";
import { rename, rm, symlink, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { findDocuments, matchDocuments } from "../../dist/chunk/find.js";
import { lookAtDocuments, stampOf } from "../../dist/lineage/documents.js";
import type { DocumentSources } from "../../dist/schema/sources-file.js";
import { corpusOf, smallCorpus } from "../lib/sample.ts";

const finder = { match: matchDocuments, find: findDocuments };
const settle = () => new Promise((resolve) => setTimeout(resolve, 80));

/** What a chunk run over a folder would keep. */
async function sourcesOf(base: string, patterns = ["**/*.{md,txt}"]): Promise<DocumentSources> {
  const documents = (await findDocuments(patterns, base)).map(({ path, document }) => ({
    ...stampOf(statSync(path), Date.now()),
    document,
    sha256: createHash("sha256").update(readFileSync(path)).digest("hex"),
  }));
  return { base, patterns, documents };
}

const look = (sources: DocumentSources, hashMs = Number.POSITIVE_INFINITY) =>
  lookAtDocuments(sources, finder, new Map(), hashMs);
const same = { changed: [], added: [], removed: [], unread: 0 };

test("a file that changed a moment ago has no stamp to rely on; where clocks tick in seconds, for two of them", () => {
  const at = (ctimeMs: number, now: number) => stampOf({ size: 1, mtimeMs: 5, ctimeMs }, now).ctimeMs;
  assert.equal(at(1000.25, 1010), 0);
  assert.equal(at(1000.25, 1100), 1000.25);
  assert.equal(at(1000, 1100), 0);
  assert.equal(at(1000, 3001), 1000);
  assert.equal(at(9000.5, 1000), 0, "a clock that ran backwards makes it hash, never trust");
});

test("what is as it was costs no hash, and what was only touched is hashed once", async () => {
  const base = await corpusOf(smallCorpus);
  await settle();
  const sources = await sourcesOf(base);
  assert.deepEqual(await look(sources, 0), { documents: same, renewed: null }, "nothing had to be read");
  await utimes(join(base, "bread.md"), new Date(), new Date());
  assert.deepEqual((await look(sources, 0)).documents, { ...same, unread: 1 });
  await settle();
  const { documents, renewed } = await look(sources);
  assert.deepEqual(documents, same);
  assert.ok(renewed);
  assert.deepEqual((await look(renewed, 0)).documents, same, "the new times are remembered");
});

test("a change that keeps size and time is seen", async () => {
  const base = await corpusOf(smallCorpus);
  await settle();
  const sources = await sourcesOf(base);
  const path = join(base, "notes.txt");
  const { mtime, atime } = statSync(path);
  await writeFile(path, smallCorpus["notes.txt"].replace("tide", "moon"));
  await utimes(path, atime, mtime);
  assert.deepEqual((await look(sources)).documents, { ...same, changed: ["notes.txt"] });
});

test("a change within one tick of the clock is seen", async () => {
  for (let round = 0; round < 20; round++) {
    const base = await corpusOf({ "a.md": "one\n" });
    const sources = await sourcesOf(base);
    await writeFile(join(base, "a.md"), "two\n");
    assert.deepEqual((await look(sources)).documents, { ...same, changed: ["a.md"] });
  }
});

test("added, removed and renamed documents are named; what the pattern leaves out is not", async () => {
  const base = await corpusOf(smallCorpus);
  const sources = await sourcesOf(base);
  await writeFile(join(base, "search/new.md"), "# New\n");
  await writeFile(join(base, ".hidden.md"), "# Hidden\n");
  await writeFile(join(base, "image.png"), "");
  await rm(join(base, "notes.txt"));
  await rename(join(base, "bread.md"), join(base, "loaf.md"));
  assert.deepEqual((await look(sources)).documents, {
    changed: [],
    added: ["loaf.md", "search/new.md"],
    removed: ["bread.md", "notes.txt"],
    unread: 0,
  });
});

test("another name of a document is no new document", async () => {
  const base = await corpusOf(smallCorpus);
  await symlink(join(base, "bread.md"), join(base, "alias.md"));
  const sources = await sourcesOf(base);
  assert.deepEqual((await look(sources)).documents, same);
  await rm(join(base, "alias.md"));
  assert.deepEqual((await look(sources)).documents, same, "nor is a lost one missed");
});

test("a folder that is gone says so; an empty one has lost its documents; what can't be chunked is not guessed at", async () => {
  const base = await corpusOf({ "docs/a.md": "# A\n" });
  const sources = await sourcesOf(base, ["docs/**/*"]);
  await writeFile(join(base, "docs/b.pdf"), "%PDF-1.7");
  const foreign = (await look(sources)).documents;
  assert.ok("unknown" in foreign && /b\.pdf/.test(foreign.unknown));
  await rm(join(base, "docs/b.pdf"));
  await rm(join(base, "docs/a.md"));
  assert.deepEqual((await look(sources)).documents, { ...same, removed: ["a.md"] });
  await rm(join(base, "docs"), { recursive: true });
  const gone = (await look(sources)).documents;
  assert.ok("unknown" in gone && /not at hand/.test(gone.unknown) && gone.unknown.includes(base));
});
