import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openEncoder } from "../../../dist/runtime/encoder.js";
import type { Encoder, EncoderOptions, TokenBatch } from "../../../dist/runtime/types.js";
import { type GraphValue, writeGraph } from "./onnx-writer.ts";

const FLOAT = 1;
const INT64 = 7;

const folders: string[] = [];

/** A temporary folder, removed when the process exits. */
export function scratch(): string {
  if (folders.length === 0) {
    process.once("exit", () => {
      for (const folder of folders) rmSync(folder, { recursive: true, force: true });
    });
  }
  const folder = mkdtempSync(join(tmpdir(), "rag-cells-runtime-"));
  folders.push(folder);
  return folder;
}

/** What a table model is made of. */
export interface TableModel {
  readonly opset: number;
  /** `[vocabulary, dim]`: the state of a token is its row. */
  readonly table: Float32Array;
  readonly dim: number;
  readonly output?: string;
  /** Inputs besides input_ids and attention_mask. */
  readonly extraInputs?: readonly GraphValue[];
  /** Adds a second output of two dimensions, as a pooler does. */
  readonly pooler?: boolean;
}

/** A graph whose token states are known exactly: `output = table[input_ids]`. */
export function tableOnnx({
  opset,
  table,
  dim,
  output = "last_hidden_state",
  extraInputs = [],
  pooler = false,
}: TableModel): Buffer {
  const graph = writeGraph(opset);
  graph.op("Gather", [graph.weight("table", [table.length / dim, dim], table), "input_ids"], {}, output);
  const outputs: GraphValue[] = [[output, FLOAT, ["batch", "length", dim]]];
  if (pooler) {
    const first = graph.op("Gather", [output, graph.weight("first", [], BigInt64Array.of(0n))], { axis: 1 });
    graph.op("Tanh", [first], {}, "pooler_output");
    outputs.unshift(["pooler_output", FLOAT, ["batch", dim]]);
  }
  const input = (name: string): GraphValue => [name, INT64, ["batch", "length"]];
  return graph.bytes([input("input_ids"), input("attention_mask"), ...extraInputs], outputs);
}

/** Options for a model that was just written to a file. */
export function optionsFor(onnxFile: string, more: Partial<EncoderOptions> = {}): EncoderOptions {
  return {
    model: "test-model",
    onnxFile,
    externalData: [],
    pooling: "mean",
    normalize: false,
    threads: 1,
    provider: { kind: "cpu" },
    ...more,
  };
}

/** Writes a model into a folder of its own and opens it; the test's end closes it. */
export async function openBytes(
  t: { after(fn: () => unknown): void },
  bytes: Uint8Array,
  more: Partial<EncoderOptions> = {},
  signal?: AbortSignal,
): Promise<Encoder> {
  const file = join(scratch(), "model.onnx");
  writeFileSync(file, bytes);
  const encoder = await openEncoder(optionsFor(file, more), signal);
  t.after(() => encoder.close());
  return encoder;
}

/** A batch of `[rows, length]` from plain lists; a mask may be given, else all tokens are real. */
export function batchOf(ids: readonly (readonly number[])[], mask?: readonly (readonly number[])[]): TokenBatch {
  const length = ids[0]?.length ?? 0;
  const flat = ids.flat();
  return {
    rows: ids.length,
    length,
    ids: Int32Array.from(flat),
    mask: mask ? Uint8Array.from(mask.flat()) : new Uint8Array(flat.length).fill(1),
    types: new Uint8Array(flat.length),
  };
}
