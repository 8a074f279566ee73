import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { lacking, python } from "../lib/python.ts";
import { exportTo, makeSource } from "./corpus.ts";

const script = fileURLToPath(new URL("../python/read_exports.py", import.meta.url));
const ROWS = 230;

describe("an export read by NumPy, FAISS and Qdrant", { skip: lacking("numpy", "faiss", "qdrant_client") }, () => {
  let dir = "";
  let found: {
    arrays: Record<string, { shape: number[]; dtype: string; same_bytes: boolean; furthest_from_1: number }>;
    index: Record<string, unknown> & { score_difference: number };
    points: { count: number; texts_equal: boolean; dense: Record<string, boolean>; sparse: Record<string, boolean> };
  };
  before(async () => {
    dir = await mkdtemp(join(tmpdir(), "rag-foreign-"));
    const source = await makeSource(join(dir, "runs"), { rows: ROWS, dim: 24, several: true });
    await exportTo(join(dir, "out"), source);
    found = JSON.parse(execFileSync(python, [script, join(dir, "out")], { encoding: "utf8", maxBuffer: 1 << 26 }));
  });
  after(() => rm(dir, { recursive: true, force: true }));

  it("NumPy reads every array and would have written the same bytes", () => {
    assert.deepEqual(Object.keys(found.arrays), ["fused", "model-a", "org_model_b"]);
    for (const [name, { shape, dtype, same_bytes, furthest_from_1 }] of Object.entries(found.arrays)) {
      assert.deepEqual([shape, dtype, same_bytes], [[ROWS, name === "fused" ? 48 : 24], "float32", true], name);
      assert.ok(furthest_from_1 < 1e-6, name);
    }
  });

  it("FAISS reads and searches the index and would have written the same bytes", () => {
    const { score_difference, ...index } = found.index;
    assert.deepEqual(index, {
      type: "IndexFlatIP",
      rows: ROWS,
      dim: 48,
      same_bytes: true,
      same_rows: true,
      neighbours_equal: true,
    });
    assert.ok(score_difference < 1e-5);
  });

  it("Qdrant takes the configuration and every point, and finds the same by every vector", () => {
    assert.deepEqual(found.points, {
      count: ROWS,
      texts_equal: true,
      dense: { fused: true, "model-a": true, org_model_b: true },
      sparse: { "model-a-sparse": true, bm25: true },
    });
  });
});
