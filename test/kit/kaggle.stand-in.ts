import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { chmodSync, cpSync, existsSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { environments, run } from "../kaggle/lib/environments.ts";
import { boxPython, type KaggleBox, kaggleBox } from "../lib/kaggle.ts";
import { root, sampleModels, scratch } from "../lib/sample.ts";

const main = join(root, "dist/cli/main.js");
const kit = join(await scratch("kit"), "kit");
const models = ["sample-dense", "sample-splade", "sample-rerank"];
const packed = spawnSync(
  process.execPath,
  [main, "kaggle", "pack", "--out", kit, "--models", models.join(), "--models-from", sampleModels],
  { encoding: "utf8" },
);
const box = packed.status === 0 ? await kaggleBox(kit) : "there is no kit";
const skip = typeof box === "string" && packed.status === 0 ? box : false;

const BOOT = `import sys; sys.path.insert(0, "/kaggle/input/kit")
import rag_cells_bootstrap as boot; boot.start()`;
const start = (within: KaggleBox) => within.run([boxPython(), "-c", BOOT], { LC_ALL: "C" });

/** The one home below the folder for temporary files, as a path in the box. */
function homeIn(within: KaggleBox): string {
  const base = join(within.root, "kaggle/tmp");
  const [user] = readdirSync(base).filter((name) => name.startsWith("rag-cells-"));
  const [home] = readdirSync(join(base, user as string)).filter((name) => /^\d/.test(name));
  return `/kaggle/tmp/${user}/${home}`;
}

test("the kit of this installation: small, flat, nothing of other systems", () => {
  assert.equal(packed.status, 0, packed.stderr);
  for (const name of readdirSync(kit)) {
    assert.ok(statSync(join(kit, name)).isFile(), name);
    chmodSync(join(kit, name), 0o444);
  }
  const megabytes = readdirSync(kit).reduce((sum, name) => sum + statSync(join(kit, name)).size, 0) / 1e6;
  assert.ok(megabytes < 130, `${megabytes} MB`);
  const listed = JSON.parse(readFileSync(join(kit, "rag-cells-kit.json"), "utf8"));
  const paths = Object.values(listed.archives as Record<string, { files: object }>).flatMap(({ files }) =>
    Object.keys(files),
  );
  assert.deepEqual(
    paths.filter((path) => /\.(?:map|wasm|dll|dylib)$|\/(?:win32|darwin|arm64|musl)/.test(path)),
    [],
  );
  assert.ok(
    !paths.some((path) => /node_modules\/(?:@biomejs|typescript)\//.test(path)),
    "no package that only building needs",
  );
  const licences = readFileSync(join(kit, "LICENSES.txt"), "utf8");
  for (const name of ["Node.js 24", "tslab ", "onnxruntime-node ", "zeromq "]) assert.ok(licences.includes(name), name);
  assert.match(
    packed.stdout,
    /rag-cells-modules\.kit +\d+\.\d MB.*\n.*\n.*models +sample-dense, sample-splade, sample-rerank/,
  );
});

test("without network and Node, from the read-only kit: one cell makes it work, a second time at once", {
  skip,
}, () => {
  const within = box as KaggleBox;
  const first = start(within);
  assert.equal(first.status, 0, first.stderr);
  assert.match(
    first.stdout,
    /^rag-cells \S+ with Node 24\S+ in \/kaggle\/tmp\/rag-cells-\d+\/\S+ \(checked and unpacked in /,
  );
  assert.match(first.stdout, /no GPU here|a GPU is here/);
  assert.match(first.stdout, /ok +inference +a small model computed a vector/);
  assert.match(first.stdout, /ok +models +on disk: sample-dense, sample-splade, sample-rerank/);
  const second = start(within);
  assert.equal(second.status, 0, second.stderr);
  assert.match(second.stdout, /\(stood there already\)/);
});

test("the journey runs from it: the kit's Node, packages and models, and nothing else", { skip }, () => {
  const within = box as KaggleBox;
  const home = homeIn(within);
  const notebook = JSON.parse(readFileSync(join(within.root, home, "notebooks/journey.ipynb"), "utf8"));
  for (const cell of notebook.cells) cell.source = asOnKaggle([cell.source].flat().join(""));
  const code = notebook.cells.filter((cell: { cell_type: string }) => cell.cell_type === "code");
  const text = JSON.stringify(code);
  assert.ok(
    !/sample\/models|\.\.\/out/.test(text) && text.includes("offline: true"),
    "the notebook was changed as meant",
  );
  writeFileSync(join(within.root, home, "notebooks/attached.ipynb"), JSON.stringify(notebook));
  const node = `${home}/node_modules/.bin/node`;
  const done = within.run([
    node,
    `${home}/dist/cli/main.js`,
    "run",
    `${home}/notebooks/attached.ipynb`,
    "--out",
    "/kaggle/working",
  ]);
  assert.equal(done.status, 0, done.stderr);
  assert.match(done.stdout, /notebook +kaggle\/working\/attached\.ipynb/);
  const session = join(within.root, "kaggle/working/rag-cells/sample");
  const files = readdirSync(session, { recursive: true, encoding: "utf8" });
  assert.ok(
    files.some((name) => name.endsWith("processing_summary.json")),
    "the collection was exported",
  );
  const executed = readFileSync(join(within.root, "kaggle/working/attached.ipynb"), "utf8");
  // The settings name no folder: what /kaggle/input has is all there is.
  assert.ok(/Served from.{0,600}>kit</s.test(executed), "models came from the dataset");
});

test("every package that the library needs can be loaded from it", { skip }, () => {
  const within = box as KaggleBox;
  const home = homeIn(within);
  const { dependencies } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  const names = Object.keys(dependencies).filter((name) => name !== "node" && name !== "tslab");
  const script = `const names = ${JSON.stringify(names)};
    Promise.all(names.map((name) => import(name).then(() => null, (error) => name + ": " + error.message)))
      .then((all) => console.log(JSON.stringify(all.filter(Boolean))));`;
  writeFileSync(join(within.root, home, "load.mjs"), script);
  const done = within.run([`${home}/node_modules/.bin/node`, `${home}/load.mjs`]);
  assert.equal(done.stdout.trim(), "[]", done.stderr);
});

test("the command unpacks it too, and checks the models", { skip }, () => {
  const within = box as KaggleBox;
  const home = homeIn(within);
  const node = `${home}/node_modules/.bin/node`;
  const done = within.run([node, `${home}/dist/cli/main.js`, "kaggle", "unpack", "/kaggle/input/kit"]);
  assert.equal(done.stdout.split("\n", 1)[0], `Checked; it stands in ${home}`, done.stderr);
});

/** All of the journey where the pins are Kaggle's own; its first cell, with the first card, elsewhere. */
const WHOLE = "kaggle-py312";

for (const { name, dir, skip: notMade } of environments) {
  test(`${name}: %%ts cells of a notebook run from the attached kit`, {
    skip: skip || notMade,
  }, async (t) => {
    const [input, working] = [await scratch("input"), await scratch("working")];
    cpSync(kit, join(input, "kit"), { recursive: true });
    const { version, id } = JSON.parse(readFileSync(join(kit, "rag-cells-kit.json"), "utf8"));
    const home = `/kaggle/tmp/rag-cells-0/${version}-${id}`;
    const sources = [
      BOOT,
      ...(name === WHOLE ? journeyCells() : journeyCells().slice(0, 1)).map(
        (source) => `%%ts\n${source.replace("sample/corpus", `${home}/notebooks/sample/corpus`)}`,
      ),
    ];
    writeFileSync(join(working, "journey.ipynb"), pythonNotebook(sources));
    const ended = await run(join(root, "test/kaggle/stand-in.sh"), [
      dir,
      input,
      working,
      ...["papermill", "journey.ipynb", "done.ipynb", "-k", "python3"],
    ]);
    if (/unshare: unshare failed|^mount: .*permission denied/m.test(ended.stderr)) return t.skip(ended.stderr);
    assert.equal(ended.status, 0, ended.stderr.slice(-3000));
    const { cells } = JSON.parse(readFileSync(join(working, "done.ipynb"), "utf8"));
    assert.match(JSON.stringify(cells[0].outputs), /ok +inference.*%%ts cells are TypeScript from here on/);
    assert.match(JSON.stringify(cells[1].outputs), /data:image\/svg\+xml/, "the first card has its chart");
    const first = cells
      .slice(0, 2)
      .reduce((sum: number, { metadata }: Executed) => sum + metadata.papermill.duration, 0);
    t.diagnostic(
      `${cells[0].metadata.papermill.duration.toFixed(1)} s for the bootstrap, first card after ${first.toFixed(1)} s`,
    );
    assert.ok(existsSync(join(working, "rag-cells/sample/session.json")), "the session is what a run on Kaggle keeps");
  });
}

interface Executed {
  readonly metadata: { readonly papermill: { readonly duration: number } };
}

/** Code of the journey as an operator writes it on Kaggle: the usual folder for sessions, models from the dataset. */
function journeyCells(): string[] {
  const { cells } = JSON.parse(readFileSync(join(root, "notebooks/journey.ipynb"), "utf8"));
  return cells
    .filter((cell: { cell_type: string }) => cell.cell_type === "code")
    .map((cell: { source: string | string[] }) => asOnKaggle([cell.source].flat().join("")));
}

function asOnKaggle(source: string): string {
  return source
    .replace(/ *dir: "\.\.\/out",\n/, "")
    .replace(/ *modelDirs: \["sample\/models"\],\n/, "  offline: true,\n");
}

function pythonNotebook(sources: readonly string[]): string {
  const code = { cell_type: "code", execution_count: null, metadata: {}, outputs: [] };
  const kernelspec = { name: "python3", display_name: "Python 3", language: "python" };
  const cells = sources.map((source, i) => ({ ...code, id: `cell-${i}`, source }));
  return JSON.stringify({ nbformat: 4, nbformat_minor: 5, metadata: { kernelspec }, cells });
}
