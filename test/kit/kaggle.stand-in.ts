import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { chmodSync, cpSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { driveInStandIn, printed, type Result } from "../kaggle/lib/drive.ts";
import { generations } from "../kaggle/lib/environments.ts";
import { codeCells, impossible, kagglePlace, standIn } from "../kaggle/lib/stand-in.ts";
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

/** The journey, and those notebooks that read or write where it doesn't, with both runners. */
const RUNS: Readonly<Record<string, readonly (readonly [string, string])[]>> = {
  "kaggle-py312": [
    ["journey", "nbconvert"],
    ["10-prime", "papermill"],
    ["80-keep", "nbconvert"],
  ],
  "next-py313": [
    ["journey", "papermill"],
    ["50-fuse", "nbconvert"],
    ["70-export", "papermill"],
  ],
};

/** The kit as a dataset of any name, and the notebooks beside it, all read-only. */
async function attachedKit(): Promise<string> {
  const place = await kagglePlace();
  cpSync(kit, join(place, "input/anything-at-all"), { recursive: true });
  cpSync(join(root, "kaggle"), join(place, "input/notebooks"), {
    recursive: true,
    filter: (path) => !/\.py$|__pycache__/.test(path),
  });
  return place;
}

interface Timed {
  readonly metadata: { readonly execution: Readonly<Record<string, string>> };
}

/** Seconds from the first cell's beginning to the end of a cell. */
function secondsTo(cells: readonly unknown[], index: number): string {
  const at = (i: number, what: string) => Date.parse((cells[i] as Timed).metadata.execution[what] as string);
  return ((at(index, "shell.execute_reply") - at(0, "iopub.execute_input")) / 1000).toFixed(1);
}

for (const environment of generations) {
  const { name, skip: notMade } = environment;
  test(`${name}: the notebooks for Kaggle run from start to end with the attached kit`, {
    skip: skip || notMade,
  }, async (t) => {
    const place = await attachedKit();
    const script = (RUNS[name] ?? [])
      .map(
        ([book, engine]) =>
          `python /kaggle/input/anything-at-all/rag_cells_batch.py /kaggle/input/notebooks/${book}.ipynb --to ${book}.ipynb --with ${engine}`,
      )
      .join(" &&\n");
    const ended = await standIn(environment, place, ["sh", "-c", script]);
    if (impossible(ended)) return t.skip(ended.stderr);
    assert.equal(ended.status, 0, ended.stderr.slice(-3000));
    const cells = await codeCells(place, "journey");
    assert.match(JSON.stringify(cells[0]?.outputs), /ok +inference.*%%ts cells are TypeScript from here on/);
    assert.match(JSON.stringify(cells[1]?.outputs), /data:image\/svg\+xml/, "the first card has its chart");
    t.diagnostic(`cold: ${secondsTo(cells, 0)} s for the bootstrap, first card after ${secondsTo(cells, 1)} s`);
    const [second] = (RUNS[name] ?? []).slice(1);
    const warm = await codeCells(place, second?.[0] as string);
    t.diagnostic(`warm: ${secondsTo(warm, 0)} s for the bootstrap, first card after ${secondsTo(warm, 1)} s`);
    const kept = readdirSync(join(place, "working/out/sample"), { recursive: true, encoding: "utf8" });
    assert.ok(
      kept.some((path) => path.endsWith("processing_summary.json")),
      "the collection is what a run on Kaggle keeps",
    );
  });

  test(`${name}: Stop, a killed TypeScript kernel and a killed Python kernel: the journey goes on where it was`, {
    skip: skip || notMade,
  }, async (t) => {
    const place = await attachedKit();
    const book = JSON.parse(readFileSync(join(root, "kaggle/journey.ipynb"), "utf8")) as {
      cells: { id: string; source: string[] }[];
    };
    const cell = (id: string) => book.cells.find((one) => one.id === id)?.source.join("") as string;
    // Behind an await: an interrupt that comes just as a cell's first part ends can be lost by Node, or hit the next cell.
    const saying = (word: string, id: string) =>
      cell(id).replace("%%ts\n", `%%ts\nawait null; console.log("${word}");\n`);
    const all = await driveInStandIn(environment, place, {
      boot: { run: cell("kaggle-bootstrap") },
      open: { run: fromDataset(cell("journey-03")) },
      chunk: { run: cell("journey-05") },
      stopped: { run: saying("dense begins", "journey-07"), stop: "dense begins" },
      dense: { run: cell("journey-07") },
      killed: { run: saying("sparse begins", "journey-09"), kill: "sparse begins" },
      openAgain: { run: fromDataset(cell("journey-03")) },
      chunkAgain: { run: cell("journey-05") },
      denseAgain: { run: cell("journey-07") },
      sparse: { run: cell("journey-09") },
      end: { end: "kill", during: "%%ts\nawait null; console.log('in a loop'); for (;;);", when: "in a loop" },
      begin: { begin: true },
      bootWarm: { run: cell("kaggle-bootstrap") },
      openWarm: { run: fromDataset(cell("journey-03")) },
      chunkWarm: { run: cell("journey-05") },
      denseWarm: { run: cell("journey-07") },
      sparseWarm: { run: cell("journey-09") },
      fuse: { run: cell("journey-11") },
      last: { end: "shutdown" },
    });
    if (typeof all === "string") return t.skip(all);
    const failed = Object.entries(all).filter(([, { status }]) => status === "error");
    assert.deepEqual(
      failed.map(([step, { ename }]) => `${step}: ${ename}`),
      ["stopped: TypeScriptStopped", "killed: KernelEnded"],
    );
    // The settings name no folder: what /kaggle/input has is all there is.
    assert.match(JSON.stringify(all.open.outputs), /Served from.{0,600}>anything-at-all</s);
    assert.match(printed(all.openAgain, "stderr"), /The TypeScript kernel had ended; this is a fresh one/);
    const reused = ({ outputs }: Result) => /reused/.test(JSON.stringify(outputs));
    for (const step of ["chunkAgain", "denseAgain", "chunkWarm", "denseWarm", "sparseWarm"] as const)
      assert.ok(reused(all[step]), `${step} finds what was finished`);
    assert.ok(!reused(all.dense) && !reused(all.sparse), "what was broken off is computed");
    assert.ok(all.end.gone, "the TypeScript kernel outlived the Python kernel");
    assert.match(printed(all.bootWarm), /\(stood there already\).*sample stood there already/s);
    assert.ok(all.last.gone);
  });
}

/** The cell that opens the session, with the models of the attached kit in place of the sample's folder. */
function fromDataset(source: string): string {
  const changed = source.replace(/ *modelDirs: \["sample\/models"\],\n/, "  offline: true,\n");
  assert.notEqual(changed, source);
  return changed;
}
