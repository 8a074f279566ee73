import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { truncate } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { readDocument } from "../../dist/chunk/read.js";
import { firstBadByte } from "../../dist/chunk/utf8.js";
import { random } from "../lib/random.ts";
import { corpusOf } from "../lib/sample.ts";

async function read(bytes: string | Uint8Array, maxBytes?: number) {
  const dir = await corpusOf({ "a.md": bytes });
  return readDocument({ path: join(dir, "a.md"), document: "a.md" }, maxBytes);
}

const fails = (bytes: string | Uint8Array, code: string, says: RegExp, maxBytes?: number) =>
  assert.rejects(
    read(bytes, maxBytes),
    (error: Error & { code: string }) =>
      error.code === code && says.test(error.message) && error.message.includes('"a.md"'),
  );

test("the text is the file's, line endings and all, without a byte order mark", async () => {
  const text = "a\r\nb\rc\n\ufeffd 汉 😀";
  const { source, bytes, sha256 } = await read(`\ufeff${text}`);
  assert.equal(source, text);
  assert.equal(bytes, Buffer.byteLength(text) + 3);
  assert.equal(sha256, createHash("sha256").update(`\ufeff${text}`).digest("hex"));
  const { file, ...empty } = await read("");
  assert.deepEqual(empty, { source: "", bytes: 0, sha256: createHash("sha256").digest("hex") });
  assert.equal(file.size, 0);
});

test("a character across the slices that are read is whole", async () => {
  for (const shift of [0, 1, 2, 3]) {
    const text = `${"x".repeat(shift)}${"😀".repeat(2 ** 18 + 10)}`;
    assert.equal((await read(text)).source, text);
  }
});

test("bytes that are no UTF-8 are refused with the offset of the first of them", async () => {
  await fails(Buffer.from("caf\xe9 au lait", "latin1"), "not_utf8", /0xe9 at byte offset 3.*iconv/);
  await fails(
    Buffer.concat([Buffer.from("é".repeat(600_000)), Buffer.from([0xff])]),
    "not_utf8",
    /0xff at byte offset 1200000/,
  );
  await fails(Buffer.from("abc\xe2\x82", "latin1"), "not_utf8", /0xe2 at byte offset 3/);
  await fails(Buffer.from([0x61, 0xed, 0xa0, 0x80]), "not_utf8", /0xed at byte offset 1/);
  await fails(Buffer.from("\ufeffhello", "utf16le"), "not_utf8", /UTF-16LE.*iconv -f UTF-16LE/);
  await fails(Buffer.from("%PDF-1.4\n%\xe2\xe3\xcf", "latin1"), "not_utf8", /byte offset 10/);
});

test("the offset of the first bad byte agrees with the decoder, over random bytes", () => {
  const decodes = (bytes: Uint8Array) => {
    try {
      new TextDecoder("utf-8", { fatal: true }).decode(bytes);
      return true;
    } catch {
      return false;
    }
  };
  const leads = [
    0x61, 0x7f, 0x80, 0xbf, 0xc0, 0xc1, 0xc2, 0xdf, 0xe0, 0xa0, 0x9f, 0xe1, 0xec, 0xed, 0xee, 0xef, 0xf0, 0x90, 0x8f,
    0xf1, 0xf3, 0xf4, 0xf5, 0xff,
  ];
  const next = random(11);
  let good = 0;
  for (let i = 0; i < 20_000; i++) {
    const bytes = Uint8Array.from(
      { length: 1 + Math.floor(next() * 6) },
      () => leads[Math.floor(next() * leads.length)] as number,
    );
    const bad = firstBadByte(bytes);
    assert.equal(bad === -1, decodes(bytes), `${bytes}`);
    if (bad === -1) good++;
    else assert.ok(decodes(bytes.subarray(0, bad)), `${bytes} is good before ${bad}`);
  }
  assert.ok(good > 200, `${good}`);
});

test("a NUL character, too many bytes and a file that can't be read are refused", async () => {
  await fails("text\0more", "binary_document", /offset 4.*binary/);
  await fails("x".repeat(101), "document_too_large", /101 bytes.*100/, 100);
  assert.equal((await read("x".repeat(100), 100)).source.length, 100);
  const missing = { path: "/nowhere/a.md", document: "a.md" };
  await assert.rejects(readDocument(missing), { name: "RagError", code: "document_unreadable" });
  const dir = await corpusOf({ "a.md": "a" });
  await assert.rejects(readDocument({ path: dir, document: "a.md" }), { code: "document_unreadable" });
});

test("a sparse file above the limit is refused before it is read", async () => {
  const dir = await corpusOf({ "a.md": "a" });
  await truncate(join(dir, "a.md"), 2 ** 40);
  await assert.rejects(readDocument({ path: join(dir, "a.md"), document: "a.md" }), { code: "document_too_large" });
});
