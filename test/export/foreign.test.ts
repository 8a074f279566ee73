import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { exportTo, makeSource } from "./corpus.ts";

const python = process.env.RAG_CELLS_PYTHON ?? "python3";
const script = fileURLToPath(new URL("../python/read_exports.py", import.meta.url));
const ROWS = 230;

/** Why the readers can't be asked, or false. */
function unable(): string | false {
  const { stdout, error, status, stderr } = spawnSync(python, [script, "--missing"], { encoding: "utf8" });
  if (error || status !== 0) return `${python} does not run: ${error?.message ?? stderr.trim()}`;
  const missing = JSON.parse(stdout) as string[];
  if (missing.length === 0) return false;
  return `${python} has no ${missing.join(", ")}; pip install -r test/python/requirements.txt, and name that Python in RAG_CELLS_PYTHON`;
}

describe("an export read by NumPy, FAISS and Qdrant", { skip: unable() }, () => {
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
