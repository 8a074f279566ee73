import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { RagError } from "../../dist/core/errors.js";
import { queries, queriesFromFile, queriesFromHeadings } from "../../dist/fuse/queries.js";
import { readQuestions } from "../../dist/fuse/query-file.js";

const folder = mkdtempSync(join(tmpdir(), "rag-queries-"));
after(() => rmSync(folder, { recursive: true }));

function file(name: string, content: string | Uint8Array): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

const texts = (set: { readonly queries: readonly { readonly text: string }[] }) => set.queries.map(({ text }) => text);
const says =
  (code: string, ...words: string[]) =>
  (error: unknown) => {
    assert.ok(error instanceof RagError, String(error));
    assert.equal(error.code, code);
    for (const word of words) assert.ok(error.message.includes(word), `${error.message}\ndoes not say ${word}`);
    return true;
  };

test("the operator's own queries", () => {
  const set = queries(["how do I export tables?", "  what is k1  "]);
  const hash = createHash("sha256").update("how do I export tables?").digest("hex");
  assert.deepEqual(set.queries[0], {
    id: `q-${hash.slice(0, 16)}`,
    text: "how do I export tables?",
    source: "operator",
  });
  assert.equal(set.queries[1]?.text, "what is k1");
  assert.deepEqual([set.kind, set.notes], ["queries", []]);
  assert.equal(set.id, queries(["how do I export tables?", "what is k1"]).id);
  assert.notEqual(set.id, queries(["what is k1", "how do I export tables?"]).id);
});

test("a text given twice is asked once, and noted", () => {
  const set = queries(["a", "b", "a ", "a"]);
  assert.deepEqual(texts(set), ["a", "b"]);
  assert.deepEqual(
    set.notes.map(({ code, count }) => [code, count]),
    [["duplicate_queries", 2]],
  );
});

test("what can't be a query is refused by place and reason", () => {
  assert.throws(() => queries([]), says("no_queries"));
  assert.throws(() => queries("one" as unknown as string[]), says("no_queries", "one"));
  assert.throws(() => queries(["a", " \n "]), says("bad_query", "query 2", "empty"));
  assert.throws(() => queries(["a", 5 as unknown as string]), says("bad_query", "query 2", "no text"));
  assert.throws(() => queries(["x".repeat(4001)]), says("bad_query", "4001", "4000"));
  assert.throws(() => queries(["half \ud83d"]), says("bad_query", "surrogate"));
  assert.equal(queries(["x".repeat(4000)]).queries.length, 1);
});

test("a message about a hostile text can't write to the terminal", () => {
  assert.throws(
    () => queries([`\u001b[2J\u202e${"x".repeat(5000)}`]),
    (error: RagError) => {
      assert.doesNotMatch(error.message, /[\u0000-\u001f\u202e]/);
      return true;
    },
  );
});

test("a text file has one query a line", async () => {
  const set = await queriesFromFile(file("a.txt", "\ufefffirst query\r\n\r\n  second \nthird"));
  assert.deepEqual(texts(set), ["first query", "second", "third"]);
  assert.ok(set.queries.every(({ source }) => source === "file"));
});

test("a JSON file is an array of texts, or questions with judgements", async () => {
  assert.deepEqual(texts(await queriesFromFile(file("a.json", '["one", "two"]'))), ["one", "two"]);
  const questions = [
    { id: "q01", text: "why?", relevant: [{ document: "a/b.md", heading: "Because", grade: 2 }] },
    { id: "q02", text: "how?" },
  ];
  const path = file("q.json", JSON.stringify({ schema: "rag-cells/questions", version: 1, questions }));
  assert.deepEqual(texts(await queriesFromFile(path)), ["why?", "how?"]);
  const read = await readQuestions(path);
  assert.deepEqual(read[0], questions[0]);
  assert.deepEqual(read[1]?.relevant, []);
});

test("files that can't be read say why", async () => {
  const bad = (name: string, content: string | Uint8Array) => queriesFromFile(file(name, content));
  await assert.rejects(queriesFromFile(join(folder, "none.txt")), says("bad_query_file", "none.txt", "ENOENT"));
  await assert.rejects(queriesFromFile(join(folder, "queries.csv")), says("bad_query_file", ".txt or .json"));
  await assert.rejects(bad("latin.txt", Uint8Array.of(0x66, 0xfc, 0x72)), says("bad_query_file", "UTF-8"));
  await assert.rejects(bad("empty.txt", "\n \n"), says("bad_query_file", "no query"));
  await assert.rejects(bad("empty.json", "[]"), says("bad_query_file", "no query"));
  await assert.rejects(bad("broken.json", '["a",'), says("bad_query_file", "no JSON"));
  await assert.rejects(bad("numbers.json", '["a", 5]'), says("bad_query_file", "item 2"));
  await assert.rejects(
    bad("other.json", '{"schema":"rag-cells/questions","version":2,"questions":[]}'),
    says("bad_query_file", "version"),
  );
  await assert.rejects(
    bad("deep.json", JSON.stringify({ schema: "rag-cells/questions", version: 1, questions: [{ id: "q1" }] })),
    says("bad_query_file", "questions.0.text"),
  );
  await assert.rejects(bad("long.txt", `ok\n${"x".repeat(4001)}`), says("bad_query", "line 2"));
  await assert.rejects(bad("blank.json", '["a", ""]'), says("bad_query", "item 2"));
  await assert.rejects(bad("huge.txt", new Uint8Array(17 * 2 ** 20)), says("bad_query_file", "17825792"));
  await assert.rejects(readQuestions(file("list.json", '["a"]')), says("bad_query_file", "without judgements"));
});

const headings = Array.from({ length: 50 }, (_, i) => `Heading number ${i}`);

test("queries from headings are a seeded sample, marked as generated", () => {
  const set = queriesFromHeadings(headings, { count: 10 });
  assert.equal(set.queries.length, 10);
  assert.ok(set.queries.every(({ text, source }) => headings.includes(text) && source === "generated"));
  assert.deepEqual(queriesFromHeadings([...headings].reverse(), { count: 10 }), set);
  assert.notDeepEqual(texts(queriesFromHeadings(headings, { count: 10, seed: 2 })), texts(set));
  const more = texts(queriesFromHeadings([...headings, "One more"], { count: 10 }));
  assert.ok(texts(set).filter((text) => more.includes(text)).length >= 9);
});

test("headings without a letter, repeated or too long make no query", () => {
  assert.deepEqual(
    texts(queriesFromHeadings(["Install", " Install ", "Install", "1.2.3", "", "***", "x".repeat(4001)])),
    ["Install"],
  );
  assert.deepEqual(texts(queriesFromHeadings(["two\n  lines"])), ["two lines"]);
  assert.throws(() => queriesFromHeadings(["1.2", "--"]), says("no_headings"));
  assert.throws(() => queriesFromHeadings(headings, { count: 0 }), says("bad_heading_sample", "count"));
  assert.throws(() => queriesFromHeadings(headings, { seed: 0.5 }), says("bad_heading_sample", "seed"));
});
