import { spawn, spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { GpuModel } from "./gpu-model.ts";

/** What sentence-transformers took. */
export interface PythonFigures {
  /** By batch size. */
  readonly seconds: Readonly<Record<string, number>>;
  readonly peakBytes: number | null;
  readonly torch: string;
  readonly sentence_transformers: string;
}

const python = process.env.RAG_CELLS_PYTHON ?? "python3";

/** Why sentence-transformers can't take part on a device; null where it can. */
export function pythonProblem(device: string): string | null {
  const probe = spawnSync(python, ["-c", "import sentence_transformers, torch; print(torch.cuda.is_available())"], {
    encoding: "utf8",
  });
  if (probe.status !== 0)
    return `${python} can't import sentence_transformers and torch; set RAG_CELLS_PYTHON to one that can`;
  if (device === "cuda" && !probe.stdout.includes("True")) return `the torch of ${python} has no CUDA here`;
  return device === "cuda" || device === "cpu" ? null : `there is no ${device} in torch`;
}

/** sentence-transformers over the same texts with a model of the same shape; what went wrong as a string. */
export async function sentenceTransformers(
  model: GpuModel,
  texts: readonly string[],
  device: string,
  dtype: string,
  timeoutSeconds: number,
): Promise<PythonFigures | string> {
  const file = join(model.folder, "texts.json");
  writeFileSync(file, JSON.stringify(texts));
  const script = fileURLToPath(new URL("./sentence_transformers_gpu.py", import.meta.url));
  const child = spawn(python, [script, model.folder, file, String(model.card.maxTokens), device, dtype], {
    stdio: ["ignore", "pipe", "pipe"],
    timeout: timeoutSeconds * 1000,
    env: { ...process.env, HF_HUB_OFFLINE: "1", TOKENIZERS_PARALLELISM: "false" },
  });
  let [out, err] = ["", ""];
  child.stdout.on("data", (data) => {
    out += data;
  });
  child.stderr.on("data", (data) => {
    err = `${err}${data}`.slice(-400);
  });
  const code = await new Promise((resolve) => child.once("close", resolve));
  const line = out.trim().split("\n").at(-1) ?? "";
  return code === 0 ? (JSON.parse(line) as PythonFigures) : `it ended with ${code}: ${err.trim().split("\n").at(-1)}`;
}
