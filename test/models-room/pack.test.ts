import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import {
  chmodSync,
  copyFileSync,
  cpSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";
import { test } from "node:test";
import { inspect } from "node:util";
import { flatName } from "../../dist/core/flat-name.js";
import * as rag from "../../dist/index.js";
import { copyFile } from "../../dist/models/pack-copy.js";
import { tmpfs } from "../lib/mounts.ts";
import { until } from "../lib/processes.ts";
import { corpusOf, sampleModels, sampleOptions, scratch, smallCorpus } from "../lib/sample.ts";
import { testCard, wholeModel, write } from "./folder.ts";
import type { Disturbance } from "./pack-child.ts";

const COMMIT = "0123456789abcdef0123456789abcdef01234567";
const TEXTS = ["README.md", "SHA256SUMS", "dataset-metadata.json", "models.lock.json"];

/** A session that looks in these folders only. */
async function open(modelDirs: readonly string[], more: Partial<rag.SessionOptions> = {}): Promise<rag.Session> {
  const dir = await scratch("pack-session");
  return rag.openSession(sampleOptions(dir, { modelDirs: [...modelDirs], cacheDir: join(dir, "none"), ...more }));
}

/** A session over one model of our own, `acme/tiny-model`, unless more are named. */
const openTiny = (modelDirs: readonly string[], cards = [testCard()]) =>
  open(modelDirs, { addModels: cards, dense: cards.map(({ key }) => key), sparse: ["bm25"], enableRerank: false });

async function tinyRoot(files: Readonly<Record<string, string | Uint8Array | object>> = {}): Promise<string> {
  const root = await scratch("tiny");
  write(join(root, "tiny"), { ...wholeModel, ...files });
  return root;
}

const read = (...path: string[]) => readFileSync(join(...path), "utf8");
const metadataOf = (dir: string) => JSON.parse(read(dir, "dataset-metadata.json"));
const fails = (work: Promise<unknown>, code: string, ...words: string[]) =>
  assert.rejects(work, (error: rag.RagError) => {
    assert.equal(error.code, code, error.message);
    for (const word of words) assert.ok(error.message.includes(word), `${error.message}\ndoes not say ${word}`);
    return true;
  });

const packed = join(await scratch("packed"), "pack");
const source = await open([sampleModels]);
const pack = await rag.packCache(source, packed);

test("a pack holds every file of the session's models beside each other, and says what it holds", () => {
  assert.deepEqual(
    { ...pack, models: pack.models.map(({ key, commercialUse }) => [key, commercialUse]) },
    {
      kind: "cache_pack",
      dir: packed,
      archive: null,
      models: [
        ["sample-dense", true],
        ["sample-splade", true],
        ["sample-rerank", true],
      ],
      files: 18,
      bytes: readdirSync(packed).reduce((sum, name) => sum + statSync(join(packed, name)).size, 0),
    },
  );
  assert.match(inspect(pack), /^pack\n[\s\S]*18 files[\s\S]*sample-splade/);
  assert.equal(readdirSync(packed).length, 18);
  for (const name of readdirSync(packed)) {
    const info = lstatSync(join(packed, name));
    assert.ok(info.isFile() && info.nlink === 1, name);
    assert.ok(TEXTS.includes(name) || /^rag-cells--sample-(dense|splade|rerank)--/.test(name), name);
  }
  for (const [key, folder] of [
    ["dense", "1_Pooling/config.json"],
    ["rerank", "onnx/model.onnx"],
  ] as const) {
    const there = join(packed, flatName(`rag-cells/sample-${key}`, folder));
    assert.ok(readFileSync(there).equals(readFileSync(join(sampleModels, `rag-cells-sample-${key}`, folder))), folder);
  }
});

test("sha256sum agrees, of every file but the one that is edited by hand", { skip: lackingSums() }, () => {
  const said = execFileSync("sha256sum", ["-c", "SHA256SUMS"], { cwd: packed, encoding: "utf8" });
  const listed = said.trim().split("\n");
  assert.ok(listed.every((line) => line.endsWith(": OK")));
  assert.deepEqual(
    listed.map((line) => line.replace(": OK", "")).sort(),
    readdirSync(packed)
      .filter((name) => name !== "dataset-metadata.json" && name !== "SHA256SUMS")
      .sort(),
  );
});

function lackingSums(): string | false {
  return spawnSync("sha256sum", ["--version"]).status === 0 ? false : "sha256sum is not here";
}

test("from a read-only copy alone a session primes, and the dense run is the same in id and bytes", async () => {
  const moved = join(await scratch("moved"), "attached");
  cpSync(packed, moved, { recursive: true });
  for (const name of readdirSync(moved)) chmodSync(join(moved, name), 0o444);
  chmodSync(moved, 0o555);
  const corpus = join(await corpusOf(smallCorpus), "**/*.{md,txt}");
  const attached = await open([moved]);
  const before = readdirSync(moved).join();
  const runs: rag.DenseRun[] = [];
  const vectors: rag.Matrix[] = [];
  for (const session of [source, attached]) {
    const run = await rag.runDense(session, await rag.chunk(session, { files: corpus }));
    runs.push(run);
    vectors.push(await rag.readVectors(run));
  }
  assert.ok(!runs[1]?.reused && runs[1]?.session === "test");
  assert.equal(runs[0]?.id, runs[1]?.id);
  assert.deepEqual(vectors[0], vectors[1]);
  const primed = await rag.primeCache(attached);
  assert.ok(primed.models.every(({ model }) => model.servedFrom === basename(moved)));
  assert.ok((await rag.verifyCache(attached)).files.every(({ state }) => state === "ok"));
  assert.equal(readdirSync(moved).join(), before);
  chmodSync(moved, 0o755);
  attached.close();
});

test("a pack on a read-only file system serves", async (t) => {
  const mounted = await tmpfs(t, "size=32m");
  if (!mounted) return;
  cpSync(packed, join(mounted.dir, "rag-cells-models"), { recursive: true });
  mounted.remount("ro");
  const session = await open([join(mounted.dir, "rag-cells-models")]);
  assert.equal((await rag.primeCache(session)).models.length, 3);
  session.close();
});

test("a packed file that was altered, cut off or taken away is found, and named", async () => {
  const onnx = "rag-cells--sample-dense--onnx--model.onnx";
  for (const [harm, word] of [
    [(path: string) => writeFileSync(path, Buffer.from(readFileSync(path)).fill(1, 5000, 5001)), "altered"],
    [(path: string) => truncateSync(path, 1000), "cut off"],
    [(path: string) => rmSync(path), "missing"],
  ] as const) {
    const copy = join(await scratch("harmed"), "pack");
    cpSync(packed, copy, { recursive: true });
    harm(join(copy, onnx));
    const session = await open([copy]);
    await fails(rag.primeCache(session), "model_files_missing", "onnx/model.onnx", word === "missing" ? "" : word);
    const bad = (await rag.verifyCache(session)).files.filter(({ state }) => state === "bad");
    assert.deepEqual(
      bad.map(({ model, path }) => [model, path]),
      [["sample-dense", "onnx/model.onnx"]],
    );
    assert.ok(bad[0]?.problem.includes(word));
    session.close();
  }
});

test("links of a hub's cache become files, at the commit that it names", async () => {
  const root = await scratch("hub");
  const repository = join(root, "models--acme--tiny-model");
  write(repository, { "refs/main": COMMIT });
  for (const [path, content] of Object.entries(wholeModel)) {
    const blob = path.replaceAll("/", "_");
    write(join(repository, "blobs"), { [blob]: content });
    const link = join(repository, "snapshots", COMMIT, path);
    mkdirSync(dirname(link), { recursive: true });
    symlinkSync(join(path.includes("/") ? "../../../blobs" : "../../blobs", blob), link);
  }
  const session = await openTiny([root]);
  const dir = join(await scratch("hub-pack"), "deep/er");
  await rag.packCache(session, dir);
  assert.ok(readdirSync(dir).every((name) => lstatSync(join(dir, name)).isFile()));
  assert.equal(read(dir, "acme--tiny-model--onnx--model.onnx_data"), "more weights");
  assert.equal(JSON.parse(read(dir, "models.lock.json")).models["acme/tiny-model"].revision, COMMIT);
  assert.ok(read(dir, "README.md").includes(COMMIT));
  const alone = await openTiny([dir]);
  const { models } = await rag.primeCache(alone, undefined, { onlyPlan: true });
  assert.deepEqual([models[0]?.state, models[0]?.root, models[0]?.revision], ["on disk", dir, COMMIT]);
  for (const opened of [session, alone]) opened.close();
});

test("title and id keep Kaggle's rules, and the metadata has exactly one licence", async () => {
  const session = await openTiny([await tinyRoot()]);
  const dir = join(await scratch("names"), "pack");
  for (const title of ["five5", "x".repeat(51), "two\nlines", "colour \u001b[31m"])
    await fails(rag.packCache(session, dir, { title }), "bad_option", '"title"');
  const slug = (length: number) => "a".repeat(length);
  for (const id of [
    "models",
    "me/",
    `me/${slug(5)}`,
    `me/${slug(51)}`,
    "me/My-Models",
    "me/my_models",
    "a/b/models",
    "../models",
  ])
    await fails(rag.packCache(session, dir, { id }), "bad_option", '"id"', "owner/slug");
  assert.ok(!existsSync(dir), "nothing was written");
  const title = "😀".repeat(50);
  await rag.packCache(session, dir, { title, id: `me/${slug(50)}` });
  const { description, ...rest } = metadataOf(dir);
  assert.deepEqual(rest, { title, id: `me/${slug(50)}`, licenses: [{ name: "other" }] });
  assert.match(description, /tiny \(acme\/tiny-model\): MIT/);
  assert.ok(!read(dir, "README.md").includes("INSERT_YOUR_USERNAME"));
  assert.ok(read(packed, "README.md").includes("INSERT_YOUR_USERNAME"));
  assert.equal(metadataOf(packed).id, "INSERT_YOUR_USERNAME/rag-cells-models");
  session.close();
});

test("a licence without commercial use is told in README, description and value, and foreign text stays text", async () => {
  const licence = "CC-BY-NC-4.0 | [x](http://x)\n# <b>";
  const session = await openTiny([await tinyRoot()], [testCard({ licence, commercialUse: false })]);
  const dir = join(await scratch("closed"), "pack");
  const closed = await rag.packCache(session, dir);
  assert.match(inspect(closed), /1 model without commercial use/);
  assert.deepEqual(closed.models, [{ key: "tiny", hubId: "acme/tiny-model", licence, commercialUse: false }]);
  const readme = read(dir, "README.md");
  assert.match(readme, /\*\*No commercial use\*\*: the licence of tiny forbids it/);
  const row = readme.split("\n").find((line) => line.startsWith("| tiny |")) ?? "";
  assert.equal(row.replaceAll(/\\./g, "").split("|").length, 9, row);
  assert.ok(row.endsWith("| **forbidden** |") && !row.includes("[x](") && !row.includes("<b>"), row);
  assert.match(metadataOf(dir).description, /no commercial use/);
  session.close();
});

test("a folder that is something else is refused and left alone", async () => {
  const session = await openTiny([await tinyRoot()]);
  const dir = await scratch("taken");
  const refuse = async (path: string, word: string) => {
    const before = existsSync(path) && statSync(path).isDirectory() ? readdirSync(path).join() : "";
    await fails(rag.packCache(session, path), "folder_taken", word);
    if (before !== "") assert.equal(readdirSync(path).join(), before);
  };
  write(dir, { "thesis.md": "years of work" });
  await refuse(dir, "thesis.md");
  await refuse(join(dir, "thesis.md"), "no folder");
  // A lock file of an operator's models makes no pack.
  write(join(dir, "out"), { "models.lock.json": { schema: "rag-cells/models-lock@1", models: {} } });
  await refuse(join(dir, "out"), "no pack");
  await rag.packCache(session, join(dir, "pack"));
  write(join(dir, "pack"), { "notes.txt": "mine" });
  await refuse(join(dir, "pack"), "notes.txt");
  assert.equal(read(dir, "thesis.md"), "years of work");
  await fails(rag.packCache(session, ""), "bad_option", '"dir"');
  await fails(rag.packCache(session, dir, { models: [] }), "bad_option", '"models"');
  session.close();
});

test("over an earlier pack only what differs is written, what is no longer in it goes, and what the operator filled in stays", async () => {
  const dir = join(await scratch("again"), "pack");
  await rag.packCache(source, dir);
  const onnx = join(dir, "rag-cells--sample-dense--onnx--model.onnx");
  const config = join(dir, "rag-cells--sample-dense--config.json");
  const tokenizer = join(dir, "rag-cells--sample-dense--tokenizer.json");
  const { ino } = statSync(onnx);
  writeFileSync(config, "{}");
  renameSync(tokenizer, `${dir}.json`);
  linkSync(`${dir}.json`, tokenizer);
  write(dir, { "dataset-metadata.json": { ...metadataOf(dir), id: "me/my-models", id_no: 7 } });
  await rag.packCache(source, dir, { models: ["sample-dense"], title: "another title" });
  assert.ok(readdirSync(dir).every((name) => TEXTS.includes(name) || name.startsWith("rag-cells--sample-dense--")));
  assert.equal(readdirSync(dir).length, 10);
  assert.equal(statSync(onnx).ino, ino, "a file that is right is left");
  assert.ok(read(config).includes("BertModel"));
  assert.equal(statSync(tokenizer).nlink, 1, "a hard link is replaced");
  const { title, id, id_no } = metadataOf(dir);
  assert.deepEqual([title, id, id_no], ["another title", "me/my-models", 7]);
  assert.ok(!read(dir, "README.md").includes("sample-rerank"));
});

test("a link in a pack is replaced, and what it leads to is left alone", async () => {
  const session = await openTiny([await tinyRoot()]);
  const dir = join(await scratch("planted"), "pack");
  await rag.packCache(session, dir);
  const victim = join(dirname(dir), "victim");
  const planted = join(dir, "acme--tiny-model--config.json");
  copyFileSync(planted, victim);
  rmSync(planted);
  symlinkSync(victim, planted);
  writeFileSync(victim, "precious");
  await rag.packCache(session, dir);
  assert.ok(lstatSync(planted).isFile());
  assert.equal(readFileSync(victim, "utf8"), "precious");
  session.close();
});

test("two files of one flat name are an error, and nothing is written", async () => {
  const root = await scratch("clash");
  const cards = [
    testCard({ key: "one", hubId: "acme/tiny--a", externalData: {} }),
    testCard({ key: "two", hubId: "acme--tiny/a", externalData: {} }),
  ];
  for (const { key } of cards) write(join(root, key), wholeModel);
  const session = await openTiny([root], cards);
  const dir = join(root, "pack");
  await fails(rag.packCache(session, dir), "pack_name_clash", "acme--tiny--a--config.json");
  assert.ok(!existsSync(dir));
  assert.equal((await rag.packCache(session, dir, { models: ["two", "two"] })).models.length, 1);
  session.close();
});

test("a file that is no longer what was verified is not kept", async () => {
  const root = await tinyRoot();
  const dir = await scratch("changed");
  const place = join(root, "tiny/onnx/model.onnx");
  const file = { name: "a--b--c", place, what: "a/b/c", bytes: 20, sha256: "0".repeat(64) };
  await fails(
    copyFile(dir, file, new AbortController().signal, () => {}),
    "model_file_bad",
    "verified",
  );
  assert.deepEqual(readdirSync(dir), []);
});

/** Runs a disturbed packing of the sample models in a process of its own. */
async function disturbed(dir: string, at: string, how: Disturbance["how"]) {
  const home = await scratch("child");
  const session = sampleOptions(home, { cacheDir: join(home, "none") });
  const task: Disturbance = { session, verb: "packCache", paths: [dir], at, how };
  const child = join(import.meta.dirname, "pack-child.ts");
  return spawnSync(process.execPath, [child, JSON.stringify(task)], { encoding: "utf8" });
}

test("kill -9 at any point: the folder is never taken for whole, and packing goes on", async () => {
  for (const at of [
    "models.lock.json.unfinished",
    "rag-cells--sample-rerank--config.json",
    "README.md",
    "SHA256SUMS",
    "models.lock.json",
  ]) {
    const dir = join(await scratch("killed"), "pack");
    const { signal } = await disturbed(dir, at, "kill");
    assert.equal(signal, "SIGKILL", at);
    assert.ok(!existsSync(join(dir, "models.lock.json")) && !existsSync(join(dir, at)), at);
    const there = readdirSync(dir).filter((name) => name.endsWith(".onnx"));
    const inodes = there.map((name) => statSync(join(dir, name)).ino);
    assert.equal((await rag.packCache(source, dir)).files, 18, at);
    assert.deepEqual(readdirSync(dir).sort(), readdirSync(packed).sort(), "no file aside is left");
    assert.deepEqual(
      there.map((name) => statSync(join(dir, name)).ino),
      inodes,
      "what was whole is not copied again",
    );
  }
});

test("what was damaged on its way to the disk is found when it is read back", async () => {
  const dir = join(await scratch("damaged"), "pack");
  const { stdout } = await disturbed(dir, "rag-cells--sample-dense--config.json", "damage");
  assert.match(stdout, /^pack_not_verified .*config\.json: cut off/);
});

test("Stop ends the packing within a block, leaves nothing half, and the cell run again goes on", async () => {
  const root = await tinyRoot({ "onnx/model.onnx_data": "" });
  truncateSync(join(root, "tiny/onnx/model.onnx_data"), 100e6);
  const session = await openTiny([root]);
  const dir = join(await scratch("stopped"), "pack");
  const running = rag.packCache(session, dir);
  running.catch(() => {});
  const aside = () => (existsSync(dir) ? readdirSync(dir).find((name) => name.includes("onnx_data")) : undefined);
  await until(aside, "the large file to be begun");
  process.kill(process.pid, "SIGINT");
  await fails(running, "stopped");
  assert.equal(aside(), undefined);
  assert.ok(!existsSync(join(dir, "models.lock.json")));
  await rag.packCache(session, dir);
  assert.equal(statSync(join(dir, "acme--tiny-model--onnx--model.onnx_data")).size, 100e6);
  session.close();
});

test("a disk without room is found before anything is written", async (t) => {
  const mounted = await tmpfs(t, "size=8m");
  if (!mounted) return;
  const dir = join(mounted.dir, "pack");
  await fails(rag.packCache(source, dir), "model_cache_full", "MB are free");
  assert.deepEqual(readdirSync(mounted.dir), []);
});

test("a folder that can't be written is told as such", async (t) => {
  const mounted = await tmpfs(t, "size=200m");
  if (!mounted) return;
  mounted.remount("ro");
  await fails(rag.packCache(source, join(mounted.dir, "pack")), "pack_write_failed", "can't be written");
});
