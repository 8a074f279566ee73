/**
 * Makes the pictures of the documents anew: `npm run docs:images`. For the README it runs the
 * journey's notebook and photographs its page. For docs/kaggle*.md it packs a kit, runs two
 * Python notebooks in the stand-in for Kaggle, the second one in the session that the first
 * one packed, and renders them with nbconvert. Where chromium or the stand-in's Python is
 * missing it says so and leaves the pictures as they are.
 */
import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { readNotebook } from "../../dist/notebook/notebook-file.js";
import { notebookPage } from "../../dist/notebook/page.js";
import { runNotebook } from "../../dist/notebook/run.js";
import { environments } from "../kaggle/lib/environments.ts";
import { root, sampleModels, scratch } from "../lib/sample.ts";
import { findChromium, type Photographer, startChromium } from "./chromium.ts";

/** CSS pixels: of the journey's page, and of the notebooks on Kaggle. */
const [PAGE_WIDTH, WIDTH] = [1240, 940];
const MOST_BYTES = 150_000;
const KIT = "/kaggle/input/rag-cells-kit";
const hoursAgo = (hours: number) => new Date(Date.now() - hours * 3600_000).toISOString();

/** A cell, and the picture that it is for. */
interface Shot {
  readonly code: string;
  readonly picture?: string;
  /** Words that have to be on the picture. */
  readonly shows?: string;
  /** So many pixels from the top, where the rest says nothing more. */
  readonly height?: number;
}

const boot = `import sys; sys.path.insert(0, "${KIT}")\nimport rag_cells_bootstrap as boot; boot.start()`;
const models = `dense: ["sample-dense"], sparse: ["sample-splade", "bm25"], rerank: "sample-rerank", device: "cpu"`;

const first: readonly Shot[] = [
  { code: boot, picture: "kaggle-first-cell" },
  {
    code: `%%ts\nimport * as rag from "rag-cells";\nconst session = await rag.openSession({ name: "docling",\n  ${models} });\nsession`,
    picture: "kaggle-session",
  },
  { code: `%%ts\nconst chunks = await rag.chunk(session, { files: "/kaggle/input/handbook/**/*.md" });\nchunks` },
  { code: `%%ts\nconst dense = await rag.runDense(session, chunks);\ndense`, picture: "kaggle-dense" },
  { code: `%%ts\nconst pack = await rag.checkpoint(session);\npack`, picture: "kaggle-checkpoint" },
  // The same session, as if three seconds were left until its last ten minutes.
  {
    code: `%%ts\nconst session = await rag.openSession({ name: "docling", ${models}, \n  sessionStart: new Date(Date.now() - (12 * 3600 - 603) * 1000).toISOString() });`,
  },
  {
    code: `%%ts\nconst sparse = await rag.runSparse(session, chunks);\nsparse`,
    picture: "kaggle-ending",
    shows: "was stopped",
  },
];

const second: readonly Shot[] = [
  { code: boot },
  {
    code: `%%ts\nimport * as rag from "rag-cells";\nconst session = await rag.openSession({ name: "docling", from: "/kaggle/input/my-notebook/docling.session.zip",\n  ${models} });`,
  },
  {
    code: `%%ts\nconst chunks = await rag.chunk(session, { files: "/kaggle/input/handbook/**/*.md" });\nconst dense = await rag.runDense(session, chunks);\nconst sparse = await rag.runSparse(session, chunks);\nsparse`,
    picture: "kaggle-next",
    shows: "resumed",
    height: 440,
  },
];

const program = findChromium();
if (program === null) skip("no picture was made: there is no chromium; install it, or name it in RAG_CELLS_CHROMIUM");
const page = await startChromium(program, PAGE_WIDTH);
try {
  await photographedJourney(page);
} finally {
  await page.close();
}

const environment = environments.find(({ name }) => name === "kaggle-py312");
if (environment?.skip !== false) skip(`no picture of Kaggle was made: ${environment?.skip}`);
const python = environment.dir;

const place = await scratch("pictures");
const input = join(place, "input");
for (const folder of [input, join(input, "my-notebook")]) mkdirSync(folder);
cpSync(join(root, "notebooks/sample/corpus"), join(input, "handbook"), { recursive: true });
const main = join(root, "dist/cli/main.js");
const kit = ["--out", join(input, "rag-cells-kit"), "--models", "sample-dense,sample-splade,sample-rerank"];
must(process.execPath, [main, "kaggle", "pack", ...kit, "--models-from", sampleModels]);

const camera = await startChromium(program, WIDTH);
try {
  await photographed("first", first, 5);
  cpSync(join(place, "first/docling.session.zip"), join(input, "my-notebook/docling.session.zip"));
  await photographed("second", second, 0.05);
} finally {
  await camera.close();
}

/** Runs the journey where nothing was computed yet, and photographs its dense pass. */
async function photographedJourney(camera: Photographer): Promise<void> {
  const folder = await scratch("journey");
  cpSync(join(root, "notebooks"), join(folder, "notebooks"), { recursive: true });
  symlinkSync(join(root, "node_modules"), join(folder, "node_modules"));
  const out = join(folder, "journey.ipynb");
  const { cells, failure } = await runNotebook(join(folder, "notebooks/journey.ipynb"), { out });
  if (failure !== null) throw new Error(failure);
  writeFileSync(join(folder, "journey.html"), notebookPage(await readNotebook(out), "journey"));
  await camera.open(join(folder, "journey.html"));
  const dense = cells.findIndex(({ firstLine }) => firstLine.includes("runDense"));
  keep("journey", await camera.photograph("section.cell", dense));
}

function keep(picture: string, png: Buffer): void {
  writeFileSync(join(root, "docs/images", `${picture}.png`), png);
  console.log(`${picture}.png ${Math.round(png.length / 1000)} kB`);
  if (png.length > MOST_BYTES) throw new Error(`${picture}.png has ${png.length} bytes, more than ${MOST_BYTES}`);
}

function skip(words: string): never {
  console.error(`SKIPPED, ${words}`);
  process.exit(0);
}

/** Runs a notebook in a session that began so many hours ago, and photographs its cells. */
async function photographed(name: string, shots: readonly Shot[], hours: number): Promise<void> {
  const working = join(place, name);
  mkdirSync(working);
  const cells = shots.map(({ code }, i) => ({
    id: `cell-${i}`,
    cell_type: "code",
    execution_count: null,
    metadata: {},
    outputs: [],
    source: code,
  }));
  const metadata = { kernelspec: { name: "python3", display_name: "Python 3", language: "python" } };
  writeFileSync(join(working, "notebook.ipynb"), JSON.stringify({ nbformat: 4, nbformat_minor: 5, metadata, cells }));
  const convert = ["jupyter", "nbconvert", "--to", "html", "--execute", "--allow-errors", "notebook.ipynb"];
  must(join(root, "test/kaggle/stand-in.sh"), [python, input, working, ...convert], {
    ...process.env,
    RAG_CELLS_SESSION_START: hoursAgo(hours),
  });
  await camera.open(join(working, "notebook.html"));
  for (const [i, { picture, shows = "", height }] of shots.entries()) {
    if (picture === undefined) continue;
    if (!(await camera.text(".jp-Cell", i)).includes(shows)) throw new Error(`${picture} does not show ${shows}`);
    keep(picture, await camera.photograph(".jp-Cell", i, height));
  }
}

function must(command: string, args: readonly string[], env: NodeJS.ProcessEnv = process.env): void {
  const { status, stdout, stderr } = spawnSync(command, args, { encoding: "utf8", env, maxBuffer: 64 << 20 });
  if (status !== 0) throw new Error(`${command} ended with ${status}:\n${stdout}${stderr}`);
}
