import assert from "node:assert/strict";
import { test } from "node:test";
import { checkPromises, cut, words } from "./lib/cut.ts";

/** Chunks as sections and texts. */
function texts(source: string, max: number, target = max): [string, string][] {
  const limit = words(max);
  const chunks = cut(source, limit, { targetTokens: target });
  checkPromises(source, chunks, [limit]);
  return chunks.map(({ sectionPath, text }) => [sectionPath.join(" > "), text]);
}

test("text before the first heading is kept, and a section has all its ancestors", () => {
  assert.deepEqual(texts("Before.\n\n# A\n\na\n\n### B\n\nb\n\n## C\n\nc\n\n# D\n\nd\n", 50), [
    ["", "Before."],
    ["A", "# A\n\na"],
    ["A > B", "### B\n\nb"],
    ["A > C", "## C\n\nc"],
    ["D", "# D\n\nd"],
  ]);
});

test("a heading inside a code fence, a quote, a comment or indented code is no heading", () => {
  const source = "# A\n\n```sh\n# pip install\n## x\n```\n\n> # B\n\n<!--\n# C\n-->\n\n    # D\n";
  assert.deepEqual(texts(source, 100), [["A", source.trimEnd()]]);
});

test("headings without text of their own go with the next deeper section, and make a chunk where there is none", () => {
  assert.deepEqual(texts("# A\n\n## B\n### C\n\nc\n\n## D\n## E\n\n# F", 50), [
    ["A > B > C", "# A\n\n## B\n### C\n\nc"],
    ["A > D", "## D"],
    ["A > E", "## E"],
    ["F", "# F"],
  ]);
});

test("a heading without text opens a section that has no name", () => {
  assert.deepEqual(texts("# A\n\na\n\n##\n\nb\n\n### C\n\nc", 50), [
    ["A", "# A\n\na"],
    ["A", "##\n\nb"],
    ["A > C", "### C\n\nc"],
  ]);
});

test("front matter is a chunk and a content type of its own", () => {
  const chunks = cut("---\ntitle: x\n---\n# A\n\na", words(50));
  assert.deepEqual(
    chunks.map(({ text, contentType }) => [text, contentType]),
    [
      ["---\ntitle: x\n---", "front_matter"],
      ["# A\n\na", "prose"],
    ],
  );
});

test("blocks are packed up to the target and stay whole up to the limit", () => {
  const nine = "a b c d e f g h i";
  const source = `# T\n\none two\n\nthree four\n\n${nine}\n\nfive`;
  assert.deepEqual(
    texts(source, 16, 8).map(([, text]) => text),
    ["# T\n\none two\n\nthree four", nine, "five"],
  );
});

test("a block above the limit is taken apart where its kind says", () => {
  const parts = (source: string, max: number) => texts(source, max).map(([, text]) => text);
  // Code at blank lines, then at lines; indentation stays.
  assert.deepEqual(parts("```\nif a b c:\n    d e f\n\n    g h i j k\n\nl\n```", 10), [
    "```\nif a b c:\n    d e f",
    "    g h i j k\n\nl\n```",
  ]);
  assert.deepEqual(parts("```\na b c d\n  e f g h\n  i j\n```", 10), ["```\na b c d", "  e f g h\n  i j\n```"]);
  // Tables by rows.
  assert.deepEqual(parts("| a | b |\n|---|---|\n| c | d |\n| e | f |", 13), [
    "| a | b |\n|---|---|\n| c | d |",
    "| e | f |",
  ]);
  // Lists by items, whatever stands in them.
  assert.deepEqual(parts("- a b c d\n\n  e\n- f g h\n  - i\n- j", 10), ["- a b c d\n\n  e", "- f g h\n  - i\n- j"]);
  // Prose by sentences, then by words.
  assert.deepEqual(parts("A b c. D e? (F g h!) I j k l m.", 10), ["A b c. D e? (F g h!)", "I j k l m."]);
  assert.deepEqual(parts("a b c d e f g h i j", 10), ["a b c d e f g h", "i j"]);
  assert.deepEqual(texts("汉字。没有、空格！Is。 b", 10), [["", "汉字。没有、空格！Is。 b"]]);
});

test("a text without spaces is cut between characters as readers see them", () => {
  const family = "👩‍👩‍👧‍👦";
  const characters = { model: "characters", max: 20, count: (text: string) => text.length };
  const source = `${family.repeat(3)}e\u0301e\u0301${"汉".repeat(30)}`;
  const chunks = cut(source, characters);
  checkPromises(source, chunks, [characters]);
  assert.deepEqual(
    chunks.map(({ text }) => text),
    [family, family, `${family}e\u0301e\u0301${"汉".repeat(4)}`, "汉".repeat(20), "汉".repeat(6)],
  );
});

test("a character above the limit is cut between code points", () => {
  const bytes = { model: "bytes", max: 9, count: (text: string) => Buffer.byteLength(text) };
  const source = `a${"\u0301".repeat(20)} 😀😀😀 👩‍👩‍👧‍👦`;
  checkPromises(source, cut(source, bytes), [bytes]);
});

test("a heading is not parted from the first block of its section", () => {
  const code = Array.from({ length: 6 }, (_, i) => `a${i} b c`).join("\n");
  const limit = words(20);
  const source = `# One two\n\n\`\`\`\n${code}\n\`\`\``;
  const [first, ...rest] = cut(source, limit);
  assert.match(first?.text ?? "", /^# One two\n\n```\na0/);
  assert.equal(rest.length, 1);
});

test("headings above the limit are cut like prose", () => {
  assert.deepEqual(texts(`# ${"a ".repeat(20)}\n\nb`, 12).map(([, text]) => text).length, 3);
});

test("plain text has paragraphs and no headings", () => {
  const limit = words(12);
  const source = "# not a heading\r\n\r\nsecond\r\n  third\r\n \r\n\r\nfourth fifth sixth seventh eight nine ten";
  const chunks = cut(source, limit, {}, "text");
  checkPromises(source, chunks, [limit]);
  assert.deepEqual(
    chunks.map(({ text, sectionPath }) => [text, sectionPath.length]),
    [
      ["# not a heading\r\n\r\nsecond\r\n  third", 0],
      ["fourth fifth sixth seventh eight nine ten", 0],
    ],
  );
});

test("an overlap begins at a word, in the same section, within the limits", () => {
  const limit = words(12);
  const source = "# A\n\na1 a2 a3 a4 a5 a6. b1 b2 b3 b4 b5 b6.\n\n# B\n\nc1 c2 c3";
  const chunks = cut(source, limit, { overlapTokens: 3 });
  checkPromises(source, chunks, [limit], 3);
  assert.deepEqual(
    chunks.map(({ start, ownStart, end }) => [source.slice(start, ownStart), source.slice(ownStart, end)]),
    [
      ["", "# A\n\na1 a2 a3 a4 a5 a6."],
      ["a4 a5 a6. ", "b1 b2 b3 b4 b5 b6."],
      ["", "# B\n\nc1 c2 c3"],
    ],
  );
});

test("what a chunk is follows the majority of its characters", () => {
  const types = (source: string) => cut(source, words(200)).map(({ contentType }) => contentType);
  assert.deepEqual(types("# A\n\nSome prose here.\n\n- a\n"), ["prose"]);
  assert.deepEqual(types("# A\n\n```\nlong code here\n```"), ["code"]);
  assert.deepEqual(types("# A\n\n| a | b |\n|---|---|\n| c | d |"), ["table"]);
  assert.deepEqual(types("A:\n\n1. one\n2. two"), ["list"]);
  assert.deepEqual(types("> quoted"), ["prose"]);
});

test("equal texts have ids of their own, and ids come from name, place and text alone", () => {
  const source = "# A\n\nsame\n\n# A\n\nsame\n";
  const ids = cut(source, words(50)).map(({ id }) => id);
  assert.equal(new Set(ids).size, 2);
  for (const id of ids) assert.match(id, /^chk-[0-9a-f]{24}$/);
  assert.deepEqual(
    cut(source, words(500)).map(({ id }) => id),
    ids,
  );
  // The first 24 digits of the sha256 of ["a.md",0,9,"# A\n\nsame"], made with Python.
  assert.deepEqual(ids, ["chk-18a2482c828fc190f10dfb70", "chk-b6c40183c0a998851d2901b8"]);
});
