/**
 * Models of BERT's shape (6 x 384, 12 x 768, 24 x 1024) with random weights on a GPU, through the dense
 * pass: throughput, padding, memory by stage, where memory really ends and what is left of a
 * session then, one GPU beside all of them, and sentence-transformers on the same texts in the same run.
 * Nothing is fetched: models and texts are made here. It begins no new part after six minutes.
 *
 *     npm run bench:gpu [-- --device cuda|webgpu|cpu|simulated --texts 6000 --shapes 6x384,12x768 --quick]
 *     RAG_CELLS_PYTHON=... names the Python with torch and sentence-transformers
 */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import * as rag from "../../dist/index.js";
import { usableDevices } from "../../dist/runtime/devices/resolve.js";
import { startSampler } from "../../dist/runtime/sampler.js";
import { shapeOf } from "../../dist/schema/model-shape.js";
import { namedSimulations } from "../../dist/schema/simulated.js";
import { findLimit, type Limit } from "./lib/gpu-limit.ts";
import { type GpuModel, gpuTexts, SHAPES, writeGpuModel } from "./lib/gpu-model.ts";
import { pythonProblem, sentenceTransformers } from "./lib/gpu-python.ts";
import { figuresOf, type ModelFigures, type PassFigures, print } from "./lib/gpu-report.ts";

const { values } = parseArgs({
  options: {
    device: { type: "string", default: "cuda" },
    texts: { type: "string" },
    shapes: { type: "string" },
    quick: { type: "boolean", default: false },
  },
});
const device = values.device as "cuda" | "webgpu" | "cpu" | "simulated";
if (!["cuda", "webgpu", "cpu", "simulated"].includes(device))
  throw new Error(`--device ${device}: cuda, webgpu, cpu or simulated`);
const onCuda = device === "cuda" || device === "simulated";
const dtype = onCuda ? "fp16" : "fp32";
const maxTokens = values.quick ? 128 : 512;
const count = Number(values.texts ?? (values.quick ? 96 : device === "cpu" ? 400 : 6000));
const shapes = SHAPES.filter(([layers, hidden]) =>
  values.shapes ? values.shapes.split(",").includes(`${layers}x${hidden}`) : !values.quick || hidden === 384,
);
if (shapes.length === 0)
  throw new Error(`--shapes ${values.shapes}: none of ${SHAPES.map((s) => s.join("x")).join(", ")}`);

const started = performance.now();
const elapsed = () => (performance.now() - started) / 1000;
/** The last part that is begun may take two minutes. */
const SECONDS = 6 * 60;
const inTime = () => elapsed() < SECONDS;

const folder = mkdtempSync(join(tmpdir(), "rag-cells-gpu-"));
const simulation = join(folder, "gpus.json");
try {
  await main();
} finally {
  rmSync(folder, { recursive: true });
}

/** Two T4s whose batches compute nothing. */
function writeSimulation(): void {
  const gpus = namedSimulations.get("t4x2")?.gpus.map((gpu) => ({ ...gpu, compute: "hash", speedup: 4 }));
  writeFileSync(simulation, JSON.stringify({ gpus }));
}

async function main(): Promise<void> {
  if (device === "simulated") writeSimulation();
  const found = await usableDevices({ device, gpus: null, memoryCapBytes: 12e9, simulation }, process.env);
  const products = found.map(({ name, product }) => `${name} (${product})`).join(", ");
  console.log(`${count} texts of 30 to ${maxTokens} tokens on ${products}; ${cpus()[0]?.model.trim()}`);
  const problem = pythonProblem(device);
  if (problem) console.log(`SKIPPED sentence-transformers: ${problem}`);
  const texts = gpuTexts(count, maxTokens);
  const results: ModelFigures[] = [];
  for (const shape of shapes) {
    if (!inTime()) {
      console.log(`SKIPPED ${shape.join("x")}: ${SECONDS} seconds are over`);
      continue;
    }
    // Fewer texts for wider models, so that each takes about as long.
    const mine = texts.slice(0, Math.max(Math.min(count, 64), Math.round(count * (384 / shape[1]) ** 1.6)));
    const model = writeGpuModel(folder, shape, maxTokens, dtype);
    const figures = await measure(model, mine, found, problem);
    print(figures);
    results.push(figures);
    write(products, results);
    rmSync(model.folder, { recursive: true });
  }
}

/** Writes what there is, after every model: a later one may end the process. */
function write(products: string, results: readonly ModelFigures[]): void {
  const file = resolve("out/bench/gpu.json");
  mkdirSync(resolve("out/bench"), { recursive: true });
  const result = {
    at: new Date().toISOString(),
    node: process.version,
    device,
    products,
    cpu: cpus()[0]?.model.trim(),
    settings: { texts: count, maxTokens, quick: values.quick },
    seconds: elapsed(),
    results,
  };
  writeFileSync(file, `${JSON.stringify(result, null, 2)}\n`);
  console.log(`Written to ${file} after ${elapsed().toFixed(0)} s`);
}

async function measure(
  model: GpuModel,
  texts: readonly string[],
  found: Awaited<ReturnType<typeof usableDevices>>,
  problem: string | null,
): Promise<ModelFigures> {
  const corpus = join(folder, `${model.key}-texts`);
  mkdirSync(corpus);
  for (const [i, text] of texts.entries()) writeFileSync(join(corpus, `${String(i).padStart(6, "0")}.txt`), text);
  const options = {
    dir: join(folder, "sessions"),
    modelDirs: [folder],
    addModels: [model.card],
    dense: [model.key],
    enableSparse: false,
    enableRerank: false,
    device,
    dtype,
    simulation,
    vectorCache: null,
    offline: true,
  } as const;
  const session = await rag.openSession({ ...options, name: model.key });
  const chunks = await rag.chunk(session, { files: join(corpus, "*.txt"), targetTokens: maxTokens });
  if (chunks.count !== texts.length) throw new Error(`${chunks.count} chunks of ${texts.length} texts`);
  const first = figuresOf(await rag.runDense(session, chunks));
  const again = figuresOf(await rag.runDense(session, chunks, { rerun: true }));
  session.close();
  let oneDevice: PassFigures | null = null;
  if (found.length > 1 && device === "cuda" && inTime()) {
    const index = found[0]?.index as number;
    const one = await rag.openSession({ ...options, name: `${model.key}-one`, gpus: [index] });
    const same = await rag.chunk(one, { files: join(corpus, "*.txt"), targetTokens: maxTokens });
    await rag.runDense(one, same);
    oneDevice = figuresOf(await rag.runDense(one, same, { rerun: true }));
    one.close();
  }
  const weightBytes = statSync(model.onnxFile).size;
  const shape = shapeOf(
    JSON.parse(readFileSync(join(model.folder, "config.json"), "utf8")),
    model.card,
    dtype,
    weightBytes,
  );
  const limit = await limitOf(model, shape, found).catch((error: Error) => `failed: ${error.message.slice(0, 300)}`);
  const python =
    problem ?? (inTime() ? await sentenceTransformers(model, texts, device, dtype, 120) : "no time was left");
  return {
    model: model.key,
    dtype,
    texts: texts.length,
    weightBytes,
    first,
    again,
    oneDevice,
    limit,
    sentenceTransformers: python,
  };
}

async function limitOf(
  model: GpuModel,
  shape: ReturnType<typeof shapeOf>,
  found: Awaited<ReturnType<typeof usableDevices>>,
): Promise<Limit | string> {
  const [gpu] = found;
  if (!gpu || gpu.kind === "cpu") return "not tried: the CPU would take the machine's memory from everybody";
  if (gpu.kind === "webgpu") return "not tried: nothing tells how much memory an adapter has";
  if (!inTime()) return "no time was left";
  const sampler = startSampler([gpu]);
  try {
    const until = performance.now() + 60_000;
    const going = () => inTime() && performance.now() < until;
    return await findLimit(gpu, model.onnxFile, shape, model.shape.vocabulary, maxTokens, sampler, going);
  } finally {
    await sampler.stop();
  }
}
