import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { describe, it } from "node:test";
import { readSummary } from "../../dist/export/read-summary.js";

const data = new URL("../../../shared/data/", import.meta.url);
const shapes = new URL("reference-manifests/", data);
const golden = new URL("docling-mini/processing_summary_default_on.json", data);
const absent = !existsSync(shapes) && `${shapes.pathname} is absent: the reference's manifests are not read`;

const read = async (url: URL) => readSummary(JSON.parse(await readFile(url, "utf8")));

describe("readSummary", () => {
  it("reads every past shape of the reference", { skip: absent }, async () => {
    const seen: Record<string, unknown> = {};
    for (const name of (await readdir(shapes)).sort()) {
      const { schemaVersion, collection, chunkCount, generatedAt, toggles, dense, sparse, rerank } = await read(
        new URL(name, shapes),
      );
      assert.ok(generatedAt, name);
      assert.ok((dense?.models.length ?? 0) > 0, name);
      assert.equal(sparse !== null, toggles.enableSparse, name);
      assert.equal(rerank !== null, toggles.enableRerank, name);
      assert.deepEqual(Object.keys(toggles.sources).sort(), ["enable_rerank", "enable_sparse", "sparse_models"], name);
      if (sparse) {
        assert.equal(sparse.total, chunkCount, name);
        assert.equal(sparse.coverage, 1, name);
        assert.equal(sparse.models.length, 1, name);
        assert.equal(Object.keys(sparse.devices).length, 1, name);
      }
      if (rerank)
        assert.deepEqual([rerank.executed, rerank.status, typeof rerank.model], [true, "executed", "string"], name);
      seen[name] = [
        schemaVersion,
        collection,
        chunkCount,
        dense?.embeddings,
        rerank?.runId ?? null,
        rerank?.scores.length ?? null,
      ];
    }
    const mini = ["v4.1", "docling-mini", 6, 6];
    const old = ["v4.0", "Docling", 3096, 9288];
    assert.deepEqual(seen, {
      "default_on__processing_summary_default-on_20251030.json": [...mini, "docling-mini-rerank-default", 3],
      "fallback_force__processing_summary_fallback_20251030.json": [...mini, null, null],
      "goldens__processing_summary_default_on.json": [...mini, "docling-mini-rerank-default", 3],
      "processing_summary_default-on_20251118.json": [
        "v4.1",
        "docling-full",
        3096,
        3096,
        "docling-default-rerank-gpu-20251118",
        3,
      ],
      "processing_summary_defaults_20251025.json": [...old, null, 0],
      "processing_summary_defaults_20251026.json": [...old, null, 0],
      "processing_summary_disable_both_20251025.json": [...old, null, null],
      "processing_summary_disable_rerank_20251025.json": [...old, null, null],
      "processing_summary_disable_sparse_20251025.json": [...old, null, 0],
      "processing_summary_enable_synonyms_20251025.json": [...old, null, 0],
      "rerank_disabled__processing_summary_rerank-disabled_20251030.json": [...mini, null, null],
      "sparse_disabled__processing_summary_sparse-disabled_20251030.json": [...mini, "docling-mini-rerank-default", 3],
    });
  });

  it("reads the reference's golden manifest in full", { skip: absent }, async () => {
    const { raw: _, ...view } = await read(golden);
    assert.deepEqual(view, {
      schemaVersion: "v4.1",
      legacy: ["v4.0"],
      collection: "docling-mini",
      chunkCount: 6,
      generatedAt: "2025-10-30T12:00:00Z",
      toggles: {
        enableRerank: true,
        enableSparse: true,
        sparseModels: ["splade"],
        sources: { enable_rerank: "default", enable_sparse: "default", sparse_models: "default" },
      },
      dense: {
        runId: null,
        embeddings: 6,
        dimension: null,
        models: ["jina-code-embeddings-1.5b"],
        device: "cpu",
        seconds: null,
      },
      sparse: {
        runId: null,
        models: ["naver/splade-cocondenser-ensembledistil"],
        total: 6,
        available: 6,
        coverage: 1,
        fallbackUsed: false,
        fallbackCount: null,
        devices: { "naver/splade-cocondenser-ensembledistil": "cpu" },
      },
      rerank: {
        runId: "docling-mini-rerank-default",
        model: "cross-encoder/ms-marco-MiniLM-L-6-v2",
        executed: true,
        status: "executed",
        device: "cpu",
        latencyMs: 42.5,
        candidateIds: ["docling-mini-0001", "docling-mini-0002", "docling-mini-0003"],
        scores: [0.88, 0.74, 0.65],
        fallbackCount: 0,
        fallbackReason: null,
      },
      spans: {
        "rag.rerank": {
          spanId: "span-rerank-default",
          status: "active",
          reason: null,
          attributes: { latency_ms: 42.5 },
        },
        "rag.sparse": {
          spanId: "span-sparse-default",
          status: "active",
          reason: null,
          attributes: { coverage_ratio: 1 },
        },
      },
      warnings: [],
      artefacts: [],
    });
  });

  it("keeps the reasons of skipped spans, and warnings", { skip: absent }, async () => {
    const view = await read(new URL("fallback_force__processing_summary_fallback_20251030.json", shapes));
    assert.equal(view.spans["rag.sparse"]?.reason, "Dense fallback active");
    assert.equal(view.spans["rag.sparse"]?.status, "skipped");
    assert.equal(view.warnings.length, 2);
  });

  it("takes a missing version as v4.0, and fields of a wrong type as absent", () => {
    const view = readSummary({
      chunk_count: "many",
      dense_run: [],
      sparse_run: { vectors: 3, models: ["a", 1] },
      rerank_run: null,
      telemetry: 7,
      artefacts: [{}],
    });
    assert.equal(view.schemaVersion, "v4.0");
    assert.deepEqual(
      [view.legacy, view.chunkCount, view.dense, view.rerank, view.spans, view.artefacts],
      [[], null, null, null, {}, []],
    );
    assert.deepEqual(view.sparse?.models, ["a"]);
  });

  it("refuses a newer version, an older one, and what is no manifest", () => {
    for (const version of ["v4.2", "v5.0", "v10.1"]) {
      assert.throws(() => readSummary({ schema_version: version }), {
        code: "manifest_newer",
        message: new RegExp(`schema ${version}, and v4\\.0 and v4\\.1 are read\\. Update rag-cells`),
      });
    }
    for (const bad of [
      { schema_version: "v3.9" },
      { schema_version: "4.1" },
      { schema_version: 4 },
      [],
      null,
      "text",
      1,
    ]) {
      assert.throws(() => readSummary(bad), { code: "manifest_unreadable" });
    }
  });
});
