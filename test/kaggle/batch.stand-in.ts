import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { root, scratch } from "../lib/sample.ts";
import { type Ended, type Environment, environments, run } from "./lib/environments.ts";

const load = `import sys
sys.path.insert(0, ${JSON.stringify(join(root, "kaggle"))})
import rag_cells_magic
rag_cells_magic.load()`;

/** A small journey: a collection of the documents in /kaggle/input, with a card and a chart. */
const journey = [
  load,
  `%%ts
import * as rag from "rag-cells";
const session = await rag.openSession({ name: "kaggle", modelDirs: [${JSON.stringify(join(root, "notebooks/sample/models"))}], dense: ["sample-dense"], sparse: ["bm25"], rerank: "sample-rerank", device: "cpu", offline: true });
const chunks = await rag.chunk(session, { files: "/kaggle/input/**/*.md" });
const dense = await rag.runDense(session, chunks);
dense`,
  "%%ts\nconst found = { chunks: chunks.count, where: process.cwd() };\nsetTimeout(() => console.log('said late'), 50); found.chunks",
  "%ts_get found\nimport time; time.sleep(0.5)\nprint(found)",
];

const failing = [load, "%%ts\nconst half: number = 'one';", "%%ts\nconsole.log('never')"];

interface Cell {
  readonly outputs: readonly {
    readonly output_type: string;
    readonly evalue?: string;
    readonly data?: Record<string, unknown>;
  }[];
}

for (const environment of environments) {
  const { name, skip } = environment;

  test(`${name}: the stand-in has no network, no Node, an input that can't be written`, { skip }, async (t) => {
    const place = await kagglePlace();
    const script = `
for name in node npm npx; do command -v $name && echo "has $name"; done
python -c 'import socket; socket.create_connection(("192.0.2.1", 80), 2)' 2>&1 | tail -1
touch /kaggle/input/new 2>&1 || echo refused
touch /kaggle/working/new && pwd && cat /kaggle/input/doc.md | head -1
python -c 'import jupyter_client, ipykernel; print(jupyter_client.__version__, ipykernel.__version__)'
exit 7`;
    const ended = await standIn(environment, place, ["sh", "-c", script]);
    if (impossible(ended)) return t.skip(ended.stderr);
    assert.equal(ended.status, 7, ended.stderr);
    assert.doesNotMatch(ended.stdout, /has n/);
    assert.match(ended.stdout, /OSError.*unreachable/i);
    assert.match(ended.stdout, /Read-only file system\nrefused\n\/kaggle\/working\n# Bread\n/);
    assert.match(ended.stdout, name.startsWith("kaggle") ? /^7\.4\.9 6\.17\.1$/m : /^8\.\S+ 7\.\S+$/m);
    assert.ok(existsSync(join(place, "working/new")));
  });

  test(`${name}: a notebook runs in the stand-in under nbconvert and papermill, cards and all`, { skip }, async (t) => {
    const place = await kagglePlace();
    await notebook(place, "journey", journey);
    const papermill = await standIn(environment, place, [
      "papermill",
      "journey.ipynb",
      "papermill.ipynb",
      "-k",
      "python3",
    ]);
    if (impossible(papermill)) return t.skip(papermill.stderr);
    assert.equal(papermill.status, 0, papermill.stderr);
    const nbconvert = await standIn(environment, place, [...NBCONVERT, "journey.ipynb", "--output", "nbconvert.ipynb"]);
    assert.equal(nbconvert.status, 0, nbconvert.stderr);
    for (const [file, reused] of [
      ["papermill", false],
      ["nbconvert", true],
    ] as const) {
      const cells = await codeCells(place, file);
      const card = JSON.stringify(cells[1]);
      const bundles = cells[1]?.outputs.map(({ data }) => data ?? {}) ?? [];
      const chart = bundles.find((data) => /data:image\/svg\+xml/.test(String(data["text/html"])));
      assert.match(String(chart?.["text/plain"]), /^dense run/, `${file}: a card with a chart, and its text`);
      assert.equal(/reused/.test(card), reused, `${file}: a second run finds the first one's results`);
      assert.match(JSON.stringify(cells[3]), /'where': '\/kaggle\/working'/, file);
      assert.match(JSON.stringify([cells[2], cells[3]]), /said late/, `${file}: what came late is there`);
    }
    assert.ok(existsSync(join(place, "working/rag-cells/kaggle")), "the session is what a Kaggle run would keep");
  });

  test(`${name}: a failed cell is a failed run, and what was shown before it is kept`, { skip }, async (t) => {
    const place = await kagglePlace();
    await notebook(place, "failing", failing);
    const [papermill, nbconvert, kept] = await Promise.all([
      standIn(environment, place, ["papermill", "failing.ipynb", "papermill.ipynb", "-k", "python3"]),
      standIn(environment, place, [...NBCONVERT, "failing.ipynb", "--output", "nbconvert.ipynb"]),
      standIn(environment, place, [...NBCONVERT, "failing.ipynb", "--output", "kept.ipynb", "--allow-errors"]),
    ]);
    if (impossible(papermill)) return t.skip(papermill.stderr);
    for (const [who, ended] of Object.entries({ papermill, nbconvert })) {
      assert.equal(ended.status, 1, who);
      assert.match(ended.stderr, /TypeScriptError\S*: 2:7 - Type 'string' is not assignable to type 'number'/, who);
    }
    assert.equal(kept.status, 0, kept.stderr);
    for (const file of ["papermill", "kept"]) {
      const error = (await codeCells(place, file))[1]?.outputs.find((output) => output.output_type === "error");
      assert.match(error?.evalue ?? "", /^2:7 - Type 'string'/, file);
    }
    assert.doesNotMatch(JSON.stringify(await codeCells(place, "papermill")), /"never/, "papermill stops there");
    assert.equal(
      existsSync(join(place, "working/nbconvert.ipynb")),
      false,
      "nbconvert keeps a failed run only when told to",
    );
  });
}

const NBCONVERT = ["jupyter", "nbconvert", "--to", "notebook", "--execute"];

function standIn(environment: Environment, place: string, command: readonly string[]): Promise<Ended> {
  return run(join(root, "test/kaggle/stand-in.sh"), [
    environment.dir,
    join(place, "input"),
    join(place, "working"),
    ...command,
  ]);
}

/** True where this system lets nobody make a stand-in: no user namespaces. */
function impossible({ status, stderr }: Ended): boolean {
  return status !== 0 && /unshare: unshare failed|^mount: .*permission denied/m.test(stderr);
}

/** Folders that play /kaggle/input and /kaggle/working. */
async function kagglePlace(): Promise<string> {
  const place = await scratch("kaggle");
  await mkdir(join(place, "input"));
  await mkdir(join(place, "working"));
  await writeFile(
    join(place, "input/doc.md"),
    "# Bread\n\nFlour, water, salt and time.\n\n## Crust\n\nSteam makes it thin.\n",
  );
  return place;
}

async function notebook(place: string, name: string, cells: readonly string[]): Promise<void> {
  const document = {
    nbformat: 4,
    nbformat_minor: 5,
    metadata: { kernelspec: { name: "python3", display_name: "Python 3", language: "python" } },
    cells: cells.map((source, i) => ({
      id: `cell-${i}`,
      cell_type: "code",
      execution_count: null,
      metadata: { tags: [] },
      outputs: [],
      source,
    })),
  };
  await writeFile(join(place, "working", `${name}.ipynb`), JSON.stringify(document));
}

/** The code cells that a run has left, without what papermill adds to tell of an error. */
async function codeCells(place: string, name: string): Promise<Cell[]> {
  const { cells } = JSON.parse(await readFile(join(place, "working", `${name}.ipynb`), "utf8"));
  return cells.filter((cell: { cell_type: string }) => cell.cell_type === "code");
}
