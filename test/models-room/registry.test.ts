import assert from "node:assert/strict";
import { test } from "node:test";
import { editDistance } from "../../dist/core/edit-distance.js";
import { RagError } from "../../dist/core/errors.js";
import { listModels, openSession } from "../../dist/index.js";
import { findModel, modelRows } from "../../dist/models/registry.js";
import { otherNames, roughSizes } from "../../dist/models/registry-data.js";
import { parseModelCard } from "../../dist/schema/model-card.js";
import type { ModelCard, ModelRole } from "../../dist/schema/model-types.js";
import { tempRoot } from "./folder.ts";

const says =
  (code: string, ...words: string[]) =>
  (error: unknown) => {
    assert.ok(error instanceof RagError, String(error));
    assert.equal(error.code, code);
    for (const word of words) assert.ok(error.message.includes(word), `${error.message}\ndoes not say ${word}`);
    return true;
  };
const row = (changes: Partial<Record<keyof ModelCard, unknown>> = {}) => ({
  ...findModel("bge-m3"),
  key: "own-model",
  hubId: "me/own-model",
  ...changes,
});

test("every row keeps the rules of a row", () => {
  for (const card of listModels()) {
    const parsed = parseModelCard(card);
    assert.ok(parsed.ok, `${card.key}: ${parsed.ok || parsed.problem}`);
    assert.deepEqual(parsed.card, card);
    if (card.onnx === null) assert.notEqual(card.remark, "", card.key);
  }
});

test("the list is fresh at each call, and neither it nor a row can be changed", () => {
  const list = listModels() as ModelCard[];
  assert.notEqual(list, listModels());
  assert.deepEqual([...list], [...listModels()]);
  const first = list[0] as ModelCard;
  assert.throws(() => list.push(first), TypeError);
  assert.throws(() => Object.assign(first, { licence: "MIT" }), TypeError);
  assert.throws(() => Object.assign(first.onnx as object, { fp32: "other.onnx" }), TypeError);
});

test("no two rows answer to one key, and every table is of rows that exist", () => {
  const keys = listModels().map(({ key }) => key.toLowerCase());
  assert.equal(new Set(keys).size, keys.length);
  for (const [key, names] of Object.entries(otherNames)) {
    for (const name of names) assert.equal(findModel(name, findModel(key).role).key, key);
  }
  for (const [hubId, sizes] of Object.entries(roughSizes)) {
    const cards = listModels().filter((card) => card.hubId === hubId);
    const files = cards.flatMap(({ onnx, externalData }) => [
      ...Object.values(onnx ?? {}),
      ...Object.values(externalData)
        .flat()
        .map((name) => `onnx/${name}`),
    ]);
    for (const path of Object.keys(sizes)) assert.ok(files.includes(path), `${hubId} ${path}`);
  }
});

test("the models that people ask for all have a row, by every name they go by", () => {
  const names = `sentence-transformers/all-MiniLM-L6-v2 bge-small-en-v1.5 bge-base-en-v1.5 e5-small-v2 multilingual-e5-small
    gte-small snowflake-arctic-embed-xs nomic-embed-text-v1.5 jina-embeddings-v2-small-en mxbai-embed-large-v1
    splade-pp-en-v1 prithivida/Splade_PP_en_v1 ms-marco-minilm-l-6-v2 jina-reranker-v1-turbo-en bge-reranker-base
    mxbai-rerank-xsmall-v1 sample-dense sample-splade sample-rerank`;
  for (const name of names.split(/\s+/)) assert.ok(findModel(name), name);
});

test("every key and hub id of the system this library follows has a row, in the same role", () => {
  const names: Record<ModelRole, string> = {
    dense: `jina-code-embeddings-1.5b bge-m3 jina-embeddings-v4 qwen3-embedding-0.6b nomic-coderank qdrant-minilm-onnx
      all-miniLM-l6 jinaai/jina-code-embeddings-1.5b BAAI/bge-m3 jinaai/jina-embeddings-v4 Qwen/Qwen3-Embedding-0.6B
      nomic-ai/CodeRankEmbed Qdrant/all-MiniLM-L6-v2-onnx sentence-transformers/all-MiniLM-L6-v2`,
    sparse: `splade splade-v3 qdrant-bm25 qdrant-minilm-attention naver/splade-cocondenser-ensembledistil naver/splade-v3
      Qdrant/bm25 Qdrant/all_miniLM_L6_v2_with_attentions`,
    rerank: `jina-reranker-v3 coderank-bi-encoder bge-reranker-v2-m3 jinaai/jina-reranker-v3 nomic-ai/CodeRankEmbed
      BAAI/bge-reranker-v2-m3`,
  };
  for (const role of ["dense", "sparse", "rerank"] as const)
    for (const name of names[role].split(/\s+/)) assert.equal(findModel(name, role).role, role, name);
});

test("the models of a session that nothing was set for have fp32 files and may be used commercially", async () => {
  const session = await openSession({ name: "defaults", dir: tempRoot(), device: "cpu", dtype: "fp32" });
  const { dense, sparse, rerank } = session.settings;
  session.close();
  const wanted = [
    ...dense.map((key) => findModel(key, "dense")),
    ...sparse.map((key) => findModel(key, "sparse")),
    findModel(rerank, "rerank"),
  ];
  assert.deepEqual(
    wanted.map(({ key }) => key),
    ["bge-small-en-v1.5", "splade-pp-en-v1", "ms-marco-minilm-l-6-v2"],
  );
  for (const { key, onnx, commercialUse } of wanted) {
    assert.match(onnx?.fp32 ?? "", /\.onnx$/, key);
    assert.equal(commercialUse, true, key);
  }
});

test("a name is a key, or in any case a key, a hub id or another name", () => {
  assert.equal(findModel("BGE-M3").key, "bge-m3");
  assert.equal(findModel("xenova/BGE-m3").key, "bge-m3");
  assert.equal(findModel("sample-splade", "sparse").key, "sample-splade");
  assert.equal(findModel("nomic-ai/CodeRankEmbed", "dense").key, "nomic-coderank");
  assert.equal(findModel("jamie8johnson/CodeRankEmbed-onnx", "rerank").key, "coderank-bi-encoder");
});

test("an unknown name is answered with the near ones, of the right role", () => {
  assert.throws(() => findModel("bge-m33"), says("unknown_model", '"bge-m33"', 'Did you mean "bge-m3"'));
  assert.throws(() => findModel("sampel-dense", "dense"), says("unknown_model", 'Did you mean "sample-dense"?'));
  assert.throws(() => findModel("bm52", "sparse"), says("unknown_model", 'Did you mean "bm25"'));
  assert.throws(() => findModel("minilm", "rerank"), says("unknown_model", '"ms-marco-minilm-l-6-v2"'));
  assert.throws(
    () => findModel("qqqqqqqqqq", "rerank"),
    (error: RagError) => !error.message.includes("Did you mean") && error.message.includes("sample-rerank"),
  );
  assert.throws(() => findModel("sample-rerank", "dense"), says("wrong_role", "rerank", "dense", "sample-dense"));
});

test("hostile names are unknown names", () => {
  for (const name of ["__proto__", "constructor", "../../etc/passwd", "", "\u001b[31m", "x".repeat(1e6)]) {
    assert.throws(() => findModel(name), says("unknown_model"));
  }
  assert.throws(() => findModel(undefined as unknown as string), says("unknown_model"));
});

test("the operator's rows are added, and take the place of known ones", () => {
  const rows = modelRows([row(), { ...findModel("bge-m3"), maxTokens: 512 }]);
  assert.equal(findModel("own-model", "dense", rows).hubId, "me/own-model");
  assert.equal(findModel("bge-m3", "dense", rows).maxTokens, 512);
  assert.equal(rows.length, listModels().length + 1);
});

test("rows that break a rule are refused by field and rule", () => {
  const bad: [Record<string, unknown>, string][] = [
    [row({ key: "../up" }), "key"],
    [row({ key: "a..b" }), "key"],
    [row({ key: "" }), "key"],
    [row({ key: "x".repeat(97) }), "key"],
    [row({ hubId: "no-owner" }), "hubId"],
    [row({ hubId: "a/../b" }), "hubId"],
    [row({ hubId: "/etc/passwd" }), "hubId"],
    [row({ onnx: { fp32: "../model.onnx" } }), "onnx.fp32"],
    [row({ onnx: { fp32: "/abs/model.onnx" } }), "onnx.fp32"],
    [row({ onnx: { fp32: "a\\b.onnx" } }), "onnx.fp32"],
    [row({ onnx: { fp64: "model.onnx" } }), "onnx"],
    [row({ onnx: {} }), "onnx"],
    [row({ onnx: null, remark: "", externalData: {} }), "onnx"],
    [row({ externalData: { fp32: ["../data"] } }), "externalData.fp32.0"],
    [row({ externalData: { fp32: ["sub/data"] } }), "externalData.fp32.0"],
    [row({ onnx: { int8: "m.onnx" }, externalData: { fp32: ["data"] } }), "externalData"],
    [row({ revision: "main" }), "revision"],
    [row({ dim: 0 }), "dim"],
    [row({ matryoshka: [1024] }), "matryoshka"],
    [row({ pooling: "splade" }), "pooling"],
    [row({ pooling: "max" }), "pooling"],
    [row({ maxTokens: 2.5 }), "maxTokens"],
    [{ ...row(), suprise: 1 }, "suprise"],
  ];
  for (const [value, field] of bad)
    assert.throws(() => modelRows([value]), says("bad_model_row", field), JSON.stringify(value));
  assert.throws(() => modelRows([null]), says("bad_model_row"));
  assert.throws(() => modelRows([row(), row()]), says("bad_model_row", "two added rows"));
  assert.throws(() => modelRows("bge-m3" as unknown as []), says("bad_model_row", "array"));
});

test("a row names ONNX files and raw tensor data, nothing that could run code", () => {
  for (const path of ["pytorch_model.bin", "onnx/model.onnx.py", "model.pt", "model.onnx_data", "onnx/model"]) {
    assert.throws(
      () => modelRows([row({ onnx: { fp32: path }, externalData: {} })]),
      says("bad_model_row", "onnx.fp32: must be an .onnx file"),
      path,
    );
  }
  const endings = "pt pth bin pkl pickle ckpt py json safetensors h5 msgpack".split(" ");
  for (const ending of [...endings, ...endings.map((ending) => ending.toUpperCase())]) {
    assert.throws(
      () => modelRows([row({ externalData: { fp32: ["model.onnx_data", `weights.${ending}`] } })]),
      says(
        "bad_model_row",
        "externalData.fp32.1",
        "raw tensor data such as model.onnx_data",
        "never a pickle or a script",
      ),
      ending,
    );
  }
  for (const name of ["model.onnx_data", "model.onnx_data_1", "model.onnx.data", "weights"])
    assert.equal(modelRows([row({ externalData: { fp32: [name] } })]).at(-1)?.key, "own-model", name);
});

test("distances worked out by hand", () => {
  for (const [a, b, edits] of [
    ["", "", 0],
    ["", "abc", 3],
    ["kitten", "sitting", 3],
    ["bge", "bge", 0],
    ["ab", "ba", 2],
  ] as const) {
    assert.equal(editDistance(a, b), edits);
    assert.equal(editDistance(b, a), edits);
  }
});
