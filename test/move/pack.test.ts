import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { before, test } from "node:test";
import { inspect } from "node:util";
import { quantile } from "../../dist/core/stats.js";
import * as rag from "../../dist/index.js";
import { defaultTarget } from "../../dist/move/pack.js";
import { tmpfs } from "../lib/mounts.ts";
import { inferenceProcesses, until } from "../lib/processes.ts";
import { lacking, python } from "../lib/python.ts";
import { root as checkout, sampleOptions, scratch } from "../lib/sample.ts";
import { watchHolding } from "../runtime/lib/lateness.ts";
import type { Move } from "./move-child.ts";
import { anotherMachine, entriesOf, runCells } from "./sessions.ts";

const here = await anotherMachine();
let session: rag.Session;
let chunks: rag.ChunkRun;
const outside = await scratch("exported-outside");

before(async () => {
  session = await rag.openSession(here.options());
  const made = await runCells(session, here.files);
  const { dense, collection } = made;
  chunks = made.chunks;
  await rag.exportCollection(session, [chunks, dense], { folder: outside, collection: "apart" });
  await rag.exportCollection(session, [chunks, dense], { folder: join(session.dir, "second"), collection: "second" });
  assert.equal(collection.folder, session.dir);
});

test("everything that the session needs is in the zip, each file as it is on disk, the manifest last", async () => {
  const pack = await rag.packSession(session);
  assert.equal(pack.path, join(here.root, "test.session.zip"));
  const bytes = readFileSync(pack.path);
  assert.equal(pack.bytes, bytes.length);
  assert.equal(pack.sha256, createHash("sha256").update(bytes).digest("hex"));
  const entries = await entriesOf(pack.path);
  assert.equal([...entries.keys()].at(-1), "session-pack.json");
  const manifest = JSON.parse(String(entries.get("session-pack.json")));
  assert.deepEqual(
    [manifest.schema, manifest.session, manifest.library],
    ["rag-cells/session-pack@1", "test", JSON.parse(readFileSync(join(checkout, "package.json"), "utf8")).version],
  );
  assert.equal(manifest.files.length, entries.size - 1);
  for (const { path, bytes, sha256 } of manifest.files) {
    const there = readFileSync(join(session.dir, path));
    assert.ok(entries.get(path)?.equals(there), path);
    assert.deepEqual([bytes, sha256], [there.length, createHash("sha256").update(there).digest("hex")], path);
  }
  const onDisk = readdirSync(session.dir, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name !== "session.lock" && !entry.parentPath.endsWith("sources"))
    .map((entry) => join(entry.parentPath, entry.name).slice(session.dir.length + 1));
  assert.deepEqual([...entries.keys()].filter((name) => name !== "session-pack.json").sort(), onDisk.sort());
  assert.deepEqual(pack.runs, { prime: 1, chunk: 1, dense: 1, sparse: 1, fuse: 1, rerank: 1, export: 3 });
  assert.ok(manifest.runs.every((run: { state: string }) => run.state === "finished"));
  assert.ok(
    pack.collection.files > 15 &&
      entries.has("processing_summary.json") &&
      entries.has("second/processing_summary.json"),
  );
  assert.match(inspect(pack), /read back[\s\S]*test\.session\.zip[\s\S]*1\. Take[\s\S]*2\. Run the same cells/);
});

test("no entry has a path of this machine in it: session, home, corpus, models, an export's folder, the package", async () => {
  const { path } = await rag.packSession(session);
  for (const [name, content] of await entriesOf(path))
    for (const place of [here.root, homedir(), here.corpus, here.models, dirname(here.models), outside, checkout]) {
      assert.ok(!name.includes(place) && !content.includes(place), `${name} holds ${place}`);
      if (place.lastIndexOf("/") > 0)
        assert.ok(!content.includes(place.slice(1)), `${name} holds ${place} in disguise`);
    }
});

test("Python reads the zip: journals and arrays are stored as they are, texts are deflated", {
  skip: lacking("zipfile"),
}, async () => {
  const { path, files } = await rag.packSession(session);
  const script = `import sys, zipfile
z = zipfile.ZipFile(sys.argv[1])
print(z.testzip(), len(z.namelist()), *[f"{i.filename.rsplit('.')[-1]}:{i.compress_type}" for i in z.infolist()])`;
  const [bad, count, ...methods] = execFileSync(python, ["-c", script, path], { encoding: "utf8" }).trim().split(" ");
  assert.deepEqual([bad, Number(count)], ["None", files + 1]);
  assert.deepEqual([...new Set(methods)].sort(), ["faiss:0", "json:8", "jsonl:8", "npy:0", "txt:8"]);
});

test("without the collection: the exports' files stay behind, their runs do not", async () => {
  const pack = await rag.packSession(session, { to: join(await scratch("to"), "new/deep/x.zip"), collection: false });
  const names = [...(await entriesOf(pack.path)).keys()];
  assert.ok(
    !names.some((name) => !/^(runs\/.*|session\.json|session-pack\.json|history\.jsonl)$/.test(name)),
    names.join(),
  );
  assert.deepEqual([pack.collection, pack.runs.export], [{ files: 0, bytes: 0 }, 3]);
});

test("an earlier file is replaced, leftovers of a killed packing go, other files stay", async () => {
  const dir = await scratch("replaced");
  const to = join(dir, "p.zip");
  const dead = spawnSync(process.execPath, ["-e", ""]).pid;
  for (const name of ["p.zip", `.p.zip.${dead}.0.tmp`, `.q.p.zip.${dead}.0.tmp`, `.p.zip.${process.pid}.9999.tmp`])
    writeFileSync(join(dir, name), "earlier");
  await rag.packSession(session, { to });
  assert.ok(readFileSync(to).length > 10_000);
  assert.deepEqual(
    readdirSync(dir).sort(),
    [`.p.zip.${process.pid}.9999.tmp`, `.q.p.zip.${dead}.0.tmp`, "p.zip"].sort(),
  );
});

test("places that can't be: in the session, through a link too; a folder; nothing", async () => {
  const link = join(await scratch("link"), "session");
  symlinkSync(session.dir, link);
  for (const to of [join(session.dir, "x.zip"), join(session.dir, "new/x.zip"), join(link, "x.zip"), here.root, ""])
    await assert.rejects(rag.packSession(session, { to }), { code: "bad_option" }, to);
  await assert.rejects(rag.packSession(session, { collection: 1 } as never), { code: "bad_option" });
  assert.equal(defaultTarget("a", "/x/rag-cells/a", true), "/kaggle/working/a.session.zip");
  assert.equal(defaultTarget("a", "/x/rag-cells/a", false), "/x/rag-cells/a.session.zip");
});

test("links, pipes and names that not every system has are refused; what is no part of the session is left out", async () => {
  const options = sampleOptions(await scratch("strange"));
  const own = await rag.openSession(options);
  const to = join(await scratch("to"), "x.zip");
  const refused = async (path: string, words: RegExp) => {
    await assert.rejects(rag.packSession(own, { to }), { code: "session_not_packable", message: words });
    rmSync(join(own.dir, path));
    assert.ok(!existsSync(to));
  };
  const run = join(own.dir, "runs/dense/dense-0000000000000000.partial");
  mkdirSync(run, { recursive: true });
  symlinkSync("/etc/passwd", join(run, "x.journal"));
  await refused("runs/dense/dense-0000000000000000.partial/x.journal", /x\.journal" is a link/);
  symlinkSync("/", join(own.dir, "everything"));
  await refused("everything", /"everything" is a link/);
  execFileSync("mkfifo", [join(own.dir, "pipe")]);
  await refused("pipe", /"pipe" is a device, a pipe or a socket/);
  writeFileSync(join(run, "a\\b\u001b[31m"), "");
  await refused("runs/dense/dense-0000000000000000.partial/a\\b\u001b[31m", /control characters/);
  writeFileSync(join(own.dir, "\u001b[31mmine.txt"), "mine");
  mkdirSync(join(own.dir, "runs/dense/dense-1111111111111111.old"));
  writeFileSync(join(own.dir, "runs/dense/dense-1111111111111111.old/run.json"), "{}");
  mkdirSync(join(own.dir, "runs/chunk/chunk-2222222222222222"), { recursive: true });
  writeFileSync(join(own.dir, "runs/chunk/chunk-2222222222222222/run.json"), "torn");
  writeFileSync(join(run, "sample-dense.journal"), "torn");
  writeFileSync(join(run, ".x.npy.1.0.tmp"), "left");
  const pack = await rag.packSession(own, { to });
  assert.deepEqual(
    [...(await entriesOf(to)).keys()],
    [
      "runs/chunk/chunk-2222222222222222/run.json",
      "runs/dense/dense-0000000000000000.partial/sample-dense.journal",
      "session.json",
      "session-pack.json",
    ],
  );
  assert.deepEqual(pack.leftOut, ["\u001b[31mmine.txt"]);
  assert.deepEqual(pack.damaged, ["chunk-2222222222222222"]);
  assert.deepEqual(pack.inTheMaking, [{ stage: "dense", id: "dense-0000000000000000", batches: 0 }]);
  const words = inspect(pack);
  assert.ok(/1 run can't be read/.test(words) && !words.includes("\u001b[31mmine"), words);
  own.close();
});

test("while a stage runs the session is not packed, and while it is packed no stage runs", async () => {
  const running = rag.packSession(session);
  await assert.rejects(rag.chunk(session, { files: here.files, rerun: true }), {
    code: "stage_busy",
    message: /pack stage is still running/,
  });
  await assert.rejects(rag.packSession(session), { code: "stage_busy" });
  await running;
  const computing = rag.runDense(session, chunks, { rerun: true });
  computing.catch(() => {});
  await until(() => inferenceProcesses()[0], "the inference process");
  await assert.rejects(rag.packSession(session), { code: "stage_busy", message: /dense stage is still running/ });
  await computing;
});

test("Stop: nothing is written, and the earlier pack stands", async () => {
  const own = await rag.openSession(sampleOptions(await scratch("stopped")));
  const dir = join(own.dir, "runs/dense/dense-0000000000000000.partial");
  mkdirSync(dir, { recursive: true });
  writeFileSync(join(dir, "x.journal"), "");
  truncateSync(join(dir, "x.journal"), 400e6);
  const folder = await scratch("stopped-to");
  const to = join(folder, "x.zip");
  writeFileSync(to, "earlier");
  const running = rag.packSession(own, { to });
  running.catch(() => {});
  await until(() => readdirSync(folder).find((name) => name.endsWith(".tmp")), "the writing to begin");
  process.kill(process.pid, "SIGINT");
  await assert.rejects(running, { code: "stopped", message: /Nothing was written/ });
  assert.deepEqual(readdirSync(folder), ["x.zip"]);
  assert.equal(readFileSync(to, "utf8"), "earlier");
  own.close();
});

test("the event loop stays free, and memory does not grow with the session", async (t) => {
  const own = await rag.openSession(sampleOptions(await scratch("free")));
  const dir = join(own.dir, "runs/dense/dense-0000000000000000.partial");
  mkdirSync(dir, { recursive: true });
  for (const name of ["x.journal", "x.jsonl"]) {
    writeFileSync(join(dir, name), "");
    truncateSync(join(dir, name), 150e6);
  }
  const before = process.memoryUsage().rss;
  let most = before;
  const memory = setInterval(() => {
    most = Math.max(most, process.memoryUsage().rss);
  }, 20);
  const watch = watchHolding();
  await rag.packSession(own, { to: join(await scratch("free-to"), "x.zip") });
  const late = watch.stop();
  clearInterval(memory);
  t.diagnostic(
    `a 10 ms timer was late by ${quantile(late, 0.99).toFixed(1)} ms of this thread's work at the 99th percentile of ${late.length}; ${((most - before) / 1e6).toFixed(0)} MB more for 300 MB`,
  );
  assert.ok(late.length > 20 && quantile(late, 0.99) <= 20);
  assert.ok(most - before < 150e6);
  own.close();
});

test("no room: refused before anything is written; a disk that fills, or is read-only, says so", async (t) => {
  const disk = await tmpfs(t, "size=2m");
  if (!disk) return;
  const own = await rag.openSession(sampleOptions(await scratch("full")));
  const dir = join(own.dir, "runs/dense/dense-0000000000000000.partial");
  mkdirSync(dir, { recursive: true });
  const journal = join(dir, "x.journal");
  writeFileSync(journal, "");
  truncateSync(journal, 8e6);
  const to = join(disk.dir, "x.zip");
  await assert.rejects(rag.packSession(own, { to }), {
    code: "disk_too_small",
    message: /packSession\(session, \{ to \}\)/,
  });
  // Random text is taken for half of what it is, so the disk is full in the middle of it.
  const noise = Buffer.alloc(3e6, 1).map(() => Math.floor(Math.random() * 256));
  rmSync(journal);
  writeFileSync(join(dir, "noise.txt"), noise);
  disk.remount("size=2600k");
  await assert.rejects(rag.packSession(own, { to }), { code: "pack_write_failed", message: /disk is full/ });
  assert.deepEqual(readdirSync(disk.dir), []);
  disk.remount("ro,size=20m");
  await assert.rejects(rag.packSession(own, { to }), { code: "pack_write_failed", message: /can't be written/ });
  own.close();
});

test("kill -9 before the zip gets its name: the earlier one stands, and the next call removes what was left", async () => {
  const options = sampleOptions(await scratch("killed"));
  (await rag.openSession(options)).close();
  const folder = await scratch("killed-to");
  const to = join(folder, "x.zip");
  writeFileSync(to, "earlier");
  const move: Move = { options, verb: "pack", to, killAt: 1 };
  const child = join(import.meta.dirname, "move-child.ts");
  assert.equal(spawnSync(process.execPath, [child, JSON.stringify(move)]).signal, "SIGKILL");
  assert.equal(readFileSync(to, "utf8"), "earlier");
  assert.equal(readdirSync(folder).length, 2);
  const own = await rag.openSession(options);
  await rag.packSession(own, { to });
  assert.deepEqual(readdirSync(folder), ["x.zip"]);
  assert.deepEqual([...(await entriesOf(to)).keys()], ["session.json", "session-pack.json"]);
  own.close();
});

test("a pack that reads back otherwise is an error, and does not replace the earlier one", async () => {
  const folder = await scratch("bad-disk");
  const to = join(folder, "x.zip");
  writeFileSync(to, "earlier");
  const script = `
    import fs from "node:fs/promises";
    import { syncBuiltinESMExports } from "node:module";
    const rag = await import(${JSON.stringify(join(checkout, "dist/index.js"))});
    const session = await rag.openSession(${JSON.stringify(sampleOptions(await scratch("damaged-pack")))});
    // A disk that keeps a byte otherwise than it was given.
    const { open } = fs;
    fs.open = async (path, flags, ...more) => {
      const file = await open(path, flags, ...more);
      if (flags !== "wx" || !String(path).includes("x.zip")) return file;
      const { write } = file;
      let first = true;
      file.write = (data, ...rest) => {
        const wrong = Buffer.from(data);
        if (!first && wrong.length > 20) wrong[10] ^= 1;
        first = false;
        return write.call(file, wrong, ...rest);
      };
      return file;
    };
    syncBuiltinESMExports();
    await rag.packSession(session, { to: ${JSON.stringify(to)} }).then(() => console.log("done"), (e) => console.log(e.code));`;
  const { stdout, stderr } = spawnSync(process.execPath, ["--input-type=module", "-e", script], { encoding: "utf8" });
  assert.equal(stdout.trim(), "pack_not_verified", stderr);
  assert.deepEqual([readdirSync(folder), readFileSync(to, "utf8")], [["x.zip"], "earlier"]);
});
