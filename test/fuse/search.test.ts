import assert from "node:assert/strict";
import { test } from "node:test";
import { RagError } from "../../dist/core/errors.js";
import { dot, type Matrix, rowOf } from "../../dist/core/matrix.js";
import { type SparseMatrix, sparseRow, stackSparse } from "../../dist/core/sparse-matrix.js";
import { byScore, type Scored } from "../../dist/core/top-k.js";
import { matrixSource, searchDense } from "../../dist/fuse/search-dense.js";
import { searchSparse } from "../../dist/fuse/search-sparse.js";
import { random } from "../lib/random.ts";

function dense(rows: number, dim: number, seed: number): Matrix {
  const next = random(seed);
  // Eighths: sums are exact and ties many.
  return { data: Float32Array.from({ length: rows * dim }, () => Math.floor(next() * 17 - 8) / 8), rows, dim };
}

function sparse(rows: number, vocabulary: number, seed: number): SparseMatrix {
  const next = random(seed);
  const vectors = Array.from({ length: rows }, () => {
    const indices = Uint32Array.from(
      new Set(Array.from({ length: Math.floor(next() * 12) }, () => Math.floor(next() * vocabulary))),
    ).sort();
    return { indices, values: Float32Array.from(indices, () => Math.ceil(next() * 8) / 8) };
  });
  return stackSparse(vectors, "test");
}

const bruteDense = (matrix: Matrix, query: Float32Array, k: number): Scored[] =>
  Array.from({ length: matrix.rows }, (_, row) => ({ row, score: dot(rowOf(matrix, row), query) }))
    .sort(byScore)
    .slice(0, k);

function bruteSparse(matrix: SparseMatrix, queries: SparseMatrix, q: number, k: number): Scored[] {
  const query = sparseRow(queries, q);
  return Array.from({ length: matrix.rows }, (_, row) => {
    const { indices, values } = sparseRow(matrix, row);
    const score = query.indices.reduce(
      (sum, term, i) => sum + (query.values[i] as number) * (values[indices.indexOf(term)] ?? 0),
      0,
    );
    return { row, score };
  })
    .filter(({ score }) => score > 0)
    .sort(byScore)
    .slice(0, k);
}

const failsWith = (code: string) => (error: unknown) => error instanceof RagError && error.code === code;

test("dense search is the sorted list of all inner products, over block borders and ties", async () => {
  for (const [rows, dim, k] of [
    [5003, 512, 10],
    [7, 3, 5],
    [4, 2, 100],
    [64, 4096, 3],
  ] as const) {
    const matrix = dense(rows, dim, rows);
    const queries = dense(6, dim, 99);
    const found = await searchDense(matrixSource(matrix), queries, k);
    assert.deepEqual(
      found,
      Array.from({ length: 6 }, (_, q) => bruteDense(matrix, rowOf(queries, q), k)),
    );
  }
});

test("a query finds the same alone and among others, to the last bit", async () => {
  const next = random(5);
  const any = (rows: number): Matrix => ({
    data: Float32Array.from({ length: rows * 96 }, () => next() - 0.5),
    rows,
    dim: 96,
  });
  const matrix = any(1001);
  const queries = any(5);
  const together = await searchDense(matrixSource(matrix), queries, 20);
  for (let q = 0; q < 5; q++) {
    const alone = await searchDense(matrixSource(matrix), { data: rowOf(queries, q), rows: 1, dim: 96 }, 20);
    assert.deepEqual(alone[0], together[q]);
    assert.deepEqual(alone[0], bruteDense(matrix, rowOf(queries, q), 20));
  }
});

test("equal rows come in their order", async () => {
  const matrix: Matrix = { data: new Float32Array(3000 * 512).fill(0.5), rows: 3000, dim: 512 };
  const [found] = await searchDense(
    matrixSource(matrix),
    { data: new Float32Array(512).fill(1), rows: 1, dim: 512 },
    5,
  );
  assert.deepEqual(
    found?.map(({ row }) => row),
    [0, 1, 2, 3, 4],
  );
});

test("no rows and no queries find nothing", async () => {
  const none: Matrix = { data: new Float32Array(0), rows: 0, dim: 4 };
  assert.deepEqual(await searchDense(matrixSource(none), dense(2, 4, 1), 3), [[], []]);
  assert.deepEqual(await searchDense(matrixSource(dense(2, 4, 1)), none, 3), []);
});

test("a damaged vector is an error that names its row, wherever it would have ranked", async () => {
  for (const bad of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
    const matrix = dense(3000, 512, 3);
    matrix.data[2500 * 512 + 7] = bad;
    const queries: Matrix = { data: new Float32Array(512).fill(1), rows: 1, dim: 512 };
    await assert.rejects(
      searchDense(matrixSource(matrix), queries, 3),
      (error: RagError) => error.code === "non_finite_score" && error.message.includes("2500"),
    );
  }
});

test("wrong dimensions and counts are refused", async () => {
  const source = matrixSource(dense(4, 8, 1));
  await assert.rejects(searchDense(source, dense(1, 4, 1), 3), failsWith("dimension_mismatch"));
  for (const k of [0, -1, 1.5, Number.NaN])
    await assert.rejects(searchDense(source, dense(1, 8, 1), k), failsWith("bad_k"));
});

test("sparse search is the sorted list of all inner products above 0", async () => {
  const matrix = sparse(2000, 300, 1);
  const queries = sparse(40, 400, 2);
  for (const k of [1, 10, 5000]) {
    const found = await searchSparse(matrix, queries, k);
    assert.deepEqual(
      found,
      Array.from({ length: 40 }, (_, q) => bruteSparse(matrix, queries, q, k)),
    );
  }
});

test("a query without terms, or with unknown ones, finds nothing", async () => {
  const matrix = sparse(50, 20, 3);
  const empty = { indices: new Uint32Array(0), values: new Float32Array(0) };
  const unknown = { indices: Uint32Array.of(19_999), values: Float32Array.of(1) };
  assert.deepEqual(await searchSparse(matrix, stackSparse([empty, unknown], "test"), 5), [[], []]);
  assert.deepEqual(await searchSparse(matrix, stackSparse([], "test"), 5), []);
});

test("two spaces are never mixed", async () => {
  const matrix = sparse(5, 20, 1);
  await assert.rejects(
    searchSparse(matrix, { ...matrix, space: "other" }, 3),
    (error: RagError) =>
      error.code === "space_mismatch" && error.message.includes("other") && error.message.includes("test"),
  );
  await assert.rejects(searchSparse(matrix, matrix, 0), failsWith("bad_k"));
});

test("long searches leave the event loop its turns, and stop", async () => {
  const matrix = dense(20_000, 256, 4);
  const queries = dense(40, 256, 5);
  let ticks = 0;
  const timer = setInterval(() => ticks++, 5);
  const start = performance.now();
  await searchDense(matrixSource(matrix), queries, 10);
  const milliseconds = performance.now() - start;
  clearInterval(timer);
  // A search that held the event loop would have left no tick at all.
  assert.ok(ticks >= Math.floor(milliseconds / 100), `${ticks} ticks in ${milliseconds.toFixed(0)} ms`);

  const stop = new AbortController();
  setTimeout(() => stop.abort(new Error("stopped by hand")), 10);
  await assert.rejects(searchDense(matrixSource(matrix), dense(4000, 256, 6), 10, stop.signal), /stopped by hand/);
  const many = sparse(3000, 100, 8);
  await assert.rejects(
    searchSparse(many, sparse(3000, 100, 9), 10, AbortSignal.abort(new Error("stopped before"))),
    /stopped before/,
  );
});
