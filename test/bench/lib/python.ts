import { spawn, spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { Contestant } from "./contestant.ts";
import { type DenseBench, MAX_TOKENS } from "./dense-model.ts";

/** sentence-transformers, and how fast this machine multiplies. */
export interface PythonContestant extends Contestant {
  /** GFLOP/s of torch's largest float32 products, one figure a run. */
  products(): readonly number[];
}

const python = process.env.RAG_CELLS_PYTHON ?? "python3";

/** The bench's model with int8 weights, as onnxruntime's own tool makes them; or why there is none. */
export function int8File(bench: DenseBench): { readonly file: string } | string {
  const file = join(bench.folder, "onnx/model_quantized.onnx");
  const script = `import sys; from onnxruntime.quantization import QuantType, quantize_dynamic; quantize_dynamic(sys.argv[1], sys.argv[2], weight_type=QuantType.QInt8)`;
  const made = spawnSync(python, ["-c", script, bench.onnxFile, file], { encoding: "utf8" });
  return made.status === 0 ? { file } : `${python} can't import onnxruntime.quantization and onnx`;
}

/** sentence-transformers, or why it can't take part. */
export async function pythonContestant(bench: DenseBench, threads: number): Promise<PythonContestant | string> {
  const probe = spawnSync(python, ["-c", "import sentence_transformers, torch"], { encoding: "utf8" });
  if (probe.status !== 0)
    return `${python} can't import sentence_transformers and torch; set RAG_CELLS_PYTHON to one that can`;
  const textsFile = join(bench.folder, "texts.json");
  writeFileSync(textsFile, JSON.stringify(bench.texts));
  const script = fileURLToPath(new URL("./sentence_transformers_bench.py", import.meta.url));
  const child = spawn(python, [script, bench.folder, textsFile, String(threads), String(MAX_TOKENS)], {
    stdio: ["pipe", "pipe", "inherit"],
    env: { ...process.env, OMP_NUM_THREADS: String(threads), HF_HUB_OFFLINE: "1", TOKENIZERS_PARALLELISM: "false" },
  });
  const gone = new Promise((resolve) => child.once("exit", resolve));
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const line = async () => {
    const { value, done } = await lines.next();
    if (done) throw new Error(`${python} ended before it answered`);
    return value as string;
  };
  while ((await line()) !== "ready");
  const products: number[] = [];
  return {
    name: "sentence-transformers",
    products: () => products,
    async run() {
      child.stdin.write("run\n");
      const [seconds, gflops] = (await line()).split(" ").map(Number) as [number, number];
      products.push(gflops);
      return seconds;
    },
    async close() {
      child.stdin.end();
      await gone;
    },
  };
}
