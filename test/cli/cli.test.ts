import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, lstatSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { linkPackage } from "../../dist/cli/link.js";
import { nearNames } from "../../dist/cli/near.js";
import { startKernel } from "../../dist/notebook/kernel.js";
import { kernelSpec } from "../../dist/notebook/kernelspec.js";

const main = join(import.meta.dirname, "..", "..", "dist", "cli", "main.js");
const folder = mkdtempSync(join(tmpdir(), "cli-"));
after(() => rmSync(folder, { recursive: true }));

function cli(args: string[], env: Record<string, string> = {}) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [main, ...args], {
    cwd: folder,
    env: { ...process.env, ...env },
    encoding: "utf8",
  });
  return { status, stdout, stderr };
}

test("help and version; an unknown command names the near ones and is no stack trace", () => {
  assert.match(cli(["help"]).stdout, /rag-cells journey .*rag-cells kernel /s);
  assert.match(cli(["--version"]).stdout, /^\d+\.\d+\.\d+\n$/);
  const unknown = cli(["kernle"]);
  assert.equal(unknown.status, 1);
  assert.match(unknown.stderr, /^There is no command "kernle"\. Did you mean kernel\? The commands are journey, .*\n$/);
  assert.match(cli(["run", "--colour"]).stderr, /^Unknown option '--colour'.*\nSee: rag-cells help\n$/s);
  assert.match(cli(["run"]).stderr, /^rag-cells run: name one notebook\. See: rag-cells help\.\n$/);
  assert.equal(cli(["__proto__"]).status, 1);
});

test("near names: two edits or a beginning", () => {
  assert.deepEqual(nearNames("journy", ["journey", "run"]), ["journey"]);
  assert.deepEqual(nearNames("setup", ["setup-faiss", "help"]), ["setup-faiss"]);
  assert.deepEqual(nearNames("xyzzy", ["journey", "run"]), []);
});

test("run: a line a cell, the executed notebook and its page; a failing cell is exit code 1 with the reason", () => {
  const fixtures = join(import.meta.dirname, "..", "notebook", "fixtures");
  const done = cli(["run", join(fixtures, "tour.ipynb"), "--out", "results", "--html"]);
  assert.equal(done.status, 0, done.stderr);
  assert.match(done.stdout, /cell 1 of 4 {2}\d+\.\d s {2}ok {2}A small tour\n.*cell 4 of 4/s);
  assert.match(done.stdout, /notebook {2}results\/tour\.ipynb\n {2}page {6}results\/tour\.html\n/);
  assert.match(readFileSync(join(folder, "results", "tour.html"), "utf8"), /<p>card<\/p><svg/);
  assert.ok(existsSync(join(folder, "results", "tour.ipynb")));

  const failed = cli(["run", join(fixtures, "fails.ipynb")]);
  assert.equal(failed.status, 1);
  assert.match(failed.stderr, /stopped at code cell 2 of 3.*Type 'string' is not assignable/s);
  assert.ok(existsSync(join(folder, "out", "fails.ipynb")));
  assert.match(cli(["run", join(fixtures, "fails.ipynb"), "--out", fixtures]).stderr, /would replace .*--out/);
});

test("pack-session: packs what a killed kernel has left, whatever models it used", () => {
  const run = join(folder, "sessions/mine/runs/dense/dense-0123456789abcdef.partial");
  mkdirSync(run, { recursive: true });
  assert.match(cli(["pack-session", "sessions/mine"]).stderr, /^rag-cells pack-session: .*no session\.json.*See/);
  assert.match(cli(["pack-session"]).stderr, /name one session's folder/);
  writeFileSync(join(folder, "sessions/mine/session.json"), '{"schema":"rag-cells/session@1","name":"mine"}\n');
  writeFileSync(join(run, "x.journal"), "torn");
  const beside = cli(["pack-session", "sessions/mine"], { EMBEDDER_SPARSE_MODELS: "a-row-of-their-own" });
  assert.equal(beside.status, 0, beside.stderr);
  assert.match(beside.stdout, /pack +sessions\/mine\.session\.zip\n.*in the making +1 runs, 0 finished batches/s);
  const named = cli(["pack-session", "sessions/mine", "--to", "x.zip", "--no-collection"]);
  assert.equal(named.status, 0, named.stderr);
  assert.ok(existsSync(join(folder, "sessions/mine.session.zip")) && existsSync(join(folder, "x.zip")));
  assert.ok(!existsSync(join(folder, "sessions/mine/session.lock")), "its lock is given back");
});

test("kernel --print: the kernelspec as JSON, and nothing is written", () => {
  const { status, stdout } = cli(["kernel", "--print"]);
  assert.equal(status, 0);
  assert.deepEqual(JSON.parse(stdout), JSON.parse(JSON.stringify(kernelSpec())));
});

test("kernel: says where the kernelspec is and what comes next", () => {
  const { status, stdout } = cli(["kernel", "--prefix", "p"]);
  assert.equal(status, 0);
  const path = join(folder, "p", "share", "jupyter", "kernels", "rag-cells-typescript", "kernel.json");
  assert.match(stdout, new RegExp(`is in ${path}\n.*JUPYTER_PATH=.*\nNext: npm run lab`));
  assert.ok(existsSync(path));
  assert.match(
    cli(["kernel"], { JUPYTER_DATA_DIR: join(folder, "d") }).stdout,
    new RegExp(`is in ${folder}/d/kernels`),
  );
});

test("lab without JupyterLab is one line with the way out", () => {
  const { status, stderr } = cli(["lab"], { PATH: folder });
  assert.equal(status, 1);
  assert.match(stderr, /^JupyterLab could not be started .*pip install jupyterlab.*npm start .*\n$/);
});

test("link: a checkout's notebooks import the package by name, with types and at run time", async (t) => {
  const root = join(folder, "checkout");
  mkdirSync(join(root, "dist"), { recursive: true });
  mkdirSync(join(root, "notebooks"));
  const manifest = { name: "rag-cells", type: "module", main: "./dist/index.js", types: "./dist/index.d.ts" };
  const exports = { ".": { types: "./dist/index.d.ts", default: "./dist/index.js" } };
  writeFileSync(join(root, "package.json"), JSON.stringify({ ...manifest, exports }));
  writeFileSync(join(root, "dist", "index.js"), "export const dim = (n) => n * 2;\n");
  writeFileSync(join(root, "dist", "index.d.ts"), "export declare const dim: (n: number) => number;\n");
  const link = await linkPackage(root);
  assert.ok(lstatSync(link).isSymbolicLink());
  const before = lstatSync(link).ctimeMs;
  await linkPackage(root);
  assert.equal(lstatSync(link).ctimeMs, before, "a right link is left alone");

  const kernel = await startKernel({ cwd: join(root, "notebooks") });
  t.after(() => kernel.kill());
  const ran = await kernel.execute(`import * as rag from "rag-cells";\nconst six: number = rag.dim(3);\nsix`);
  assert.equal(ran.failure, null);
  assert.match(JSON.stringify(ran.outputs), /"6\\n"/);
  assert.match(String((await kernel.execute(`rag.dim("three")`)).failure), /'string' is not assignable .* 'number'/);
  assert.match(String((await kernel.execute("rag.dimension(3)")).failure), /'dimension' does not exist/);
  await kernel.shutdown();

  rmSync(link);
  mkdirSync(link);
  await assert.rejects(linkPackage(root), { code: "link_blocked" });
});
