import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { distinct, filePrefix, safeName, vectorName } from "../../dist/export/names.js";
import { planFiles } from "../../dist/export/plan.js";
import type { DenseRun, SparseRun } from "../../dist/schema/types.js";

const dense = (names: string[], primary: string) =>
  ({ primary, vectors: names.map((name) => ({ name })) }) as unknown as DenseRun;
const sparse = (names: string[]) =>
  ({
    primary: names[0],
    vectors: names.map((name) => ({ name, vocabulary: name === "bm25" ? "bm25.txt" : null })),
  }) as unknown as SparseRun;

describe("planFiles", () => {
  it("names files as the reference does, the primary vectors without a model", () => {
    const plan = planFiles(
      "docling",
      dense(["bge-m3", "qwen3-embedding-0.6b", "fused"], "fused"),
      sparse(["splade", "bm25"]),
    );
    assert.deepEqual(
      plan.dense.map(({ path, name }) => [path, name]),
      [
        ["docling_embeddings.npy", "fused"],
        ["docling_bge_m3_embeddings.npy", "bge-m3"],
        ["docling_qwen3_embedding_0_6b_embeddings.npy", "qwen3-embedding-0.6b"],
      ],
    );
    assert.deepEqual(
      plan.sparse.map(({ path, name, vocabulary }) => [path, name, vocabulary]),
      [
        ["docling_sparse.jsonl", "splade", null],
        ["docling_bm25_sparse.jsonl", "bm25", "docling_bm25_vocabulary.txt"],
      ],
    );
    assert.deepEqual(
      [plan.index, plan.points, plan.metadata, plan.texts],
      ["docling_index.faiss", "docling_qdrant.jsonl", "docling_metadata.json", "docling_texts.json"],
    );
  });

  it("keeps names apart that sanitising or Qdrant's one name space would merge", () => {
    const { dense: d, sparse: s } = planFiles(
      "x",
      dense(["a/b", "a.b", "A:b", "bge-m3"], "bge-m3"),
      sparse(["bge-m3", "a/b"]),
    );
    assert.deepEqual(
      d.map(({ path }) => path),
      ["x_embeddings.npy", "x_a_b_embeddings.npy", "x_a_b_2_embeddings.npy", "x_A_b_3_embeddings.npy"],
    );
    assert.deepEqual(
      [...d, ...s].map(({ name }) => name),
      ["bge-m3", "a_b", "a.b", "A_b_2", "bge-m3-sparse", "a_b-sparse"],
    );
  });

  it("plans no index without dense vectors, and nothing sparse without sparse ones", () => {
    assert.equal(planFiles("x", null, sparse(["bm25"])).index, null);
    assert.deepEqual(planFiles("x", dense(["m"], "m"), null).sparse, []);
  });
});

describe("names", () => {
  it("make hostile names harmless", () => {
    assert.equal(safeName("../é b"), "_____b");
    assert.equal(safeName(""), "_");
    assert.equal(filePrefix("../../etc/passwd"), "etc_passwd");
    assert.equal(filePrefix("-rf *"), "rf");
    assert.equal(filePrefix("日本"), "collection");
    assert.equal(vectorName("../x/y"), "__x_y");
    assert.deepEqual(distinct(["a", "A", "a", "b", "a_2"]), ["a", "A_2", "a_3", "b", "a_2_2"]);
  });
});
