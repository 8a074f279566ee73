import { spawn, spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { Contestant } from "./contestant.ts";
import { type DenseBench, MAX_TOKENS } from "./dense-model.ts";

/** sentence-transformers, or why it can't take part. */
export async function pythonContestant(bench: DenseBench, threads: number): Promise<Contestant | string> {
  const python = process.env.RAG_CELLS_PYTHON ?? "python3";
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
  return {
    name: "sentence-transformers",
    async run() {
      child.stdin.write("run\n");
      return Number(await line());
    },
    async close() {
      child.stdin.end();
      await gone;
    },
  };
}
