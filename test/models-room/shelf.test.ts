import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { RagError } from "../../dist/core/errors.js";
import { openModelShelf, type ShelfSettings } from "../../dist/models/shelf.js";
import { tempRoot, testCard, wholeModel, write } from "./folder.ts";

const sample = join(import.meta.dirname, "../../notebooks/sample/models");
/** Nothing is pinned, and nothing is fetched: the folders do not exist. */
const settings = (modelDirs: string[]): ShelfSettings => ({
  modelDirs,
  cacheDir: join(tempRoot(), "none"),
  modelLock: join(tempRoot(), "none.json"),
  hubEndpoint: "http://127.0.0.1:9",
  dtype: () => "fp32",
});
const failsWith = (code: string, word: string) => (error: unknown) =>
  error instanceof RagError && error.code === code && error.message.includes(word);

test("the sample models are found whole, each as its row says", async () => {
  const shelf = openModelShelf([], settings([sample]));
  const [dense, splade, rerank] = await shelf.locate([
    { key: "sample-dense", role: "dense" },
    { key: "sample-splade", role: "sparse" },
    { key: "sample-rerank", role: "rerank" },
  ]);
  assert.deepEqual(
    [dense?.root, splade?.root, rerank?.root],
    ["dense", "splade", "rerank"].map((name) => join(sample, `rag-cells-sample-${name}`)),
  );
  for (const model of [dense, splade, rerank]) {
    assert.match(model?.revision ?? "", /^content:[0-9a-f]{16}$/);
    assert.equal(model?.maxTokens, model?.card.maxTokens);
    assert.ok((model?.files.reduce((sum, { bytes }) => sum + bytes, 0) ?? 0) < 4_000_000);
  }
  assert.ok(dense?.files.some(({ path }) => path === "1_Pooling/config.json"));
});

test("a row of the operator's is found beside the known ones", async () => {
  const root = tempRoot();
  write(join(root, "tiny"), wholeModel);
  const shelf = openModelShelf([testCard()], settings([sample, root]));
  assert.equal(shelf.card("tiny", "dense").dim, 8);
  const [tiny, dense] = await shelf.locate([
    { key: "tiny", role: "dense" },
    { key: "sample-dense", role: "dense" },
  ]);
  assert.deepEqual([tiny?.card.key, dense?.card.key], ["tiny", "sample-dense"]);
});

test("models that no engine here can run are refused with the way out, before any file is looked for", async () => {
  const shelf = openModelShelf([], settings([]));
  await assert.rejects(
    shelf.locate([{ key: "qdrant-minilm-attention", role: "sparse" }]),
    failsWith("unusable_model", "BM42"),
  );
  await assert.rejects(
    shelf.locate([{ key: "coderank-bi-encoder", role: "rerank" }]),
    failsWith("unusable_model", "bi-encoder"),
  );
  await assert.rejects(shelf.locate([{ key: "qdrant-bm25", role: "sparse" }]), failsWith("unusable_model", "bm25"));
  await assert.rejects(shelf.locate([{ key: "splade-v3", role: "sparse" }]), failsWith("no_onnx", "licence form"));
  await assert.rejects(
    shelf.locate([{ key: "sample-dense", role: "rerank" }]),
    failsWith("wrong_role", "sample-rerank"),
  );
});
