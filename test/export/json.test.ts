import assert from "node:assert/strict";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { portableJson, writeJsonArray, writeJsonLines } from "../../dist/export/json.js";
import { arrayLines, linesOf } from "../../dist/export/lines.js";

let dir = "";
before(async () => {
  dir = await mkdtemp(join(tmpdir(), "rag-json-"));
});
after(() => rm(dir, { recursive: true, force: true }));

async function* each<T>(items: readonly T[]) {
  yield* items;
}

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const out: T[] = [];
  for await (const item of items) out.push(item);
  return out;
}

const VALUES = ["a\nb\u2028c", { b: [1, 2.5], a: null }, 7, '👩‍💻 \\ud800 " \u0000', []];

describe("portableJson", () => {
  it("is JSON.stringify for well-formed text, on one line wherever it is read", () => {
    for (const value of VALUES.slice(1)) assert.equal(portableJson(value), JSON.stringify(value));
    const text = "a\u2028b\u2029c\u0085d\ne\u000bf\u001cg \\u2028";
    assert.equal(JSON.parse(portableJson(text)), text);
    assert.doesNotMatch(portableJson(text), /[\n\v\f\r\u001c-\u001e\u0085\u2028\u2029]/);
  });

  it("replaces lone surrogates and nothing else", () => {
    for (const [text, expected] of [
      ["a\ud800b", "a\ufffdb"],
      ["\udc00", "\ufffd"],
      ["\ud83d\ude00", "😀"],
      ["\ud83d😀\ude00", "\ufffd😀\ufffd"],
      ["\\ud800 as text, \\\ud800 not", "\\ud800 as text, \\\ufffd not"],
      ["\u0001\ud800\n", "\u0001\ufffd\n"],
    ] as const) {
      assert.equal(JSON.parse(portableJson({ text })).text, expected);
      assert.equal(portableJson({ text }).isWellFormed(), true);
    }
  });
});

describe("writeJsonArray and writeJsonLines", () => {
  it("write what JSON.parse and a line reader read back", async () => {
    for (const values of [VALUES, [1], []]) {
      const array = join(dir, "array.json");
      assert.equal((await writeJsonArray(array, each(values), "x")).rows, values.length);
      assert.deepEqual(JSON.parse(await readFile(array, "utf8")), values);
      assert.deepEqual(await all(arrayLines(array)), values);
      const lines = join(dir, "lines.jsonl");
      assert.equal((await writeJsonLines(lines, each(values), "x")).rows, values.length);
      assert.deepEqual(
        (await all(linesOf(lines))).map((line) => JSON.parse(line)),
        values,
      );
    }
  });

  it("leave nothing when their source fails", async () => {
    async function* broken() {
      yield 1;
      throw new TypeError("the source broke");
    }
    await assert.rejects(writeJsonLines(join(dir, "broken.jsonl"), broken(), "x"), TypeError);
    assert.deepEqual(
      (await readdir(dir)).filter((name) => name.includes("broken")),
      [],
    );
  });
});

describe("linesOf", () => {
  it("joins lines that cross the borders of its reads", async () => {
    const path = join(dir, "long.txt");
    const lines = Array.from({ length: 40 }, (_, i) => "é".repeat(i * 5003));
    await writeFile(path, `${lines.join("\n")}\nend`);
    assert.deepEqual(await all(linesOf(path)), [...lines, "end"]);
  });

  it("refuses bytes that are not UTF-8", async () => {
    const path = join(dir, "bytes.txt");
    await writeFile(path, Buffer.from([0x61, 0xff, 0x0a]));
    await assert.rejects(all(linesOf(path)), TypeError);
  });

  it("refuses arrays that end early or stand otherwise", async () => {
    const path = join(dir, "cut.json");
    for (const text of ["[\n1,\n2", "[1, 2]\n", "{}\n", "", "[\n1\n]\n2\n"]) {
      await writeFile(path, text);
      await assert.rejects(all(arrayLines(path)), SyntaxError, text);
    }
  });
});
