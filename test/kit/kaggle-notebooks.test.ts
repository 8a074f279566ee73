import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { kaggleFiles } from "../../dist/kit/kaggle-files.js";
import { relinked, toKaggle } from "../../dist/kit/kaggle-notebook.js";
import { parseNotebook, readNotebook } from "../../dist/notebook/notebook-file.js";
import { idProblem, titleProblem } from "../../dist/schema/dataset-metadata.js";
import { kernelMetadataProblem, titleOfSlug, titleSlug } from "../../dist/schema/kernel-metadata.js";
import { root, scratch } from "../lib/sample.ts";

const main = join(root, "dist/cli/main.js");
const journey = join(root, "notebooks/journey.ipynb");
const made = await kaggleFiles(root);
const notebooks = [...made.keys()].filter((name) => name.endsWith(".ipynb"));

test("the notebooks and metadata in kaggle/ are those that are made of notebooks/", () => {
  for (const [name, text] of made)
    assert.ok(
      readFileSync(join(root, "kaggle", name), "utf8") === text,
      `kaggle/${name} differs. Run: node dist/cli/main.js kaggle notebooks --out kaggle`,
    );
  const there = (folder: string) => readdirSync(join(root, folder)).filter((name) => name.endsWith(".ipynb"));
  assert.deepEqual(there("kaggle"), there("notebooks"));
});

test("a notebook for Kaggle has Python's kernel, the bootstrap, and the same cells; results stay in the working folder", async () => {
  assert.equal(notebooks.length, 9);
  for (const name of notebooks) {
    const { metadata, cells } = parseNotebook(made.get(name) as string, name);
    const [boot, ...rest] = cells;
    assert.equal((metadata.kernelspec as { name: string }).name, "python3", name);
    assert.match(boot?.source ?? "", /\nboot\.start\(sample=True\)$/, name);
    const source = (await readNotebook(join(root, "notebooks", name))).cells;
    const asTypeScript = rest.map((cell) =>
      cell.cell_type === "code" ? cell.source.replace(/^%%ts\n/, "") : cell.source,
    );
    assert.deepEqual(
      asTypeScript,
      source.map((cell) => cell.source.replaceAll('"../out', '"out')),
      name,
    );
    for (const cell of rest) {
      assert.equal(cell.cell_type === "code", cell.source.startsWith("%%ts\n"), name);
      assert.ok(!/["'`]\.\.\//.test(cell.source), `${name}: nothing leads out of the working folder`);
    }
  }
});

test("an operator's notebook is only wrapped; an empty cell stays empty; another language is refused", () => {
  const of = (language: string) =>
    parseNotebook(
      JSON.stringify({
        nbformat: 4,
        metadata: { kernelspec: { name: "k", language } },
        cells: [
          { cell_type: "markdown", source: "[a](b.md)" },
          {
            cell_type: "code",
            source: 'const dir = "../out";',
            outputs: [{ output_type: "stream", name: "stdout", text: "x" }],
          },
          { cell_type: "code", source: "\n" },
        ],
      }),
      "mine.ipynb",
    );
  const [boot, text, code, empty] = toKaggle("mine.ipynb", of("typescript"), false).cells;
  assert.match(boot?.source ?? "", /\nboot\.start\(\)$/);
  assert.deepEqual([text?.source, code?.source, empty?.source], ["[a](b.md)", '%%ts\nconst dir = "../out";', "\n"]);
  assert.deepEqual(code?.cell_type === "code" && code.outputs, []);
  assert.throws(() => toKaggle("mine.ipynb", of("R"), false), {
    code: "bad_notebook",
    message: /language is "r", not TypeScript/,
  });
});

test("links lead from kaggle/ to where they led from notebooks/", () => {
  assert.equal(
    relinked(
      "[n](20-chunk.ipynb#a) [s](sample/README.md) ![d](../docs/a.svg) [w](https://a.b/c) [h](#x) [m](mailto:a@b)",
    ),
    "[n](20-chunk.ipynb#a) [s](../notebooks/sample/README.md) ![d](../docs/a.svg) [w](https://a.b/c) [h](#x) [m](mailto:a@b)",
  );
});

const good = JSON.parse(made.get("kernel-metadata.json") as string);

test("metadata: what Kaggle would refuse or change is named", () => {
  assert.equal(kernelMetadataProblem(good), null);
  const dataset = JSON.parse(made.get("dataset-metadata.json") as string);
  assert.deepEqual([titleProblem(dataset.title), idProblem(dataset.id)], [null, null]);
  for (const [change, field, rule] of [
    [{ id: "journey" }, "id", /must be "owner\/slug"/],
    [{ id: "me/a_b" }, "id", /must be "owner\/slug"/],
    [{ id: "me/abcd" }, "id", /5 to 50/],
    [{ title: "abcd" }, "title", /5 to 50 characters/],
    [{ title: "Another name" }, "title", /must give the slug of the id, "rag-cells-journey", and gives "another-name"/],
    [{ code_file: "../a.ipynb" }, "code_file", /same folder/],
    [{ enable_gpu: false }, "machine_shape", /with a GPU/],
    [{ is_private: "yes" }, "is_private", /boolean/],
    [{ dataset_sources: ["me/abc"] }, "dataset_sources.0", /6 to 50/],
    [{ surprise: 1 }, "", /surprise/],
  ] as const) {
    const problem = kernelMetadataProblem({ ...good, ...change });
    assert.equal(problem?.field, field, JSON.stringify(change));
    assert.match(problem?.rule ?? "", rule);
  }
  assert.equal(titleSlug("  Où? — Rag.cells, twice!"), "ou-rag-cells-twice");
  for (const slug of ["rag-cells-journey", "a1-b2-c3"]) assert.equal(titleSlug(titleOfSlug(slug)), slug);
});

const push = (...args: string[]) => {
  const { status, stdout, stderr } = spawnSync(process.execPath, [main, "kaggle", "push-folder", ...args], {
    encoding: "utf8",
  });
  return { status, stdout, stderr };
};

test("push-folder writes a notebook and its metadata, and again over its own", async () => {
  const out = join(await scratch("push"), "journey");
  const args = [journey, "--out", out, "--id", "me/my-journey", "--dataset", "me/rag-cells-kit", "--no-gpu"];
  for (let i = 0; i < 2; i++) {
    const done = push(...args);
    assert.equal(done.status, 0, done.stderr);
    assert.match(done.stdout, /title +My journey\n.*GPU +none\n.*\nNext: kaggle kernels push -p /s);
  }
  assert.deepEqual(readdirSync(out), ["journey.ipynb", "kernel-metadata.json"]);
  assert.equal(readFileSync(join(out, "journey.ipynb"), "utf8"), made.get("journey.ipynb"));
  const metadata = JSON.parse(readFileSync(join(out, "kernel-metadata.json"), "utf8"));
  assert.equal(kernelMetadataProblem(metadata), null);
  assert.deepEqual([metadata.enable_gpu, metadata.machine_shape, metadata.enable_internet], [false, undefined, false]);
  const other = push(journey, "--out", out, "--id", "me/another-one", "--dataset", "me/rag-cells-kit");
  assert.match(other.stderr, /can't be used: its kernel-metadata\.json is that of another notebook/);
});

test("push-folder takes a Python notebook as it is, and says what is wrong with a name before it writes", async () => {
  const place = await scratch("push");
  const python = join(place, "mine.ipynb");
  writeFileSync(python, made.get("20-chunk.ipynb") as string);
  const out = join(place, "out");
  const done = push(
    python,
    "--out",
    out,
    "--id",
    "me/mine-too",
    "--dataset",
    "me/rag-cells-kit",
    "--dataset",
    "me/more-data",
    "--internet",
  );
  assert.equal(done.status, 0, done.stderr);
  assert.equal(readFileSync(join(out, "mine.ipynb"), "utf8"), made.get("20-chunk.ipynb"));
  const { dataset_sources, enable_internet } = JSON.parse(readFileSync(join(out, "kernel-metadata.json"), "utf8"));
  assert.deepEqual([dataset_sources, enable_internet], [["me/rag-cells-kit", "me/more-data"], true]);
  mkdirSync(join(place, "empty"));
  const nowhere = join(place, "empty/out");
  const refused = (...args: string[]) => push(journey, "--out", nowhere, ...args).stderr;
  assert.match(refused("--id", "me", "--dataset", "me/rag-cells-kit"), /^Option "id" = "me": must be "owner\/slug"/);
  assert.match(
    refused("--id", "me/my-journey", "--dataset", "kit"),
    /^Option "dataset" = "kit": must be "owner\/slug"/,
  );
  assert.match(
    refused("--id", "me/my-journey", "--dataset", "me/rag-cells-kit", "--title", "My walk"),
    /^Option "title" = "My walk": must give the slug of the id, "my-journey", and gives "my-walk"/,
  );
  assert.match(refused("--id", "me/my-journey"), /name the dataset that holds the kit with --dataset/);
  assert.deepEqual(readdirSync(join(place, "empty")), []);
});
