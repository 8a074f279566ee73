import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import type { CollectionSource } from "../../dist/export/collection.js";
import { readSummary } from "../../dist/export/read-summary.js";
import { parseSummary } from "../../dist/schema/manifest.js";
import type { FusedRun, Skipped } from "../../dist/schema/types.js";
import { makeSource, QUERY, summaryOf, TEXTS, toggles } from "./corpus.ts";

let dir = "";
let source: CollectionSource;
before(async () => {
  dir = await mkdtemp(join(tmpdir(), "rag-summary-"));
  source = await makeSource(dir, { rows: 40, dim: 8, several: true });
});
after(() => rm(dir, { recursive: true, force: true }));

const fused = (): FusedRun => ({
  ...(source.rerank as NonNullable<CollectionSource["rerank"]>),
  kind: "fuse",
  id: "fuse-1",
  method: "rrf",
  sources: ["dense:fused", "sparse:bm25"],
  results: [{ queryId: "q", queryLength: 5, source: "operator", candidates: [] }],
  overlap: { "dense:fused": 0.9 },
});
const skipped = (stage: "sparse" | "rerank"): Skipped => ({
  kind: "skipped",
  stage,
  reason: "feature_disabled",
  source: "env",
});

describe("buildSummary", () => {
  it("passes its own schema after a round trip through JSON", () => {
    const summary = summaryOf(
      source,
      [{ path: "a.npy", role: "dense", bytes: 1, sha256: "0".repeat(64), name: "fused", rows: 40, dim: 16 }],
      { fused: fused() },
    );
    const parsed = parseSummary(JSON.parse(JSON.stringify(summary)));
    assert.deepEqual(parsed, { ok: true, summary });
    assert.equal(summary.warnings, undefined);
  });

  it("has the reference's names and the runs' own numbers", () => {
    const {
      dense_run: dense,
      sparse_run: sparse,
      rerank_run: rerank,
      telemetry,
      performance_baseline: baseline,
      ...rest
    } = summaryOf(source, [], { fused: fused() });
    assert.deepEqual(
      [rest.schema_version, rest.compatibility, rest.collection, rest.chunk_count],
      ["v4.1", { current: "v4.1", legacy: ["v4.0"] }, "test corpus", 40],
    );
    assert.deepEqual(
      [
        dense?.total_embeddings_generated,
        dense?.embedding_dimension,
        dense?.models_executed,
        dense?.model_used,
        dense?.batches_per_model,
      ],
      [40, 16, ["model-a", "org/model b"], "fused", { "model-a": 4 }],
    );
    assert.deepEqual(
      [dense?.chunks_per_second, dense?.embedding_memory_mb, dense?.memory_per_chunk_kb, dense?.gpu_count],
      [16, 0.003, 0.064, 0],
    );
    assert.deepEqual(
      [sparse?.models, sparse?.vectors, sparse?.fallback_count],
      [["model-a", "bm25"], { total: 40, available: 40, coverage_ratio: 1 }, 0],
    );
    assert.deepEqual(sparse?.engines[1]?.vectors, { total: 40, available: 36, coverage_ratio: 0.9 });
    assert.equal(sparse?.payload.run_id, sparse?.run_id);
    assert.deepEqual(
      [rerank?.status, rerank?.initial_candidate_count, rerank?.scores, rerank?.payload.results.length],
      ["executed", 3, [2.1, 1.1, 0.1], 1],
    );
    assert.equal(rerank?.payload.run_id, rerank?.run_id);
    assert.deepEqual(rest.notes, [{ stage: "dense", code: "truncated", message: "2 chunks were cut.", count: 2 }]);
    assert.equal(telemetry.batch_progress_events_recorded, 4 + 2 + 1 + 1);
    assert.deepEqual(baseline.stages.dense?.batch_seconds, { p50: 0.4375, p95: 0.60625, p99: 0.62125, max: 0.625 });
    assert.deepEqual(baseline.hydration?.samples, 5);
    assert.equal(baseline.memory[0]?.peak_bytes, 5e7);
  });

  it("gives the dense stage its own time only", () => {
    const slow = { ...(source.rerank as NonNullable<CollectionSource["rerank"]>) };
    const summary = summaryOf(source, [], { rerank: { ...slow, telemetry: { ...slow.telemetry, seconds: 1000 } } });
    assert.equal(summary.dense_run?.processing_time_seconds, 2.5);
    assert.equal(summary.telemetry.spans["rag.dense"]?.attributes.latency_ms, 2500);
    assert.equal(summary.rerank_run?.latency_ms, 1_000_000);
  });

  it("has one span a stage under one root, the same ids for the same runs", () => {
    const { spans } = summaryOf(source, [], { fused: fused() }).telemetry;
    assert.deepEqual(Object.keys(spans).sort(), [
      "rag.chunk",
      "rag.collection",
      "rag.dense",
      "rag.export",
      "rag.fusion",
      "rag.rerank",
      "rag.sparse",
    ]);
    const root = spans["rag.collection"];
    assert.equal(root?.parent_span_id, null);
    assert.deepEqual([root?.start, root?.end], ["2026-11-20T10:00:00.000Z", "2026-11-20T10:59:01.500Z"]);
    const children = Object.values(spans).filter((span) => span !== root);
    assert.ok(children.every((span) => span.parent_span_id === root?.span_id));
    assert.equal(new Set(Object.values(spans).map(({ span_id }) => span_id)).size, 7);
    assert.deepEqual(summaryOf(source, [], { fused: fused() }).telemetry.spans, spans);
    assert.equal(spans["rag.export"]?.attributes.latency_ms, 1500);
  });

  it("leaves no trace of stages that are off but the toggles", () => {
    const off = summaryOf(source, [], {
      sparse: skipped("sparse"),
      rerank: skipped("rerank"),
      toggles: toggles(false, false),
    });
    const never = summaryOf({ ...source, sparse: null, rerank: null }, [], { toggles: toggles(false, false) });
    assert.deepEqual(off, never);
    const { feature_toggles, activation_provenance, activation_provenance_lines, ...rest } = off;
    assert.doesNotMatch(JSON.stringify(rest), /rerank|sparse/);
    assert.deepEqual(feature_toggles.sparse_models, []);
    assert.deepEqual(activation_provenance_lines, [
      "enable_rerank: false (override via env; default true)",
      "enable_sparse: false (override via env; default true)",
      "sparse_models: model-a, bm25 (default)",
      "sparse_models: [] (override via normalization)",
    ]);
    assert.deepEqual(feature_toggles.sources, {
      enable_rerank: "env",
      enable_sparse: "env",
      sparse_models: "normalization",
    });
  });

  it("warns where toggles and runs say different things", () => {
    assert.deepEqual(summaryOf({ ...source, rerank: null }, []).warnings, [
      "rerank stage enabled (source=default) but no rerank run was exported; pass it to exportCollection.",
    ]);
    assert.match(
      summaryOf(source, [], { toggles: toggles(true, false) }).warnings?.[0] ?? "",
      /sparse stage disabled \(source=env\) but sparse run sparse-/,
    );
  });

  it("holds neither query text nor chunk text", () => {
    const text = JSON.stringify(summaryOf(source, [], { fused: fused() }));
    for (const secret of [QUERY, ...TEXTS]) assert.equal(text.includes(JSON.stringify(secret).slice(1, 20)), false);
    assert.match(text, new RegExp(`"query_length":${QUERY.length}`));
  });

  it("works for sparse vectors alone", () => {
    const summary = summaryOf({ ...source, dense: null }, []);
    assert.deepEqual([summary.dense_run, summary.ensemble_state], [undefined, undefined]);
    assert.equal(parseSummary(JSON.parse(JSON.stringify(summary))).ok, true);
  });

  it("is read back by the tolerant reader", () => {
    const view = readSummary(JSON.parse(JSON.stringify(summaryOf(source, []))));
    assert.deepEqual(
      [view.schemaVersion, view.collection, view.chunkCount, view.dense?.seconds, view.dense?.dimension],
      ["v4.1", "test corpus", 40, 2.5, 16],
    );
    assert.deepEqual(
      [view.sparse?.coverage, view.rerank?.model, view.rerank?.candidateIds.length, view.toggles.enableSparse],
      [1, "cross", 3, true],
    );
  });
});
