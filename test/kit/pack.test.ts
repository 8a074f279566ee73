import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import type * as rag from "../../dist/index.js";
import { isNeeded } from "../../dist/kit/prune.js";
import { parseKit } from "../../dist/schema/kit-file.js";
import { tmpfs } from "../lib/mounts.ts";
import { scratch } from "../lib/sample.ts";
import { fakePackage, packFake, writeTree } from "./fake.ts";

const root = await fakePackage();
const dir = join(await scratch("kit"), "kit");
const packed = await packFake(root, dir, { models: ["sample-dense"], title: "A kit of mine", id: "me/my-own-kit" });
const read = (name: string, from = dir) => readFileSync(join(from, name), "utf8");
const namesIn = (archive: string) => Object.keys(packed.kit.archives[archive]?.files ?? {});

test("a kit is a flat folder of plain files: archives, models, Python modules, lists and texts", () => {
  const names = readdirSync(dir).sort();
  const models = names.filter((name) => name.startsWith("rag-cells--sample-dense--"));
  assert.equal(models.length, 6);
  assert.deepEqual(
    names.filter((name) => !models.includes(name)),
    [
      "LICENSES.txt",
      "README.md",
      "SHA256SUMS",
      "dataset-metadata.json",
      "models.lock.json",
      "rag-cells-kit.json",
      "rag-cells-modules.kit",
      "rag-cells-node.kit",
      "rag-cells-package.kit",
      "rag_cells_helper.py",
    ],
  );
  for (const name of names) assert.ok(lstatSync(join(dir, name)).isFile(), name);
  assert.deepEqual([...packed.files.keys()].sort(), names);
  assert.deepEqual([...packed.written].sort(), names);
  const { title, id, licenses } = JSON.parse(read("dataset-metadata.json"));
  assert.deepEqual([title, id, licenses], ["A kit of mine", "me/my-own-kit", [{ name: "other" }]]);
  assert.match(read("README.md"), /sys\.path\.insert\(0, "\/kaggle\/input\/my-own-kit"\)/);
});

test("only what runs is in it: no other systems' files, sources, maps, tests, tools; two versions stay two", () => {
  assert.deepEqual(namesIn("rag-cells-package.kit"), [
    "LICENSE",
    "dist/cli/main.js",
    "dist/index.js",
    "kaggle/README.md",
    "kaggle/rag_cells_helper.py",
    "package.json",
  ]);
  assert.deepEqual(namesIn("rag-cells-modules.kit"), [
    "node_modules/a/LICENSE",
    "node_modules/a/bin/run.js",
    "node_modules/a/index.d.ts",
    "node_modules/a/index.js",
    "node_modules/a/node_modules/b/index.js",
    "node_modules/a/node_modules/b/package.json",
    "node_modules/a/package.json",
    "node_modules/b/package.json",
    "node_modules/tslab/package.json",
  ]);
  assert.deepEqual(namesIn("rag-cells-node.kit"), ["node_modules/node/bin/node", "node_modules/node/package.json"]);
  assert.deepEqual(packed.kit.links, {
    "node_modules/.bin/a": "../a/bin/run.js",
    "node_modules/.bin/node": "../node/bin/node",
    "node_modules/.bin/rag-cells": "../../dist/cli/main.js",
    "node_modules/rag-cells": "..",
  });
  const run = Object.values(packed.kit.archives).flatMap(({ files }) =>
    Object.entries(files).flatMap(([path, file]) => (file.run ? [path] : [])),
  );
  assert.deepEqual(run.sort(), ["dist/cli/main.js", "node_modules/a/bin/run.js", "node_modules/node/bin/node"]);
});

test("what the packages with files for many systems keep", () => {
  const keeps = (name: string, ...paths: string[]) => paths.filter((path) => isNeeded(name, path));
  const binary = "bin/napi-v6/linux/x64/libonnxruntime.so.1";
  const cuda = "bin/napi-v6/linux/x64/libonnxruntime_providers_cuda.so";
  assert.deepEqual(
    keeps("onnxruntime-node", binary, cuda, "bin/napi-v6/win32/x64/onnxruntime.dll", "script/install.js"),
    [binary, cuda],
  );
  const addon = "build/linux/x64/node/glibc-127-Release/addon.node";
  const others = ["musl-127-Release", "108"].map((abi) => `build/linux/x64/node/${abi}/addon.node`);
  assert.deepEqual(keeps("zeromq", addon, ...others, "build/darwin/arm64/node/115/addon.node", "build/manifest.json"), [
    addon,
    "build/manifest.json",
  ]);
  assert.deepEqual(
    keeps("any", "LICENSE.md", "licence", "NOTICE", "lib/license.js", "src/x.ts", "src/x.d.ts", "src/x.js"),
    ["LICENSE.md", "licence", "NOTICE", "lib/license.js", "src/x.d.ts", "src/x.js"],
  );
});

test("sha256sum and tar agree; the list has every file; the licences have every package", () => {
  const said = execFileSync("sha256sum", ["-c", "SHA256SUMS"], { cwd: dir, encoding: "utf8" });
  assert.equal(said.match(/: OK$/gm)?.length, readdirSync(dir).length - 2);
  const listed = execFileSync("tar", ["-tvzf", join(dir, "rag-cells-modules.kit")], { encoding: "utf8" });
  assert.match(listed, /^-rwxr-xr-x 0\/0 .* 1985-10-26 .* node_modules\/a\/bin\/run\.js$/m);
  const parsed = parseKit(read("rag-cells-kit.json"));
  assert.deepEqual(parsed.ok && parsed.kit, packed.kit);
  const licences = read("LICENSES.txt");
  for (const words of [
    "the licence of a\n",
    "b 1.0.0: MIT",
    "b 2.0.0: MIT",
    "sample-dense",
    "the licence of the whole",
  ])
    assert.ok(licences.includes(words), words);
});

test("the same inputs give the same bytes, from another folder and at another time", async () => {
  const moved = await fakePackage();
  for (const name of readdirSync(moved)) utimesSync(join(moved, name), 1, 1);
  const other = join(await scratch("kit-again"), "kit");
  await packFake(moved, other, { models: ["sample-dense"], title: "A kit of mine", id: "me/my-own-kit" });
  for (const name of readdirSync(dir))
    assert.ok(readFileSync(join(dir, name)).equals(readFileSync(join(other, name))), name);
});

test("packed again, nothing is written; after a change, what differs is, and what was filled in stays", async () => {
  const again = join(await scratch("kit-changes"), "kit");
  const source = await fakePackage();
  await packFake(source, again, { models: ["sample-dense"], title: "A kit of mine", id: "me/my-own-kit" });
  const metadata = JSON.parse(read("dataset-metadata.json", again));
  writeFileSync(join(again, "dataset-metadata.json"), JSON.stringify({ ...metadata, subtitle: "mine" }, null, 2));
  const before = statSync(join(again, "rag-cells-modules.kit")).ino;
  const same = await packFake(source, again, { models: ["sample-dense"] });
  assert.deepEqual(same.written, ["dataset-metadata.json"]);
  assert.equal(JSON.parse(read("dataset-metadata.json", again)).subtitle, "mine");
  assert.deepEqual((await packFake(source, again, { models: ["sample-dense"] })).written, []);

  writeTree(source, { "dist/index.js": "export const changed = 1;" });
  const changed = await packFake(source, again, { models: ["sample-dense"] });
  assert.deepEqual([...changed.written].sort(), [
    "README.md",
    "SHA256SUMS",
    "rag-cells-kit.json",
    "rag-cells-package.kit",
  ]);
  assert.notEqual(changed.kit.id, same.kit.id);
  assert.equal(statSync(join(again, "rag-cells-modules.kit")).ino, before);

  truncateSync(join(again, "rag-cells-modules.kit"), 100);
  assert.deepEqual((await packFake(source, again, { models: ["sample-dense"] })).written, ["rag-cells-modules.kit"]);

  const without = await packFake(source, again);
  assert.equal(without.kit.id, changed.kit.id, "models are not unpacked, so the packages stay what they are");
  assert.ok(!readdirSync(again).some((name) => name.includes("sample-dense") || name === "models.lock.json"));
});

const refused = (work: Promise<unknown>, code: string, words: RegExp) =>
  assert.rejects(work, (error: rag.RagError) => {
    assert.equal(error.code, code, error.message);
    assert.match(error.message, words);
    return true;
  });

test("an installation that no kit can be made of is refused before anything is written", async () => {
  const target = join(await scratch("kit-refused"), "kit");
  const lacks = await fakePackage();
  rmSync(join(lacks, "node_modules/a/node_modules/b"), { recursive: true });
  rmSync(join(lacks, "node_modules/b"), { recursive: true });
  await refused(packFake(lacks, target), "kit_source_unfit", /b, which a needs, is not installed\. Run npm ci/);
  const unbuilt = await fakePackage();
  rmSync(join(unbuilt, "dist"), { recursive: true });
  await refused(packFake(unbuilt, target), "kit_source_unfit", /no dist\/index\.js\. Run npm run build/);
  const linked = await fakePackage();
  renameSync(join(linked, "node_modules/a"), join(linked, "a"));
  symlinkSync("../a", join(linked, "node_modules/a"));
  await refused(packFake(linked, target), "kit_source_unfit", /it is a link to a package elsewhere/);
  await refused(packFake(root, target, { title: "short" }), "bad_option", /6 to 50/);
  await refused(packFake(root, target, { id: "nobody" }), "bad_option", /owner\/slug/);
  await refused(packFake(root, target, { models: ["no-such-model"] }), "unknown_model", /no-such-model/);
  assert.ok(!existsSync(target));
});

test("from an installed package the kit is the same as from its checkout", async () => {
  const project = join(await scratch("project"), "node_modules");
  const checkout = await fakePackage();
  mkdirSync(project);
  renameSync(join(checkout, "node_modules/a"), join(project, "a"));
  renameSync(join(checkout, "node_modules/b"), join(project, "b"));
  renameSync(join(checkout, "node_modules/node"), join(project, "node"));
  renameSync(join(checkout, "node_modules/tslab"), join(project, "tslab"));
  rmSync(join(checkout, "node_modules"), { recursive: true });
  renameSync(checkout, join(project, "rag-cells"));
  const { kit } = await packFake(join(project, "rag-cells"), join(await scratch("kit-installed"), "kit"));
  assert.equal(kit.id, packed.kit.id);
});

test("a folder that holds something else, or that can't be written, is refused with a way out", async (t) => {
  const taken = await scratch("taken");
  writeFileSync(join(taken, "mine.txt"), "");
  await refused(packFake(root, taken), "folder_taken", /mine\.txt.*is no kit.*Name a new folder/);
  const beside = join(await scratch("beside"), "kit");
  await packFake(root, beside);
  writeFileSync(join(beside, "mine.txt"), "");
  await refused(packFake(root, beside), "folder_taken", /mine\.txt.*would be uploaded too/);
  const disk = await tmpfs(t, "size=64k");
  if (disk === null) return;
  const big = await fakePackage({
    "node_modules/a/big.js": Array.from({ length: 90_000 }, () => Math.random()).join(),
  });
  await refused(packFake(big, join(disk.dir, "kit")), "kit_write_failed", /disk is full.*run the command again/i);
  assert.ok(!existsSync(join(disk.dir, "kit", "rag-cells-kit.json")), "an unfinished folder is no kit");
  disk.remount("ro");
  await refused(packFake(root, join(disk.dir, "other")), "kit_write_failed", /can't be written/);
  disk.remount("rw,size=64m");
  await packFake(big, join(disk.dir, "kit"));
  assert.ok(!existsSync(join(disk.dir, "kit", "rag-cells-kit.json.unfinished")));
});
