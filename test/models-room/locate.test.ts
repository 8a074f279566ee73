import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { RagError } from "../../dist/core/errors.js";
import { locateModel, locateModels } from "../../dist/models/locate.js";
import type { LocatedModel } from "../../dist/schema/model-types.js";
import { placesIn, tempRoot, testCard, wholeModel, write } from "./folder.ts";

const COMMIT = "0123456789abcdef0123456789abcdef01234567";
const sha256 = (text: string) => createHash("sha256").update(text).digest("hex");
const says =
  (code: string, ...words: string[]) =>
  (error: unknown) => {
    assert.ok(error instanceof RagError, String(error));
    assert.equal(error.code, code, error.message);
    for (const word of words) assert.ok(error.message.includes(word), `${error.message}\ndoes not say ${word}`);
    return true;
  };

/** A root that holds the whole model in one folder. */
function rootWith(name: string, changes: Readonly<Record<string, string | object>> = {}): string {
  const root = tempRoot();
  write(join(root, name), { ...wholeModel, ...changes });
  return root;
}

async function find(
  root: string,
  ...[changes, dtype = "fp32"]: [Parameters<typeof testCard>[0]?, string?]
): Promise<LocatedModel> {
  const found = await locateModel(testCard(changes), placesIn([root], dtype));
  assert.ok(!("missing" in found), JSON.stringify(found));
  return found;
}

test("a flat folder is found by key, hub id or name", async () => {
  for (const name of ["tiny", "acme-tiny-model", "acme--tiny-model", "acme/tiny-model", "tiny-model"]) {
    const root = rootWith(name);
    const found = await find(root);
    assert.equal(found.root, join(root, name));
    assert.equal(found.onnxFile, join(root, name, "onnx/model.onnx"));
    assert.equal(found.tokenizerFile, join(root, name, "tokenizer.json"));
    assert.deepEqual(found.externalData, [{ name: "model.onnx_data", path: join(root, name, "onnx/model.onnx_data") }]);
  }
});

test("a root that is the model's folder itself is found by its name", async () => {
  const root = rootWith("tiny-model");
  assert.equal((await find(join(root, "tiny-model"))).root, join(root, "tiny-model"));
  const other = rootWith("something-else");
  assert.ok("missing" in (await locateModel(testCard(), placesIn([join(other, "something-else")]))));
});

test("the Python hub's layout is found at refs/main, at the pinned commit, or where there is one commit only", async () => {
  const snapshot = (revision: string) => `models--acme--tiny-model/snapshots/${revision}`;
  const root = rootWith(snapshot(COMMIT));
  assert.equal((await find(root)).revision, COMMIT);
  mkdirSync(join(root, snapshot("e".repeat(40))));
  assert.ok("missing" in (await locateModel(testCard(), placesIn([root]))), "of two commits none is better");
  write(root, { "models--acme--tiny-model/refs/main": `${COMMIT}\n` });
  const found = await find(root);
  assert.deepEqual([found.root, found.revision], [join(root, snapshot(COMMIT)), COMMIT]);

  assert.equal((await find(root, { revision: COMMIT })).revision, COMMIT);
  assert.ok("missing" in (await locateModel(testCard({ revision: "f".repeat(40) }), placesIn([root]))));

  const home = tempRoot();
  renameSync(root, join(home, "hub"));
  assert.equal((await find(home)).revision, COMMIT);
});

test("a hub's links into its own blobs are followed", async () => {
  const root = tempRoot();
  const repository = join(root, "models--acme--tiny-model");
  write(repository, { "refs/main": COMMIT });
  for (const [path, content] of Object.entries(wholeModel)) {
    const blob = path.replaceAll("/", "_");
    write(join(repository, "blobs"), { [blob]: content });
    const link = join(repository, "snapshots", COMMIT, path);
    mkdirSync(join(link, ".."), { recursive: true });
    symlinkSync(join(path.includes("/") ? "../../../blobs" : "../../blobs", blob), link);
  }
  const found = await find(root);
  assert.equal(found.files.find(({ path }) => path === "onnx/model.onnx")?.sha256, sha256("weights of the model"));
});

test("refs/main that is no commit leads nowhere", async () => {
  const root = rootWith("models--acme--tiny-model/snapshots/../../../outside");
  write(root, { "models--acme--tiny-model/refs/main": "../../outside" });
  mkdirSync(join(root, "models--acme--tiny-model/snapshots"), { recursive: true });
  const found = await locateModel(testCard(), placesIn([root]));
  assert.ok("missing" in found && found.folder === null);
});

test("links that leave the root are refused, of files and of folders", async () => {
  const outside = rootWith("tiny");
  const root = rootWith("tiny");
  rmSync(join(root, "tiny/onnx/model.onnx_data"));
  symlinkSync(join(outside, "tiny/onnx/model.onnx_data"), join(root, "tiny/onnx/model.onnx_data"));
  await assert.rejects(find(root), says("model_file_outside", "model.onnx_data", outside));

  const linked = tempRoot();
  symlinkSync(join(outside, "tiny"), join(linked, "tiny"));
  await assert.rejects(find(linked), says("model_file_outside"));

  const whole = tempRoot();
  symlinkSync(outside, join(whole, "cache"));
  assert.equal((await find(join(whole, "cache"))).maxTokens, 64);
});

test("the ONNX file may have lost or gained its folder", async () => {
  const root = rootWith("tiny");
  const folder = join(root, "tiny");
  for (const name of ["model.onnx", "model.onnx_data"]) renameSync(join(folder, "onnx", name), join(folder, name));
  const found = await find(root);
  assert.equal(found.onnxFile, join(folder, "model.onnx"));
  assert.equal(found.externalData[0]?.path, join(folder, "model.onnx_data"));
});

test("the dtype chooses the file", async () => {
  const root = rootWith("tiny", { "onnx/model_fp16.onnx": "half" });
  const found = await find(root, {}, "fp16");
  assert.equal(found.onnxFile, join(root, "tiny/onnx/model_fp16.onnx"));
  assert.deepEqual(found.externalData, []);
  await assert.rejects(find(root, {}, "int8"), says("no_dtype", "int8", "fp32", "fp16"));
  await assert.rejects(
    find(root, { onnx: null, externalData: {}, remark: "Export it so." }),
    says("no_onnx", "Export it so."),
  );
});

test("every file is hashed, and the fingerprint is of paths and hashes alone", async () => {
  const root = rootWith("tiny");
  const found = await find(root);
  assert.deepEqual(
    found.files.map(({ path }) => path),
    Object.keys(wholeModel).sort(),
  );
  for (const { path, bytes, sha256: hash } of found.files) {
    const content = wholeModel[path] as string | object;
    const text = typeof content === "string" ? content : JSON.stringify(content);
    assert.deepEqual([bytes, hash], [text.length, sha256(text)]);
  }
  assert.equal(found.fingerprint, sha256(JSON.stringify(found.files.map(({ path, sha256: hash }) => [path, hash]))));
  assert.equal(found.revision, `content:${found.fingerprint.slice(0, 16)}`);

  const elsewhere = rootWith("acme--tiny-model", { "README.md": "not a file that decides results" });
  assert.equal((await find(elsewhere)).fingerprint, found.fingerprint);
  const altered = rootWith("tiny", { "onnx/model.onnx_data": "other weights" });
  assert.notEqual((await find(altered)).fingerprint, found.fingerprint);
});

test("a file that changes is read again, one that does not is remembered", async () => {
  const root = rootWith("tiny");
  const memory = new Map();
  const locate = async () => (await locateModels([testCard()], placesIn([root], "fp32", { memory })))[0]?.fingerprint;
  const first = await locate();
  assert.equal(await locate(), first);
  assert.equal(memory.size, 5);
  const file = join(root, "tiny/onnx/model.onnx");
  writeFileSync(file, "WEIGHTS of the model");
  utimesSync(file, 1, 1);
  assert.notEqual(await locate(), first);
});

test("the longest input is the smallest limit any file names, the tokenizer's leftover aside", async () => {
  const limit = async (changes: Readonly<Record<string, object>>, maxTokens = 1000) =>
    (await find(rootWith("tiny", changes), { maxTokens })).maxTokens;
  assert.equal(await limit({}), 128);
  assert.equal(await limit({}, 64), 64);
  assert.equal(await limit({ "tokenizer_config.json": { model_max_length: 1e30 } }), 512);
  assert.equal(await limit({ "tokenizer_config.json": {} }), 512);
  assert.equal(await limit({ "sentence_bert_config.json": { max_seq_length: 100 } }), 100);
  assert.equal(await limit({ "sentence_bert_config.json": { max_seq_length: null } }), 128);
  assert.equal(await limit({ "config.json": {} }), 128);
  // XLM-RoBERTa's positions begin behind the padding token: 130 of them serve 128 tokens.
  const roberta = { model_type: "xlm-roberta", max_position_embeddings: 122, pad_token_id: 1 };
  assert.equal(await limit({ "config.json": roberta }), 120);
});

test("three limits in one real model's files: 128 in the tokenizer, 256 by the authors, 512 positions", {
  skip: existsSync(bert()) ? false : "../shared/data/bert-tokenizer is absent",
}, async () => {
  const root = tempRoot();
  cpSync(bert(), join(root, "tiny"), { recursive: true });
  for (const [path, content] of Object.entries(wholeModel))
    if (path.startsWith("onnx/")) write(join(root, "tiny"), { [path]: content });
  assert.equal((await find(root, { maxTokens: 256 })).maxTokens, 256);
  assert.equal((await find(root, { maxTokens: 9999 })).maxTokens, 512);
});

function bert(): string {
  return join(import.meta.dirname, "../../../shared/data/bert-tokenizer");
}

test("files that contradict the row are refused, in either form of the pooling file", async () => {
  const refuse = (changes: Readonly<Record<string, object>>, ...words: string[]) =>
    assert.rejects(find(rootWith("tiny", changes)), says("model_config_disagrees", ...words));
  await refuse(
    { "1_Pooling/config.json": { pooling_mode_cls_token: true, pooling_mode_mean_tokens: false } },
    "1_Pooling",
    "cls",
    "mean",
  );
  await refuse(
    { "1_Pooling/config.json": { pooling_mode_cls_token: true, pooling_mode_mean_tokens: true } },
    "cls and mean",
  );
  await refuse({ "1_Pooling/config.json": { pooling_mode: "lasttoken" } }, "lasttoken");
  await refuse(
    { "1_Pooling/config.json": { word_embedding_dimension: 384, pooling_mode_mean_tokens: true } },
    "384",
    "8",
  );
  await refuse({ "config.json": { max_position_embeddings: "many" } }, "config.json", "max_position_embeddings");
  await refuse({ "tokenizer_config.json": { model_max_length: -1 } }, "tokenizer_config.json");
  for (const pooling of [
    { pooling_mode_mean_tokens: true, word_embedding_dimension: 8 },
    { pooling_mode: ["mean"], embedding_dimension: 8 },
    { pooling_mode: "mean" },
  ]) {
    assert.equal((await find(rootWith("tiny", { "1_Pooling/config.json": pooling }))).files.length, 6);
  }
  const noPrompt = rootWith("tiny", { "1_Pooling/config.json": { pooling_mode: "mean", include_prompt: false } });
  assert.equal((await find(noPrompt)).files.length, 6);
  await assert.rejects(find(noPrompt, { queryPrefix: "query: " }), says("model_config_disagrees", "prompt"));
  const splade = { role: "sparse", pooling: "splade", dim: 99, matryoshka: [] } as const;
  await assert.rejects(find(rootWith("tiny"), splade), says("model_config_disagrees", "100", "99"));
});

test("JSON that is none, too deep or too large is refused", async () => {
  const refuse = (changes: Readonly<Record<string, string>>, ...words: string[]) =>
    assert.rejects(find(rootWith("tiny", changes)), says("model_file_bad", ...words));
  await refuse({ "config.json": "{" }, "config.json", "no JSON");
  await refuse({ "config.json": '{"a":'.repeat(1e5) }, "config.json", "64 levels");
  await refuse({ "tokenizer.json": "[".repeat(65) }, "tokenizer.json", "64 levels");
  await refuse({ "config.json": `{"a":"${"x".repeat(4 * 2 ** 20)}"}` }, "config.json", "4194304");
  assert.ok(await find(rootWith("tiny", { "tokenizer.json": `"${"[".repeat(1000)}\\"${"{".repeat(1000)}"` })));
});

test("everything that is missing stands in one error, with sizes that are known", async () => {
  const partial = rootWith("tiny");
  rmSync(join(partial, "tiny/tokenizer.json"));
  writeFileSync(join(partial, "tiny/onnx/model.onnx"), "");
  writeFileSync(
    join(partial, "tiny/onnx/model.onnx_data"),
    "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 5\n",
  );
  const cards = [
    testCard(),
    testCard({ key: "none", hubId: "acme/none", externalData: {} }),
    testCard({ key: "bge-m3", hubId: "Xenova/bge-m3" }),
  ];
  const empty = tempRoot();
  await assert.rejects(locateModels(cards, placesIn([empty, partial])), (error: RagError) => {
    says("model_files_missing", "3 models", partial, empty)(error);
    const [, tiny, none, bge] = error.message.split("\n") as [string, string, string, string];
    for (const word of [
      join(partial, "tiny"),
      "tokenizer.json",
      "onnx/model.onnx: empty",
      "onnx/model.onnx_data: a Git LFS pointer",
    ])
      assert.ok(tiny.includes(word), tiny);
    assert.ok(!tiny.includes("tokenizer_config.json"), tiny);
    for (const word of ["acme/none", "config.json, tokenizer.json, tokenizer_config.json, onnx/model.onnx"])
      assert.ok(none.includes(word), none);
    assert.ok(bge.includes("onnx/model.onnx_data (about 2.27 GB)"), bge);
    return true;
  });
  const found = await locateModel(testCard(), placesIn([empty, partial]));
  assert.ok("missing" in found && found.missing.length === 3 && found.folder === join(partial, "tiny"));
  await assert.rejects(locateModels([testCard()], placesIn([])), says("model_files_missing", "modelDirs is empty"));
  await assert.rejects(
    locateModels([testCard()], placesIn([join(empty, "not-there")])),
    says("model_files_missing", "not-there"),
  );
});

test("a whole model further on is taken rather than a part of it", async () => {
  const partial = rootWith("tiny");
  rmSync(join(partial, "tiny/config.json"));
  const whole = rootWith("tiny-model");
  const found = await locateModel(testCard(), placesIn([partial, whole]));
  assert.ok(!("missing" in found));
  assert.equal(found.root, join(whole, "tiny-model"));
});

test("a folder in the place of a file is no file", async () => {
  const root = rootWith("tiny");
  rmSync(join(root, "tiny/config.json"));
  mkdirSync(join(root, "tiny/config.json"));
  const found = await locateModel(testCard(), placesIn([root]));
  assert.ok("missing" in found && found.missing[0]?.problem !== "missing");
});

test("a read-only root serves and is left as it was", async () => {
  const root = rootWith("tiny");
  const list = () => readdirSync(root, { recursive: true }).sort();
  const before = list();
  for (const path of ["tiny/onnx", "tiny", "."]) chmodSync(join(root, path), 0o555);
  try {
    assert.equal((await find(root)).maxTokens, 64);
    assert.deepEqual(list(), before);
  } finally {
    for (const path of [".", "tiny", "tiny/onnx"]) chmodSync(join(root, path), 0o755);
  }
});
