import assert from "node:assert/strict";
import { test } from "node:test";
import type { EncoderOptions, TokenBatch } from "../../dist/runtime/types.js";
import { between, normals, seeded } from "./lib/random.ts";
import { batchOf, openBytes, tableOnnx } from "./lib/table-model.ts";

const DIM = 24;
const VOCABULARY = 50;
const TOLERANCE = 1e-6;

/** What the formulas say, in float64, one token after another. */
function reference(
  table: Float32Array,
  batch: TokenBatch,
  pooling: EncoderOptions["pooling"],
  normalize: boolean,
): Float64Array {
  const out = new Float64Array(batch.rows * DIM);
  for (let row = 0; row < batch.rows; row++) {
    const real = Array.from({ length: batch.length }, (_, i) => row * batch.length + i).filter(
      (at) => batch.mask[at] === 1,
    );
    const state = (at: number, d: number) => table[(batch.ids[at] as number) * DIM + d] as number;
    const vector = Array.from({ length: DIM }, (_, d) => {
      if (pooling === "mean") return real.reduce((sum, at) => sum + state(at, d), 0) / real.length;
      if (pooling === "cls") return state(row * batch.length, d);
      if (pooling === "last_token") return state(real.at(-1) as number, d);
      return Math.max(...real.map((at) => Math.log1p(Math.max(0, state(at, d)))));
    });
    const length = normalize ? Math.hypot(...vector) : 1;
    out.set(
      vector.map((x) => x / length),
      row * DIM,
    );
  }
  return out;
}

/** Rows of random ids; each row's mask is a run of ones that begins at 0 or, with `anywhere`, at any place. */
function randomBatch(next: () => number, anywhere: boolean): TokenBatch {
  const rows = 7;
  const length = 13;
  const ids = Int32Array.from({ length: rows * length }, () => between(next, 0, VOCABULARY - 1));
  const mask = new Uint8Array(rows * length);
  for (let row = 0; row < rows; row++) {
    const from = anywhere ? between(next, 0, length - 1) : 0;
    mask.fill(1, row * length + from, row * length + between(next, from + 1, length));
  }
  return { rows, length, ids, mask, types: new Uint8Array(rows * length) };
}

for (const opset of [11, 12, 13, 17, 18, 21]) {
  test(`pooling in the graph equals its formula, operator set ${opset}`, async (t) => {
    const next = seeded(opset);
    const table = normals(next, VOCABULARY * DIM, 3);
    let worst = 0;
    for (const pooling of ["mean", "cls", "last_token"] as const) {
      for (const normalize of [false, true]) {
        const encoder = await openBytes(t, tableOnnx({ opset, table, dim: DIM, pooler: opset === 13 }), {
          pooling,
          normalize,
        });
        for (const anywhere of pooling === "cls" ? [false] : [false, true]) {
          const batch = randomBatch(next, anywhere);
          const { output } = await encoder.encode([batch]);
          assert.equal(output.kind, "dense");
          assert.ok(output.kind === "dense" && output.dim === DIM && output.data.length === batch.rows * DIM);
          const expected = reference(table, batch, pooling, normalize);
          output.data.forEach((value, i) => {
            worst = Math.max(worst, Math.abs(value - (expected[i] as number)));
          });
        }
        await encoder.close();
      }
    }
    t.diagnostic(`largest difference ${worst.toExponential(1)}`);
    assert.ok(worst <= TOLERANCE, `${worst}`);
  });

  test(`SPLADE in the graph equals its formula, operator set ${opset}`, async (t) => {
    const next = seeded(100 + opset);
    const table = normals(next, VOCABULARY * DIM, 3).map((x) => x - 2);
    const encoder = await openBytes(t, tableOnnx({ opset, table, dim: DIM, output: "logits" }), { pooling: "splade" });
    const batch = randomBatch(next, true);
    const { output } = await encoder.encode([batch]);
    assert.ok(output.kind === "sparse" && output.dim === DIM);
    const expected = reference(table, batch, "splade", false);
    const terms: number[] = [];
    for (let row = 0; row < batch.rows; row++) {
      const from = output.indptr[row] as number;
      const to = output.indptr[row + 1] as number;
      const nonZero = Array.from({ length: DIM }, (_, d) => d).filter((d) => (expected[row * DIM + d] as number) > 0);
      assert.deepEqual([...output.indices.subarray(from, to)], nonZero);
      for (let i = from; i < to; i++)
        terms.push(
          Math.abs((output.values[i] as number) - (expected[row * DIM + (output.indices[i] as number)] as number)),
        );
    }
    t.diagnostic(`${terms.length} terms, largest difference ${Math.max(...terms).toExponential(1)}`);
    assert.ok(terms.length > 20 && terms.length < batch.rows * DIM);
    assert.ok(Math.max(...terms) <= TOLERANCE);
  });
}

test("rows without a real token give zeros, not NaN", async (t) => {
  const table = normals(seeded(5), VOCABULARY * DIM, 1);
  const ids = new Int32Array(4).fill(3);
  const batch = { rows: 1, length: 4, ids, mask: new Uint8Array(4), types: new Uint8Array(4) };
  const mean = await openBytes(t, tableOnnx({ opset: 17, table, dim: DIM }), { pooling: "mean", normalize: true });
  const dense = (await mean.encode([batch])).output;
  assert.ok(dense.kind === "dense" && dense.data.every((x) => x === 0));
  const splade = await openBytes(t, tableOnnx({ opset: 17, table, dim: DIM, output: "logits" }), { pooling: "splade" });
  const sparse = (await splade.encode([batch])).output;
  assert.ok(sparse.kind === "sparse" && sparse.indices.length === 0);
});

test("a token whose logits are NaN reaches the caller from any place; a padded one does not", async (t) => {
  const table = normals(seeded(6), VOCABULARY * DIM, 1).fill(Number.NaN, 3 * DIM, 4 * DIM);
  const splade = await openBytes(t, tableOnnx({ opset: 17, table, dim: DIM, output: "logits" }), { pooling: "splade" });
  const broken = [
    [3, 7, 8],
    [7, 3, 8],
    [7, 8, 3],
  ];
  const { output } = await splade.encode([batchOf(broken)]);
  assert.ok(output.kind === "sparse");
  assert.deepEqual([...output.indptr], [0, DIM, 2 * DIM, 3 * DIM]);
  assert.ok(output.values.every(Number.isNaN));
  const padded = (await splade.encode([batchOf([[7, 8, 3]], [[1, 1, 0]])])).output;
  assert.ok(padded.kind === "sparse" && padded.values.length > 0 && padded.values.every(Number.isFinite));
});
