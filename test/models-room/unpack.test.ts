import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, truncateSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { inspect } from "node:util";
import { gzipSync } from "node:zlib";
import * as rag from "../../dist/index.js";
import { tmpfs } from "../lib/mounts.ts";
import { until } from "../lib/processes.ts";
import { python } from "../lib/python.ts";
import { random } from "../lib/random.ts";
import { sampleOptions, scratch } from "../lib/sample.ts";
import { type Made, tar, tgz, tinyFiles, tinyPack, zip } from "./archives.ts";
import type { Disturbance } from "./pack-child.ts";

const MIB = 2 ** 20;
const home = await scratch("unpack-session");
/** One model of a few megabytes: what an archive is made of, not how much, is what unpacking meets. */
const one: Partial<rag.SessionOptions> = { sparse: ["bm25"], enableRerank: false };
const session = await rag.openSession(sampleOptions(home, { cacheDir: join(home, "none"), ...one }));
const packed = join(await scratch("to-unpack"), "pack");
await rag.packCache(session, packed);
const names = readdirSync(packed).sort();
const whole: readonly Made[] = names.map((name) => ({ name, data: readFileSync(join(packed, name)) }));

/** Puts an archive into a folder of its own. */
async function archiveOf(bytes: Uint8Array, name = "archive"): Promise<string> {
  const path = join(await scratch("archive"), name);
  writeFileSync(path, bytes);
  return path;
}

/** The archive is refused for this reason, and nothing appears beside it. */
async function refused(bytes: Uint8Array, ...words: string[]): Promise<void> {
  const archive = await archiveOf(bytes);
  await assert.rejects(rag.unpackCache(session, archive, join(dirname(archive), "out")), (error: rag.RagError) => {
    assert.equal(error.code, "bad_archive", error.message);
    for (const word of words) assert.ok(error.message.includes(word), `${error.message}\ndoes not say ${word}`);
    return true;
  });
  assert.deepEqual(readdirSync(dirname(archive)), ["archive"], words.join());
}

function sameAsPacked(dir: string, without: readonly string[] = []): void {
  const wanted = names.filter((name) => !without.includes(name));
  assert.deepEqual(readdirSync(dir).sort(), wanted);
  for (const name of wanted) assert.ok(readFileSync(join(dir, name)).equals(readFileSync(join(packed, name))), name);
}

const around = (entries: readonly Made[], top: string): Made[] =>
  entries.map((entry) => ({ ...entry, name: `${top}/${entry.name}` }));

test("zip, tar and gzipped tar, with and without a folder around, give the pack byte by byte", async () => {
  const stored = whole.map((entry) => ({ ...entry, method: 0, mode: 0o100644 }));
  for (const [what, bytes] of [
    ["zip", zip(whole)],
    ["zip, stored, with modes", zip(stored)],
    ["zip in a folder", zip([{ name: "my pack/", mode: 0o040755 }, ...around(whole, "my pack")])],
    ["tar", await tar(whole)],
    ["tar.gz in a folder", await tgz([{ name: "pack/", type: "directory" }, ...around(whole, "pack")])],
    ["tar.gz of .", await tgz([{ name: "./", type: "directory" }, ...around(whole, ".")])],
  ] as const) {
    const archive = await archiveOf(bytes, "no-ending-that-says-it");
    const dir = join(dirname(archive), "out");
    if (what === "tar") mkdirSync(dir);
    const pack = await rag.unpackCache(session, archive, dir);
    sameAsPacked(dir);
    assert.deepEqual([pack.dir, pack.archive, pack.files], [dir, archive, 10], what);
    assert.match(inspect(pack), /^unpack\n[\s\S]*10 files[\s\S]*sample-dense/);
    assert.equal(
      pack.bytes,
      names.reduce((sum, name) => sum + readFileSync(join(packed, name)).length, 0),
    );
    assert.deepEqual(readdirSync(dirname(dir)).sort(), ["no-ending-that-says-it", "out"]);
  }
});

test("archives of the usual tools are read", async (t) => {
  const script = "import shutil, sys; shutil.make_archive(sys.argv[1], sys.argv[2], sys.argv[3])";
  const home = await scratch("tools");
  for (const [command, args, name] of [
    [python, ["-c", script, join(home, "py"), "zip", packed], "py.zip"],
    [python, ["-c", script, join(home, "py"), "gztar", packed], "py.tar.gz"],
    ["zip", ["-qr", join(home, "zip.zip"), "pack"], "zip.zip"],
    ["tar", ["-czf", join(home, "tar.tgz"), "pack"], "tar.tgz"],
    ["tar", ["-cf", join(home, "tar.tar"), "--format=pax", "-C", "pack", "."], "tar.tar"],
  ] as const) {
    const made = spawnSync(command, args, { cwd: dirname(packed), encoding: "utf8" });
    if (made.error) {
      t.diagnostic(`${name} was not tried: ${made.error.message}`);
      continue;
    }
    assert.equal(made.status, 0, made.stderr);
    await rag.unpackCache(session, join(home, name), join(home, `${name}.out`));
    sameAsPacked(join(home, `${name}.out`));
  }
});

test("what was unpacked serves a session, and models that no row knows are named by their repository", async () => {
  const archive = await archiveOf(zip(whole.filter(({ name }) => name !== "dataset-metadata.json")));
  const dir = join(dirname(archive), "deep/out");
  await rag.unpackCache(session, archive, dir);
  sameAsPacked(dir, ["dataset-metadata.json"]);
  const own = await scratch("unpacked-session");
  const alone = await rag.openSession(sampleOptions(own, { modelDirs: [dir], cacheDir: join(own, "none"), ...one }));
  assert.ok((await rag.verifyCache(alone)).files.every(({ state }) => state === "ok"));
  assert.equal((await rag.primeCache(alone)).models.length, 1);
  alone.close();
  const tiny = await archiveOf(zip(tinyPack()));
  const { models } = await rag.unpackCache(session, tiny, join(dirname(tiny), "out"));
  const hubId = "acme/tiny-model";
  assert.deepEqual(models, [{ key: hubId, hubId, licence: "MIT", commercialUse: null }]);
});

test("paths that leave the folder, in any spelling", async () => {
  for (const [name, words] of [
    ["../models.lock.json", '".."'],
    ["pack/../../acme--tiny-model--x", '".."'],
    ["/tmp/acme--tiny-model--x", "absolute"],
    ["C:acme--tiny-model--x", "drive letter"],
    ["c:/acme--tiny-model--x", "drive letter"],
    ["..\\acme--tiny-model--x", "backslash"],
    ["acme--tiny\n-model--x", "control"],
    ["acme--tiny-model--onnx/model.onnx", "folder of its own"],
  ] as const) {
    await refused(zip([...tinyPack(), { name, data: "x" }]), words);
    await refused(await tgz([{ name, data: "x" }, ...tinyPack()]), words === "folder of its own" ? "folder" : words);
  }
  await refused(zip([{ name: "a/" }, { name: "b/" }, ...tinyPack()]), '"b/"', "folder of its own");
});

test("links, devices, pipes, encrypted entries and unread compression", async () => {
  const name = "acme--tiny-model--config.json";
  for (const [mode, words] of [
    [0o120777, "is a link"],
    [0o020666, "a device"],
    [0o060666, "a device"],
    [0o010666, "pipe"],
    [0o140666, "plain files only"],
  ] as const)
    await refused(zip([{ name, data: "/etc/passwd", mode }, ...tinyPack()]), name, words);
  for (const [flags, words] of [
    [0x1, "is encrypted"],
    [0x40, "strong encryption"],
  ] as const)
    await refused(zip([{ name, data: "{}", flags }, ...tinyPack()]), words);
  await refused(zip([{ name, data: "{}", method: 12 }, ...tinyPack()]), "method that is not read (12)");
  for (const [type, words] of [
    ["symlink", "is a link"],
    ["link", "is a hard link"],
    ["character-device", "is a device"],
    ["block-device", "is a device"],
    ["fifo", "is a pipe"],
    ["contiguous-file", "of a kind"],
  ] as const)
    await refused(await tar([...tinyPack(), { name, type }]), name, words);
});

test("files that the lock file does not have, has otherwise, or that are not there", async () => {
  const files = tinyFiles;
  const other = { ...files, "onnx/model.onnx": "WEIGHTS of the model" };
  const more = { ...files, "onnx/model.onnx_data": "more" };
  for (const make of [zip, tar, tgz]) {
    await refused(await make(tinyPack(files, other)), "onnx--model.onnx", "sha256", "altered or damaged");
    await refused(await make(tinyPack(files, { ...files, "config.json": "{ }" })), "declares 2 bytes", "says 3");
    await refused(await make(tinyPack(more, files)), "onnx_data", "is not in models.lock.json");
    await refused(await make(tinyPack(files, more)), "lacks acme--tiny-model--onnx--model.onnx_data");
    await refused(await make(tinyPack().slice(0, -1)), "no models.lock.json");
    await refused(await make([...tinyPack(), tinyPack()[0] as Made]), "comes twice");
    await refused(
      await make([...tinyPack(), { name: "setup.py", data: "import os" }]),
      '"setup.py"',
      "name that no file",
    );
    await refused(await make([...tinyPack().slice(0, -1), { name: "models.lock.json", data: "{}" }]), "schema");
  }
  const clash = JSON.parse(String(tinyPack().at(-1)?.data));
  clash.models["acme--tiny/model"] = clash.models["acme/tiny-model"];
  clash.models["acme/tiny--model"] = clash.models["acme/tiny-model"];
  await refused(
    zip([...tinyPack().slice(0, -1), { name: "models.lock.json", data: JSON.stringify(clash) }]),
    "two files",
  );
});

test("bombs: content beyond what is declared, texts and headers without end, too many entries", async () => {
  const bomb = Buffer.alloc(16 * MIB);
  const model = "acme--tiny-model--onnx--model.onnx";
  const [config, , lock] = tinyPack() as [Made, Made, Made];
  for (const method of [8, 0])
    await refused(zip([config, { name: model, data: bomb, declares: 20, method }, lock]), model, "more than the 20");
  await refused(zip([config, { name: model, data: "short", declares: 20 }, lock]), model, "after 5 of the 20");
  const text = { name: "models.lock.json", data: bomb, declares: 100 };
  await refused(zip([...tinyPack().slice(0, -1), text]), "models.lock.json", "more than the 100");
  for (const name of ["README.md", "models.lock.json"]) {
    const text = { name, data: Buffer.alloc(MIB + 1, " ") };
    const rest = tinyPack().filter((entry) => entry.name !== name);
    await refused(zip([...rest, text]), name, "at most 1048576");
    await refused(await tgz([...rest, text]), name, "at most 1048576");
  }
  // A name of 16 MiB stands in a header that the library would keep in memory whole.
  const long = (await tar([{ name: "x".repeat(200), data: "" }])).subarray(0, 512);
  const header = Buffer.from(long);
  header.write(`${(16 * MIB).toString(8).padStart(11, "0")} `, 124, "latin1");
  header.fill(" ", 148, 156);
  header.write(
    `${header
      .reduce((a, b) => a + b, 0)
      .toString(8)
      .padStart(6, "0")}\0 `,
    148,
    "latin1",
  );
  await refused(gzipSync(Buffer.concat([header, bomb])), "beside its entries");
  await refused(gzipSync(Buffer.concat([await tar(tinyPack()), bomb])), "beside its entries");
  const many = Array.from({ length: 11_000 }, (_, i) => ({ name: `acme--tiny-model--${i}` }));
  await refused(zip([...many, ...tinyPack()]), "at most 10000");
  await refused(await tgz([...many, ...tinyPack()]), "at most 10000");
});

test("what is no archive, and what was cut off anywhere", async () => {
  await refused(Buffer.from("not an archive"), "no zip file");
  await refused(Buffer.alloc(0), "no zip file");
  await refused(gzipSync("not a tar file, and long enough to be looked at".repeat(20)));
  await refused(zip([]), "no zip file");
  for (const make of [zip, tar, tgz]) {
    const bytes = await make(tinyPack());
    const content = make === tar ? bytes.length - 1024 : bytes.length;
    for (let i = 1; i < 12; i++) await refused(bytes.subarray(0, Math.floor((content * i) / 12)));
  }
  const missing = join(await scratch("none"), "none.zip");
  await assert.rejects(rag.unpackCache(session, missing, `${missing}.out`), { code: "bad_archive" });
  await assert.rejects(rag.unpackCache(session, "", "out"), { code: "bad_option" });
});

test("300 archives with flipped bytes: the right bytes or none", async (t) => {
  const next = random(20260801);
  const folder = await scratch("flipped");
  const archive = join(folder, "archive");
  let unpacked = 0;
  for (let round = 0; round < 300; round++) {
    const make = [zip, tar, tgz][round % 3] as typeof zip;
    const bytes = Buffer.from(await make(tinyPack()));
    for (let flips = 1 + Math.floor(next() * 3); flips > 0; flips--) {
      const at = Math.floor(next() * bytes.length);
      bytes.writeUInt8(bytes.readUInt8(at) ^ (1 << Math.floor(next() * 8)), at);
    }
    writeFileSync(archive, bytes);
    const out = join(folder, `out${round}`);
    const problem = await rag.unpackCache(session, archive, out).then(
      () => null,
      (error: rag.RagError) => error.code,
    );
    assert.ok(problem === null || problem === "bad_archive", `round ${round}: ${problem}`);
    assert.equal(existsSync(out), problem === null);
    if (problem !== null) continue;
    unpacked++;
    assert.equal(readFileSync(join(out, "acme--tiny-model--onnx--model.onnx"), "utf8"), "weights of the model");
  }
  assert.deepEqual(
    readdirSync(folder).filter((name) => name.startsWith(".")),
    [],
  );
  t.diagnostic(`${unpacked} of 300 were unpacked, since the flips were where nothing is read`);
});

test("a folder that is not empty is refused and left alone", async () => {
  const archive = await archiveOf(zip(tinyPack()));
  const dir = join(dirname(archive), "out");
  mkdirSync(dir);
  writeFileSync(join(dir, "mine.txt"), "mine");
  await assert.rejects(rag.unpackCache(session, archive, dir), { code: "folder_taken", message: /mine\.txt/ });
  await assert.rejects(rag.unpackCache(session, archive, archive), { code: "folder_taken", message: /no folder/ });
  assert.deepEqual(readdirSync(dir), ["mine.txt"]);
  assert.deepEqual(readdirSync(dirname(archive)).sort(), ["archive", "out"]);
});

test("a disk without room is found before anything is written", async (t) => {
  const mounted = await tmpfs(t, "size=2m");
  if (!mounted) return;
  const archive = await archiveOf(zip(whole));
  await assert.rejects(rag.unpackCache(session, archive, join(mounted.dir, "out")), { code: "model_cache_full" });
  assert.deepEqual(readdirSync(mounted.dir), []);
  const tiny = await archiveOf(zip(tinyPack()));
  await rag.unpackCache(session, tiny, join(mounted.dir, "out"));
  mounted.remount("ro");
  await assert.rejects(rag.unpackCache(session, tiny, join(mounted.dir, "other")), { code: "pack_write_failed" });
});

test("kill -9 while it unpacks: no folder, and the next call removes what was left", async () => {
  const archive = await archiveOf(zip(whole));
  const dir = join(dirname(archive), "out");
  for (const at of ["rag-cells--sample-dense--config.json", "out"]) {
    const own = await scratch("child");
    const options = sampleOptions(own, { cacheDir: join(own, "none") });
    const task: Disturbance = { session: options, verb: "unpackCache", paths: [archive, dir], at, how: "kill" };
    const child = join(import.meta.dirname, "pack-child.ts");
    assert.equal(spawnSync(process.execPath, [child, JSON.stringify(task)]).signal, "SIGKILL");
    const left = readdirSync(dirname(archive));
    assert.ok(left.length === 2 && left.some((name) => /^\.out\.\d+\.unpacking$/.test(name)), left.join());
  }
  await rag.unpackCache(session, archive, dir);
  sameAsPacked(dir);
  assert.deepEqual(readdirSync(dirname(archive)).sort(), ["archive", "out"]);
});

test("Stop ends the unpacking and leaves nothing", async () => {
  const folder = await scratch("stop-source");
  const data = join(folder, "zeros");
  writeFileSync(data, "");
  truncateSync(data, 100e6);
  const zeros = readFileSync(data);
  const archive = await archiveOf(await tar(tinyPack({ "onnx/model.onnx_data": zeros.toString("latin1") })));
  const running = rag.unpackCache(session, archive, join(dirname(archive), "out"));
  running.catch(() => {});
  const parent = dirname(archive);
  await until(() => readdirSync(parent).find((name) => name.endsWith(".unpacking")), "the unpacking to begin");
  process.kill(process.pid, "SIGINT");
  await assert.rejects(running, { code: "stopped", message: /Nothing of it was kept/ });
  assert.deepEqual(readdirSync(parent), ["archive"]);
});
