import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { InferenceSession } from "onnxruntime-node";
import { openEncoder } from "../../dist/runtime/encoder.js";
import { bertOnnx } from "./lib/bert.ts";
import { writeGraph } from "./lib/onnx-writer.ts";
import { normals, seeded } from "./lib/random.ts";
import { batchOf, optionsFor, scratch } from "./lib/table-model.ts";

const shape = { layers: 2, hidden: 64, heads: 4, intermediate: 128, vocabulary: 100, positions: 64 };

/** Three products, each with a norm without centring behind it, as T5 has them: in float16 version 1.26.0 breaks while it optimises them. */
function normedOnnx(half: boolean): Buffer {
  const graph = writeGraph(14, half);
  const next = seeded(5);
  const drawn = (name: string, dims: readonly number[], deviation: number) =>
    graph.weight(
      name,
      dims,
      normals(
        next,
        dims.reduce((a, b) => a * b, 1),
        deviation,
      ),
    );
  let x = graph.op("Gather", [drawn("words", [50, 16], 1), "input_ids"]);
  for (const i of [0, 1, 2]) {
    const product = graph.op("MatMul", [x, drawn(`weight${i}`, [16, 16], 0.5)]);
    const square = graph.over("ReduceMean", graph.op("Pow", [product, graph.scalar(2)]), [-1], 18, 1);
    const root = graph.op("Sqrt", [graph.op("Add", [square, graph.scalar(1e-5)])]);
    x = graph.op("Mul", [graph.op("Div", [product, root]), drawn(`gamma${i}`, [16], 1)]);
  }
  graph.op("Cast", [x], { to: 1 }, "last_hidden_state");
  return graph.bytes(
    ["input_ids", "attention_mask"].map((name) => [name, 7, ["batch", "length"]] as const),
    [["last_hidden_state", 1, ["batch", "length", 16]]],
  );
}

test("a file that the runtime breaks on while it optimises it is loaded one level lower, and gives the vectors of the fp32 file", async (t) => {
  const folder = scratch();
  // Where the processor's kernels take float16, no cast is put in between.
  if (process.arch !== "x64") return t.skip("the fault is that of x64");
  await assert.rejects(
    InferenceSession.create(normedOnnx(true), { graphOptimizationLevel: "all", logSeverityLevel: 4 }),
    /SimplifiedLayerNormFusion/,
    "the runtime is mended: nothing has to be loaded lower any more",
  );
  const vectors = async (half: boolean) => {
    const file = join(folder, `${half}.onnx`);
    writeFileSync(file, normedOnnx(half));
    const encoder = await openEncoder(optionsFor(file, { pooling: "mean", normalize: true }));
    const { output } = await encoder.encode([batchOf([[1, 2, 3]])]);
    await encoder.close();
    assert.ok(output.kind === "dense");
    return output.data;
  };
  const [full, half] = [await vectors(false), await vectors(true)];
  assert.notDeepEqual(half, full);
  assert.ok(full.reduce((sum, value, i) => sum + value * (half[i] as number), 0) > 1 - 1e-3);
});

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
