import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdir, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { findDocuments } from "../../dist/chunk/find.js";
import { corpusOf } from "../lib/sample.ts";

const names = async (patterns: string | readonly string[], root: string) =>
  (await findDocuments(patterns, root)).map(({ document }) => document);
const fails = (patterns: string | readonly string[], root: string, code: string, ...says: (string | RegExp)[]) =>
  assert.rejects(findDocuments(patterns, root), (error: Error & { code: string }) => {
    assert.equal(error.code, code, error.message);
    for (const said of says)
      assert.match(
        error.message,
        typeof said === "string" ? new RegExp(said.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")) : said,
      );
    return true;
  });

const corpus = await corpusOf({
  "docs/a.md": "a",
  "docs/B.MD": "b",
  "docs/deep/er/c.markdown": "c",
  "docs/deep/d.txt": "d",
  "docs/deep/e.rst": "e",
  "docs/.hidden/f.md": "f",
  "other/g.md": "g",
  "empty/.keep": "",
  "mixed/h.md": "h",
  "mixed/i.pdf": "i",
});

test("names are paths from the deepest folder that all patterns share before their wildcards", async () => {
  assert.deepEqual(await names("docs/**/*.md", corpus), ["a.md"]);
  assert.deepEqual(await names("docs/**/*.{md,MD,markdown,txt,rst}", corpus), [
    "B.MD",
    "a.md",
    "deep/d.txt",
    "deep/e.rst",
    "deep/er/c.markdown",
  ]);
  assert.deepEqual(await names(["docs/*.md", "other/*.md"], corpus), ["docs/a.md", "other/g.md"]);
  assert.deepEqual(await names("docs/deep/d.txt", corpus), ["d.txt"]);
  assert.deepEqual(await names(join(corpus, "docs/*.md"), "/nowhere"), ["a.md"]);
  assert.deepEqual(await names("./docs//./*.md", corpus), ["a.md"]);
});

test('".." finds folders, and is in no name', async () => {
  const found = await findDocuments(["../other/*.md", "*.md"], join(corpus, "docs"));
  assert.deepEqual(found, [
    { path: join(corpus, "docs/a.md"), document: "docs/a.md" },
    { path: join(corpus, "other/g.md"), document: "other/g.md" },
  ]);
  assert.deepEqual(await names("../../docs/*.md", join(corpus, "docs/deep")), ["a.md"]);
  await fails("docs/**/../*.md", corpus, "bad_pattern", '".." behind a wildcard');
});

test("a file that several patterns match is there once, and excluded files are not", async () => {
  assert.deepEqual(await names(["docs/*.md", "docs/a.md", "docs/**/*.md"], corpus), ["a.md"]);
  assert.deepEqual(await names(["docs/**/*.{md,txt,rst}", "!docs/deep/**", "!**/nothing.md"], corpus), ["a.md"]);
  await fails(["docs/*.md", "!docs/**"], corpus, "no_documents");
  await fails(["!docs/**"], corpus, "bad_pattern");
});

test("names that differ only by case or Unicode normalisation are two documents, sorted by code points", async () => {
  const wanted = ["A.md", "a.md", "e\u0301.md", "é.md", "\uff41.md", "😀.md"];
  const dir = await corpusOf(Object.fromEntries(wanted.map((name) => [name, name])));
  assert.deepEqual(await names("*.md", dir), wanted);
});

test("a folder or file whose name looks like a pattern is meant by its name where it exists", async () => {
  const dir = await corpusOf({
    "notes (1)/[draft]/a.md": "a",
    "notes (1)/b{x}.md": "b",
    "new\nline*/c.md": "c",
    "!d.md": "d",
  });
  assert.deepEqual(await names("notes (1)/**/*.md", dir), ["[draft]/a.md", "b{x}.md"]);
  assert.deepEqual(await names("notes (1)/[draft]/*.md", dir), ["a.md"]);
  assert.deepEqual(await names("notes (1)/b{x}.md", dir), ["b{x}.md"]);
  assert.deepEqual(await names("new\nline*/c.md", dir), ["c.md"]);
  assert.deepEqual(await names("./!d.md", dir), ["!d.md"]);
});

test("nothing found is an error that says where it looked and what is there", async () => {
  await fails(
    "mixed/*.txt",
    corpus,
    "no_documents",
    '"mixed/*.txt"',
    join(corpus, "mixed"),
    'holds 2 files ("h.md", "i.pdf")',
  );
  await fails(
    "docs/x.md",
    corpus,
    "no_documents",
    /holds 2 files and 2 folders \("B.MD", "a.md", ".hidden\/", "deep\/"\)/,
  );
  await fails("empty/*.md", corpus, "no_documents", 'holds 1 file (".keep")');
  await fails("docs/.hidden/*/*.md", corpus, "no_documents");
  const dir = await corpusOf({});
  await fails("**/*.md", dir, "no_documents", "is empty");
});

test("a missing folder is an error that names the nearest one that exists", async () => {
  await fails(
    "nope/deeper/**/*.md",
    corpus,
    "folder_missing",
    join(corpus, "nope/deeper"),
    `nearest one that does, "${corpus}", holds 4 folders`,
  );
  await fails(["docs/*.md", "/nope-at-all/*.md"], corpus, "folder_missing", "/nope-at-all");
  await fails("docs/a.md/*.md", corpus, "folder_missing");
});

test("a folder, an empty pattern and no pattern are refused with the way out", async () => {
  await fails("docs/", corpus, "bad_pattern", '"docs/**/*.md"');
  await fails("", corpus, "bad_pattern");
  await fails([], corpus, "bad_pattern");
  await fails([3] as unknown as string[], corpus, "bad_pattern");
});

test("files of other formats are never left out in silence", async () => {
  await fails(
    "mixed/*",
    corpus,
    "unsupported_documents",
    '"i.pdf"',
    ".md, .markdown, .txt, .rst",
    "Narrow the pattern",
  );
  await fails("**/*.pdf", corpus, "unsupported_documents", '"mixed/i.pdf"');
});

test("links inside the corpus count once, links out of it are refused, and a loop ends", async () => {
  const dir = await corpusOf({ "in/a.md": "a", "in/sub/b.md": "b", "out/secret.md": "s" });
  await symlink("sub/b.md", join(dir, "in/0.md"));
  await symlink(".", join(dir, "in/loop"));
  await symlink("nowhere.md", join(dir, "in/dangling.md"));
  assert.deepEqual(await names("in/**/*.md", dir), ["a.md", "sub/b.md"]);
  assert.deepEqual(await names("in/*.md", dir), ["0.md", "a.md"]);
  await symlink("../out/secret.md", join(dir, "in/leak.md"));
  await fails("in/*.md", dir, "documents_outside", '"leak.md"', "exclude");
  assert.deepEqual(await names(["in/*.md", "!in/leak.md"], dir), ["0.md", "a.md"]);
  await symlink("../out", join(dir, "in/leaks"));
  await fails(["in/**/*.md", "!in/leak.md", "!in/loop/**"], dir, "documents_outside", '"leaks/secret.md"');
  // A corpus that is itself reached through a link is no link out of it.
  await symlink("out", join(dir, "linked"));
  assert.deepEqual(await names("linked/*.md", dir), ["secret.md"]);
});

test("folders and pipes that are named like documents are not read", {
  skip: process.platform === "win32",
}, async () => {
  const dir = await corpusOf({ "a.md": "a" });
  await mkdir(join(dir, "folder.md"));
  execFileSync("mkfifo", [join(dir, "pipe.md")]);
  assert.deepEqual(await names("*.md", dir), ["a.md"]);
});

test("hostile names stay on one line of a message", async () => {
  const dir = await corpusOf({});
  await writeFile(join(dir, "a\u001b[31m\n\u202e.exe"), "x");
  await assert.rejects(findDocuments("*", dir), (error: Error) => !/[\u001b\n\u202e]/.test(error.message));
});
