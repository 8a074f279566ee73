import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { openEncoder } from "../../dist/runtime/encoder.js";
import { inspectOnnx } from "../../dist/runtime/onnx-file.js";
import { node } from "../../dist/runtime/onnx-nodes.js";
import { field } from "../../dist/runtime/protobuf.js";
import type { EncoderOptions } from "../../dist/runtime/types.js";
import { bertOnnx } from "./lib/bert.ts";
import { externalOnnx } from "./lib/external.ts";
import { normals, seeded } from "./lib/random.ts";
import { batchOf, optionsFor, scratch, tableOnnx } from "./lib/table-model.ts";

const DIM = 4;
const table = normals(seeded(2), 10 * DIM, 1);
const good = tableOnnx({ opset: 17, table, dim: DIM });

async function refusal(bytes: Uint8Array | null, more: Partial<EncoderOptions> = {}): Promise<string> {
  const file = join(scratch(), "model.onnx");
  if (bytes) writeFileSync(file, bytes);
  const error: unknown = await openEncoder(optionsFor(file, more)).catch((e: unknown) => e);
  assert.ok(error instanceof Error && "code" in error && error.code === "model_not_loaded", String(error));
  assert.match(error.message, /"test-model"/);
  return error.message;
}

test("files that are no model", async () => {
  assert.match(await refusal(null), /ENOENT/);
  assert.match(await refusal(new Uint8Array()), /no graph/);
  assert.match(await refusal(Buffer.from("<!doctype html><p>404</p>")), /bytes long|wire type|no graph|no field/);
  assert.match(await refusal(good.subarray(0, good.length - 10)), /past the end/);
  assert.match(
    await refusal(Buffer.from("version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 90\n")),
    /./,
  );
});

test("every cut of a model is refused or read, never a crash of the reader", () => {
  let refused = 0;
  for (let end = 0; end < good.length; end++) {
    try {
      inspectOnnx(good.subarray(0, end));
    } catch (error) {
      assert.ok(error instanceof RangeError, String(error));
      refused++;
    }
  }
  assert.equal(refused, good.length);
});

test("flipped bytes are refused or read, never a crash or a hang of the reader", () => {
  const next = seeded(9);
  for (let round = 0; round < 5000; round++) {
    const bytes = Uint8Array.from(good);
    for (let flips = 0; flips < 3; flips++) bytes[Math.floor(next() * bytes.length)] = Math.floor(next() * 256);
    try {
      inspectOnnx(bytes);
    } catch (error) {
      assert.ok(error instanceof RangeError, String(error));
    }
  }
});

test("graphs that a text encoder can't use are named", async () => {
  const extra = ["past_key", 1, ["batch", 2]] as const;
  assert.match(
    await refusal(tableOnnx({ opset: 17, table, dim: DIM, extraInputs: [extra] })),
    /"past_key\\" \(float32\)|past_key/,
  );
  assert.match(await refusal(tableOnnx({ opset: 9, table, dim: DIM })), /operator set is 9 and pooling needs 11/);
  const pair = bertOnnx({ layers: 1, hidden: 8, heads: 2, intermediate: 8, vocabulary: 9, positions: 9, head: "pair" });
  assert.match(await refusal(pair), /last_hidden_state or token_embeddings.*logits.*2 dimensions/);
});

test("onnxruntime's own words come through", async () => {
  const unknownOperator = Buffer.concat([good, field(7, [node("NoSuchOperator", ["input_ids"], ["nowhere"])])]);
  assert.match(await refusal(unknownOperator), /NoSuchOperator/);
});

test("external data is read from the path that the caller gives, whatever the working folder", async () => {
  const folder = scratch();
  const data = join(folder, "somewhere-else.bin");
  writeFileSync(data, new Uint8Array(table.buffer));
  writeFileSync(join(folder, "model.onnx"), externalOnnx("weights/model.onnx_data", DIM));
  const options = optionsFor(join(folder, "model.onnx"), {
    externalData: [{ name: "weights/model.onnx_data", path: data }],
    pooling: "cls",
  });
  const encoder = await openEncoder(options);
  const { output } = await encoder.encode([batchOf([[7]])]);
  assert.ok(output.kind === "dense");
  assert.deepEqual(output.data, table.slice(7 * DIM, 8 * DIM));
  await encoder.close();
});

test("external data outside the model's folder, or not declared, is refused before a session is made", async () => {
  const names = ["../secret", "/etc/passwd", "a/../../b", "a\\b", "C:b", "./x", "a//b", "", "*/_ORT_MEM_ADDR_/*"];
  for (const name of names) {
    assert.match(await refusal(externalOnnx(name, DIM)), /only a file below the model's folder/, name);
    assert.match(
      await refusal(externalOnnx(name, DIM), { externalData: [{ name, path: "/etc/passwd" }] }),
      /only a file below/,
      name,
    );
  }
  assert.match(await refusal(externalOnnx("model.onnx_data", DIM)), /not among the model's files/);
  const short = join(scratch(), "short");
  writeFileSync(short, "abc");
  await refusal(externalOnnx("model.onnx_data", DIM), { externalData: [{ name: "model.onnx_data", path: short }] });
  const directory = join(scratch(), "folder");
  mkdirSync(directory);
  assert.match(
    await refusal(externalOnnx("model.onnx_data", DIM), {
      externalData: [{ name: "model.onnx_data", path: directory }],
    }),
    /no file|EISDIR/,
  );
});

test("external locations are found in subgraphs, attributes and functions", () => {
  const entry = field(13, [field(1, "location"), field(2, "../x")]);
  const nested = (depth: number): Uint8Array =>
    depth === 0
      ? field(1, [field(5, [field(1, "value"), field(5, [entry])])])
      : field(1, [field(5, [field(6, [nested(depth - 1)])])]);
  const withGraph = (part: Uint8Array) => Buffer.concat([good, part]);
  for (const depth of [0, 1, 5])
    assert.deepEqual(inspectOnnx(withGraph(field(7, [nested(depth)]))).externalLocations, ["../x"]);
  assert.deepEqual(inspectOnnx(withGraph(field(7, [field(15, [field(1, [entry])])]))).externalLocations, ["../x"]);
  assert.deepEqual(inspectOnnx(withGraph(field(25, [field(7, [field(5, [field(5, [entry])])])]))).externalLocations, [
    "../x",
  ]);
  assert.deepEqual(inspectOnnx(withGraph(field(25, [field(11, [field(5, [entry])])]))).externalLocations, ["../x"]);
  assert.deepEqual(inspectOnnx(withGraph(field(20, [field(2, [field(5, [entry])])]))).externalLocations, ["../x"]);
  assert.throws(() => inspectOnnx(withGraph(field(7, [nested(40)]))), /nested more than 32/);
});
