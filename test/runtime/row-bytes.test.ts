import assert from "node:assert/strict";
import { test } from "node:test";
import { joinRows, packOutput, splitRows, unpackDense, unpackSparse } from "../../dist/runtime/row-bytes.js";

test("dense rows stand alone and come together again", () => {
  const data = Float32Array.from([1, -2, 0.5, Number.MAX_VALUE, 1e-40, -0]);
  const packed = packOutput({ kind: "dense", data, dim: 2 });
  const rows = splitRows(packed, "dense", 3);
  assert.deepEqual(
    rows.map((row) => [...unpackDense(row)]),
    [
      [1, -2],
      [0.5, Number.POSITIVE_INFINITY],
      [data[4], -0],
    ],
  );
  assert.deepEqual(Buffer.from(joinRows(rows, "dense")), Buffer.from(packed));
});

test("sparse rows of any number of terms, none among them, and in another order", () => {
  const output = {
    kind: "sparse",
    indptr: Uint32Array.from([0, 2, 2, 5]),
    indices: Uint32Array.from([3, 9, 0, 1, 4_000_000_000]),
    values: Float32Array.from([0.5, 1.5, 2.5, 3.5, 4.5]),
    dim: 30_522,
  } as const;
  const packed = packOutput(output);
  const rows = splitRows(packed, "sparse", 3);
  assert.deepEqual(
    rows.map((row) => row.byteLength),
    [16, 0, 24],
  );
  assert.deepEqual(Buffer.from(joinRows(rows, "sparse")), Buffer.from(packed));
  const [a, b, c] = rows as [Uint8Array, Uint8Array, Uint8Array];
  const turned = unpackSparse(joinRows([c, a, b], "sparse"), 3);
  assert.deepEqual([...turned.indptr], [0, 3, 5, 5]);
  assert.deepEqual([...turned.indices], [0, 1, 4_000_000_000, 3, 9]);
  assert.deepEqual([...turned.values], [2.5, 3.5, 4.5, 0.5, 1.5]);
});

test("no row at all", () => {
  const packed = packOutput({
    kind: "sparse",
    indptr: new Uint32Array(1),
    indices: new Uint32Array(),
    values: new Float32Array(),
    dim: 9,
  });
  assert.deepEqual(splitRows(packed, "sparse", 0), []);
  assert.deepEqual(Buffer.from(joinRows([], "sparse")), Buffer.from(packed));
});
