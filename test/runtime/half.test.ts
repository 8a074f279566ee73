import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { openEncoder } from "../../dist/runtime/encoder.js";
import { bertOnnx } from "./lib/bert.ts";
import { batchOf, optionsFor, scratch } from "./lib/table-model.ts";

const shape = { layers: 2, hidden: 64, heads: 4, intermediate: 128, vocabulary: 100, positions: 64 };

test("an fp16 file on the CPU gives the vectors of the fp32 file, cosine above 1 - 1e-3", async () => {
  const folder = scratch();
  const vectors = async (half: boolean) => {
    const file = join(folder, `${half}.onnx`);
    writeFileSync(file, bertOnnx({ ...shape, opset: 14, half }));
    const encoder = await openEncoder(optionsFor(file, { pooling: "mean", normalize: true }));
    const { output } = await encoder.encode([
      batchOf([
        [1, 2, 3],
        [5, 6, 4],
        [7, 8, 9],
      ]),
    ]);
    await encoder.close();
    assert.ok(output.kind === "dense");
    return output;
  };
  const [full, half] = [await vectors(false), await vectors(true)];
  assert.notDeepEqual(half.data, full.data, "the weights do differ");
  for (let row = 0; row < 3; row++) {
    const [a, b] = [full, half].map(({ data, dim }) => data.subarray(row * dim, (row + 1) * dim)) as [
      Float32Array,
      Float32Array,
    ];
    const cosine = a.reduce((sum, value, i) => sum + value * (b[i] as number), 0);
    assert.ok(cosine > 1 - 1e-3, `row ${row}: ${cosine}`);
  }
});
