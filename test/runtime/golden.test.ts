import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { planBatches, rowsWithin } from "../../dist/core/batches.js";
import { sha256 } from "../../dist/core/hash.js";
import { openEncoder } from "../../dist/runtime/encoder.js";
import { loadTokenizer, padBatch, type Tokenizer } from "../../dist/runtime/tokenizer.js";
import type { DenseBatch, Encoder, EncoderOptions, SparseBatch, TokenizedText } from "../../dist/runtime/types.js";
import { root, sampleModels } from "../lib/sample.ts";

/** What `test/models/make_golden.py` wrote from sentence-transformers and transformers. */
interface Golden<Item> {
  readonly model: string;
  readonly onnx_sha256: string;
  readonly tolerance: number;
  readonly max_tokens: number;
  readonly versions: Readonly<Record<string, string>>;
  readonly items: readonly (Item & {
    readonly name: string;
    readonly ids: readonly number[];
    readonly tokens_before_truncation: number;
  })[];
}

interface Opened<Item> extends Golden<Item> {
  readonly tokenizer: Tokenizer;
  readonly encoder: Encoder;
}

async function open<Item>(
  t: { after(fn: () => unknown): void; diagnostic(text: string): void },
  file: string,
  how: Pick<EncoderOptions, "pooling" | "normalize">,
): Promise<Opened<Item>> {
  const golden = JSON.parse(readFileSync(join(root, "test/golden", file), "utf8")) as Golden<Item>;
  const folder = join(sampleModels, golden.model);
  const onnxFile = join(folder, "onnx/model.onnx");
  assert.equal(
    sha256(readFileSync(onnxFile)),
    golden.onnx_sha256,
    `${file} was made from other weights; run test/models/make_golden.py`,
  );
  assert.ok(golden.items.length >= 20);
  const tokenizer = await loadTokenizer(join(folder, "tokenizer.json"), join(folder, "tokenizer_config.json"));
  const encoder = await openEncoder({
    model: golden.model,
    onnxFile,
    externalData: [],
    threads: 2,
    provider: { kind: "cpu" },
    ...how,
  });
  t.after(() => encoder.close());
  t.diagnostic(
    Object.entries(golden.versions)
      .map(([name, version]) => `${name} ${version}`)
      .join(", "),
  );
  return { ...golden, tokenizer, encoder };
}

function sameIds(text: TokenizedText, item: Golden<unknown>["items"][number]): void {
  assert.deepEqual([...text.ids], item.ids, item.name);
  assert.equal(text.ids.length + text.lost, item.tokens_before_truncation, item.name);
}

/** The output of every text, alone and in padded batches of unlike length: padding must not matter. */
async function everyWay<Output>(
  { encoder, tokenizer }: Opened<unknown>,
  texts: readonly TokenizedText[],
  row: (output: DenseBatch | SparseBatch, index: number) => Output,
): Promise<Output[][]> {
  const ways: Output[][] = [];
  const lengths = texts.map(({ ids }) => ids.length);
  for (const plan of [
    planBatches(lengths, rowsWithin(1)),
    planBatches(lengths, rowsWithin(1024)),
    { batches: [{ rows: texts.map((_, i) => i) }] },
  ]) {
    const outputs: Output[] = [];
    for (const { rows } of plan.batches) {
      const { output } = await encoder.encode([
        padBatch(
          rows.map((i) => texts[i] as TokenizedText),
          tokenizer.padId,
        ),
      ]);
      rows.forEach((i, at) => {
        outputs[i] = row(output, at);
      });
    }
    ways.push(outputs);
  }
  return ways;
}

function worstOf(ours: ArrayLike<number>, theirs: readonly number[]): number {
  assert.equal(ours.length, theirs.length);
  return theirs.reduce((worst, value, i) => Math.max(worst, Math.abs(value - (ours[i] as number))), 0);
}

test("dense vectors are those of sentence-transformers", async (t) => {
  const golden = await open<{ text: string; vector: readonly number[] }>(t, "dense.json", {
    pooling: "mean",
    normalize: true,
  });
  const texts = golden.items.map((item) => {
    const text = golden.tokenizer.encode(item.text, golden.max_tokens);
    sameIds(text, item);
    assert.equal(golden.tokenizer.count(item.text), item.tokens_before_truncation);
    return text;
  });
  const ways = await everyWay(golden, texts, (output, i) => {
    assert.ok(output.kind === "dense");
    return output.data.slice(i * output.dim, (i + 1) * output.dim);
  });
  const worst = Math.max(
    ...ways.flatMap((rows) => golden.items.map((item, i) => worstOf(rows[i] as Float32Array, item.vector))),
  );
  t.diagnostic(`largest difference ${worst.toExponential(1)}`);
  assert.ok(worst <= golden.tolerance && golden.tolerance <= 1e-5, `${worst}`);
});

test("sparse vectors are those of transformers and SPLADE's formula", async (t) => {
  const golden = await open<{ text: string; indices: readonly number[]; values: readonly number[] }>(t, "splade.json", {
    pooling: "splade",
    normalize: false,
  });
  const texts = golden.items.map((item) => {
    const text = golden.tokenizer.encode(item.text, golden.max_tokens);
    sameIds(text, item);
    return text;
  });
  const ways = await everyWay(golden, texts, (output, i) => {
    assert.ok(output.kind === "sparse");
    const weights = new Float32Array(output.dim);
    for (let at = output.indptr[i] as number; at < (output.indptr[i + 1] as number); at++)
      weights[output.indices[at] as number] = output.values[at] as number;
    return weights;
  });
  let worst = 0;
  for (const rows of ways) {
    golden.items.forEach((item, i) => {
      const theirs = Array<number>((rows[i] as Float32Array).length).fill(0);
      item.indices.forEach((index, at) => {
        theirs[index] = item.values[at] as number;
      });
      worst = Math.max(worst, worstOf(rows[i] as Float32Array, theirs));
    });
  }
  t.diagnostic(`largest difference ${worst.toExponential(1)}`);
  assert.ok(worst <= golden.tolerance && golden.tolerance <= 1e-5, `${worst}`);
});

test("logits are those of transformers", async (t) => {
  const golden = await open<{ query: string; passage: string; type_ids: readonly number[]; logit: number }>(
    t,
    "rerank.json",
    { pooling: "none", normalize: false },
  );
  const texts = golden.items.map((item) => {
    const text = golden.tokenizer.encodePair(item.query, item.passage, golden.max_tokens);
    sameIds(text, item);
    assert.deepEqual([...(text.types ?? new Uint8Array(text.ids.length))], item.type_ids, item.name);
    return text;
  });
  const ways = await everyWay(golden, texts, (output, i) => {
    assert.ok(output.kind === "dense" && output.dim === 1);
    return output.data[i] as number;
  });
  const worst = Math.max(
    ...ways.map((logits) =>
      worstOf(
        logits,
        golden.items.map(({ logit }) => logit),
      ),
    ),
  );
  t.diagnostic(`largest difference ${worst.toExponential(1)}`);
  assert.ok(worst <= golden.tolerance && golden.tolerance <= 1e-4, `${worst}`);
});
