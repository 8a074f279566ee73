import { planBatches, rowsWithin } from "../../../dist/core/batches.js";
import { openEncoder } from "../../../dist/runtime/encoder.js";
import { loadTokenizer, padBatch } from "../../../dist/runtime/tokenizer.js";
import type { TokenBatch } from "../../../dist/runtime/types.js";
import type { Contestant } from "./contestant.ts";
import { type DenseBench, MAX_TOKENS } from "./dense-model.ts";

/** Our way, and what it knows of its last run. */
export interface Ours extends Contestant {
  /** Vectors in the order of the texts, `[texts, dim]`. */
  vectors(): Float32Array;
  /** The batches as they are sent. */
  batches(): TokenBatch[];
  /** Peak of the inference process's resident set, in bytes. */
  peakBytes(): number;
  readonly loadSeconds: number;
}

/** As the dense pass does it: lengths first, then batches by token budget, each tokenised when it is due, order restored. */
export async function ours(bench: DenseBench, threads: number, tokenBudget: number, name = "rag-cells"): Promise<Ours> {
  const { texts } = bench;
  const tokenizer = await loadTokenizer(bench.tokenizerFile, bench.configFile);
  const encoder = await openEncoder({
    model: "bench",
    onnxFile: bench.onnxFile,
    externalData: [],
    pooling: "mean",
    normalize: true,
    threads,
    provider: { kind: "cpu" },
  });
  const tokens = (row: number) => tokenizer.encode(texts[row] as string, MAX_TOKENS);
  const plan = () =>
    planBatches(
      texts.map((_, row) => tokens(row).ids.length),
      rowsWithin(tokenBudget),
    );
  const batchOf = (rows: readonly number[]) => padBatch(rows.map(tokens), tokenizer.padId);
  let vectors = new Float32Array();
  let peak = 0;
  return {
    name,
    loadSeconds: encoder.loadSeconds,
    async run() {
      const start = performance.now();
      const { batches } = plan();
      let all = new Float32Array();
      let next = batchOf(batches[0]?.rows ?? []);
      for (let i = 0; i < batches.length; i++) {
        const running = encoder.encode([next]);
        if (i + 1 < batches.length) next = batchOf(batches[i + 1]?.rows ?? []);
        const { output, report } = await running;
        if (output.kind !== "dense") throw new Error("not dense");
        if (all.length === 0) all = new Float32Array(texts.length * output.dim);
        for (const [at, row] of (batches[i]?.rows ?? []).entries()) {
          all.set(output.data.subarray(at * output.dim, (at + 1) * output.dim), row * output.dim);
        }
        peak = report.peakRssBytes;
      }
      vectors = all;
      return (performance.now() - start) / 1000;
    },
    vectors: () => vectors,
    batches: () => plan().batches.map(({ rows }) => batchOf(rows)),
    peakBytes: () => peak,
    close: () => encoder.close(),
  };
}
