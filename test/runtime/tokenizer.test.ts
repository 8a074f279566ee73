import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { Tokenizer as Library } from "@huggingface/tokenizers";
import { loadTokenizer, padBatch } from "../../dist/runtime/tokenizer.js";
import { between, seeded } from "./lib/random.ts";
import { scratch } from "./lib/table-model.ts";
import { byteLevel, SUFFIX_TEMPLATE, unigram, wordPiece, writeTokenizer } from "./lib/tokenizer-files.ts";

const PIECES = ["a", "b", "c", "hello", "world", "##s", ".", ",", "-"];
const [PAD, UNK, CLS, SEP, A, B, C, HELLO, WORLD, S] = [0, 1, 2, 3, 5, 6, 7, 8, 9, 10];
const open = (json: Record<string, unknown>, config: Record<string, unknown> = {}) =>
  loadTokenizer(...writeTokenizer(json, config));
const bert = await open(wordPiece(PIECES), { pad_token: "[PAD]" });

test("a text keeps its special tokens at every limit, and lost tokens are counted", () => {
  const text = "Hello worlds a b c";
  const body = [HELLO, WORLD, S, A, B, C];
  assert.deepEqual([...bert.encode(text, 8).ids], [CLS, ...body, SEP]);
  for (let limit = 3; limit <= 20; limit++) {
    const { ids, types, lost } = bert.encode(text, limit);
    const kept = Math.min(body.length, limit - 2);
    assert.deepEqual([...ids], [CLS, ...body.slice(0, kept), SEP]);
    assert.equal(lost, body.length - kept);
    assert.equal(types, null);
  }
  assert.equal(bert.count(text), 8);
  assert.equal(bert.specialTokens, 2);
  assert.equal(bert.padId, PAD);
  assert.equal(bert.tokenOf(HELLO as number), "hello");
  assert.equal(bert.tokenOf(9999), undefined);
});

test("the empty text and blanks are two special tokens", () => {
  for (const text of ["", " ", "\n\t ", "\u0000", "\u0301"]) {
    assert.deepEqual(bert.encode(text, 3), { ids: Int32Array.of(CLS, SEP), types: null, lost: 0 });
    assert.equal(bert.count(text), 2);
  }
});

test("a limit without room for text is refused", () => {
  for (const limit of [2, 0, -5, Number.NaN])
    assert.throws(() => bert.encode("a", limit), { code: "token_limit_too_small" });
  assert.throws(() => bert.encodePair("a", "b", 3), { code: "token_limit_too_small", message: /3 tokens.*take 4/ });
});

test("of a pair the passage is cut; query and separators survive", () => {
  const whole = bert.encodePair("a b", "hello world", 20);
  assert.deepEqual([...whole.ids], [CLS, A, B, SEP, HELLO, WORLD, SEP]);
  assert.deepEqual([...(whole.types ?? [])], [0, 0, 0, 0, 1, 1, 1]);
  assert.equal(whole.lost, 0);
  const cut = bert.encodePair("a b", "hello world c c c", 8);
  assert.deepEqual([...cut.ids], [CLS, A, B, SEP, HELLO, WORLD, C, SEP]);
  assert.equal(cut.lost, 2);
});

test("a long query gives way down to half of the room, no further", () => {
  const long = "a ".repeat(50);
  const both = bert.encodePair(long, "b ".repeat(50), 23);
  assert.deepEqual([...both.ids], [CLS, ...Array(10).fill(A), SEP, ...Array(10).fill(B), SEP]);
  assert.equal(both.lost, 80);
  const shortPassage = bert.encodePair(long, "b b", 23);
  assert.deepEqual([...shortPassage.ids], [CLS, ...Array(18).fill(A), SEP, B, B, SEP]);
  assert.equal(shortPassage.lost, 32);
  const odd = bert.encodePair(long, "b ".repeat(50), 24);
  assert.equal(odd.ids.filter((id) => id === A).length, 11);
  assert.equal(odd.ids.length, 24);
  assert.deepEqual([...bert.encodePair("a", " ", 10).ids], [CLS, A, SEP, SEP]);
  assert.deepEqual(bert.encodePair("a", "", 10), bert.encode("a", 10), "an empty passage is none, as in transformers");
  assert.deepEqual([...bert.encodePair("", "b", 10).ids], [CLS, SEP, B, SEP]);
});

test("special tokens of other families are found", async () => {
  const xlmr = await open(unigram());
  assert.deepEqual([...xlmr.encode("the", 10).ids], [0, 4, 1]);
  assert.deepEqual([...xlmr.encode("the the the", 4).ids], [0, 4, 4, 1]);
  const pair = xlmr.encodePair("the", "the", 10);
  assert.deepEqual([...pair.ids], [0, 4, 1, 1, 4, 1]);
  assert.equal(pair.types, null);

  const suffix = await open(byteLevel(SUFFIX_TEMPLATE));
  const end = suffix.encode("", 10).ids[0] as number;
  assert.equal(suffix.tokenOf(end), "<end>");
  assert.deepEqual(
    [...suffix.encode("aaaa b", 3).ids].map((id) => suffix.tokenOf(id)),
    ["aaaa", "\u0120", "<end>"],
  );
  assert.equal(suffix.encode("aaaa b", 3).lost, 1);

  const bare = await open(wordPiece(PIECES, null));
  assert.deepEqual([...bare.encode("a b c", 2).ids], [A, B]);
  assert.equal(bare.encode("", 1).ids.length, 0);
  assert.equal(bare.specialTokens, 0);

  const roberta = {
    type: "RobertaProcessing",
    sep: ["[SEP]", 3],
    cls: ["[CLS]", 2],
    trim_offsets: true,
    add_prefix_space: false,
  };
  const robertaPair = (await open(wordPiece(PIECES, roberta))).encodePair("a", "b", 10);
  assert.deepEqual([...robertaPair.ids], [CLS, A, SEP, SEP, B, SEP]);
  assert.equal(robertaPair.types, null);

  const bytesOnly = await open(
    byteLevel({ type: "ByteLevel", add_prefix_space: false, trim_offsets: true, use_regex: true }),
  );
  assert.equal(bytesOnly.encode("a", 5).ids.length, 1);
  assert.throws(() => bytesOnly.encodePair("a", "b", 5), { code: "bad_tokenizer", message: /no form for a pair/ });
});

test("a lone surrogate is read as U+FFFD, as every UTF-8 writer does", () => {
  assert.deepEqual(bert.encode("a \ud800 b\udc00", 10), bert.encode("a \ufffd b\ufffd", 10));
  assert.equal(bert.count("hello\ud83d"), bert.count("hello\ufffd"));
});

/** Text of everything that a pre-tokenizer treats in its own way. */
function oddText(next: () => number): string {
  const odd = [
    ..." \t\n\r\u00a0\u2003\ufeff\u200b\u0301\u0000\u0085\u2028abcABC\u00e9\u00df\u0130\u03a3\u03c2\u4e2d\u56fd\u{20000}\u{1f600}.,-_#@\ufb01\u2460\uff41\u2019",
  ];
  const chunks = ["[SEP]", "[MASK]", " [CLS] ", "hello", "worlds", "Stra\u00dfe"];
  return Array.from({ length: between(next, 0, 30) }, () => {
    const kind = next();
    if (kind < 0.15) return chunks[between(next, 0, chunks.length - 1)];
    return kind < 0.3 ? String.fromCodePoint(between(next, 1, 0xd7ff)) : odd[between(next, 0, odd.length - 1)];
  }).join("");
}

test("word by word gives the same ids as the whole text", () => {
  const library = new Library(wordPiece(PIECES), {});
  const next = seeded(11);
  for (let round = 0; round < 5000; round++) {
    const text = oddText(next);
    const { ids } = library.encode(text);
    assert.deepEqual([...bert.encode(text, 1e6).ids], ids, JSON.stringify(text));
    assert.equal(bert.count(text), ids.length, JSON.stringify(text));
  }
});

test("more different words than are remembered", () => {
  const words = Array.from({ length: 120_000 }, (_, i) => `${"abc"[i % 3]}-${i}`);
  const text = words.join(" ");
  const { ids } = bert.encode(text, 1e7);
  assert.equal(ids.length, 2 + 3 * words.length);
  assert.deepEqual([...ids.subarray(1, 4)], [A, 13, UNK]);
  assert.equal(bert.count(text), ids.length);
});

test("real text gives the ids of the whole text", async (t) => {
  const shared = fileURLToPath(new URL("../../../shared/data/", import.meta.url));
  const files = ["tokenizer.json", "tokenizer_config.json"].map((name) => join(shared, "bert-tokenizer", name)) as [
    string,
    string,
  ];
  if (!files.every((file) => existsSync(file))) return t.skip("SKIPPED: the development data is not there");
  const real = await loadTokenizer(...files);
  const [json, config] = files.map((file) => JSON.parse(readFileSync(file, "utf8"))) as [object, object];
  const library = new Library(json, config);
  let tokens = 0;
  for (const name of readdirSync(join(shared, "docling-raw"))) {
    const text = readFileSync(join(shared, "docling-raw", name), "utf8");
    const { ids } = library.encode(text);
    assert.deepEqual(real.encode(text, 1e7).ids, Int32Array.from(ids), name);
    assert.equal(real.count(text), ids.length);
    tokens += ids.length;
  }
  assert.ok(tokens > 300_000);
  const cut = real.encode("word ".repeat(1000), 256);
  assert.equal(cut.ids.length, 256, "limits in the file, here 128, don't count");
  assert.deepEqual([cut.ids.at(0), cut.ids.at(-1), cut.lost], [101, 102, 1000 - 254]);
});

test("one huge word takes linear time in every family", async (t) => {
  const seconds = (run: () => void) => {
    const start = performance.now();
    run();
    return (performance.now() - start) / 1000;
  };
  const families = {
    wordPiece: bert,
    unigram: await open(unigram()),
    byteLevel: await open(byteLevel(SUFFIX_TEMPLATE)),
  };
  for (const [name, tokenizer] of Object.entries(families)) {
    const size = name === "wordPiece" ? 1_000_000 : 250_000;
    const part = seconds(() => assert.ok(tokenizer.count("a".repeat(size / 10)) > 0));
    const whole = seconds(() =>
      assert.equal(tokenizer.encode("a".repeat(size), 64).ids.length, name === "wordPiece" ? 3 : 64),
    );
    t.diagnostic(`${name}: ${size / 1e7} MB ${part.toFixed(2)} s, ${size / 1e6} MB ${whole.toFixed(2)} s`);
    assert.ok(whole < 40 * part + 1, name);
  }
});

test("a long text in pieces gives the same ids as the whole", async () => {
  const next = seeded(3);
  const word = () => "a".repeat(between(next, 1, 5)) + ["the", "b", "xyz", "ab"][between(next, 0, 3)];
  const text = Array.from({ length: 12_000 }, word).join(" ");
  assert.ok(text.length > 60_000);
  for (const json of [unigram(), byteLevel(SUFFIX_TEMPLATE)]) {
    const whole = new Library(json, {}).encode(text).ids;
    assert.deepEqual((await open(json)).encode(text, 1e7).ids, Int32Array.from(whole));
  }
});

test("tokenizer files that can't be trusted are refused by name", async () => {
  const refused = async (
    json: Record<string, unknown> | string,
    message: RegExp,
    config: Record<string, unknown> | string = {},
  ) => {
    const files = writeTokenizer(json, config);
    await assert.rejects(loadTokenizer(...files), { code: "bad_tokenizer", message });
  };
  await refused("{", /JSON/);
  await refused("[]", /no JSON object/);
  await refused(wordPiece(PIECES), /no JSON object/, "3");
  await refused("[".repeat(10_000_000), /nested more than 64/);
  await refused(`{"a":"${"[".repeat(100)}"}`, /model/);
  await refused({ ...wordPiece(PIECES), post_processor: { type: "Unheard" } }, /Unheard/);
  await refused(
    wordPiece(PIECES, {
      type: "TemplateProcessing",
      single: [{ SpecialToken: { id: "[NEW]", type_id: 0 } }, { Sequence: { id: "A", type_id: 0 } }],
      pair: [],
    }),
    /"\[NEW\]/,
  );
  await refused(
    wordPiece(PIECES, { type: "TemplateProcessing", single: [{ Sequence: { id: "B", type_id: 0 } }], pair: [] }),
    /./,
  );
  const [file, config] = writeTokenizer("{}");
  truncateSync(file, 129 * 2 ** 20);
  await assert.rejects(loadTokenizer(file, config), { code: "bad_tokenizer", message: /at most 134217728/ });
  await assert.rejects(loadTokenizer(join(scratch(), "none.json"), config), {
    code: "bad_tokenizer",
    message: /ENOENT/,
  });
  const bytes = writeTokenizer("{}");
  writeFileSync(bytes[0], Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x7d]));
  await assert.rejects(loadTokenizer(...bytes), { code: "bad_tokenizer" });
});

test("text with a piece outside the vocabulary, and no unknown token", async () => {
  const strict = await open(byteLevel(null));
  assert.equal(strict.encode("abc", 9).ids.length, 3);
  const broken = await open(wordPiece(PIECES, null, { unk_token: "[NONE]" }));
  assert.throws(() => broken.encode("zzz", 9), { code: "bad_tokenizer", message: /no unknown token/ });
});

test("padBatch pads on the right to the longest row", () => {
  const batch = padBatch(
    [bert.encodePair("a", "b", 10), bert.encode("c", 10), { ids: new Int32Array(), types: null, lost: 0 }],
    77,
  );
  assert.deepEqual(batch, {
    rows: 3,
    length: 5,
    ids: Int32Array.from([CLS, A, SEP, B, SEP, CLS, C, SEP, 77, 77, 77, 77, 77, 77, 77]),
    mask: Uint8Array.from([1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0]),
    types: Uint8Array.from([0, 0, 0, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]),
  });
});
