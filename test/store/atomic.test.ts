import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import type { RagError } from "../../dist/core/errors.js";
import { openAtomic, openText, removeLeftovers, writeAtomic } from "../../dist/store/atomic.js";

let dir = "";
before(async () => {
  dir = await mkdtemp(join(tmpdir(), "rag-atomic-"));
});
after(() => rm(dir, { recursive: true, force: true }));

const MODULE = new URL("../../dist/store/atomic.js", import.meta.url).href;

/** Runs a script in a process of its own behind a shell line that sets its limits. */
function inShell(line: string, script: string) {
  return spawnSync("sh", ["-c", line, "sh", process.execPath, `--input-type=module`, "-e", script], {
    encoding: "utf8",
    timeout: 60_000,
  });
}

describe("writeAtomic", () => {
  it("writes strings, bytes and streams, and reports their size and hash", async () => {
    const big = Buffer.alloc((8 << 20) * 2 + 17, "abc");
    async function* parts() {
      yield "héllo ";
      yield Buffer.from("world");
    }
    for (const [name, data, expected] of [
      ["s", "héllo", Buffer.from("héllo")],
      ["b", big, big],
      ["i", parts(), Buffer.from("héllo world")],
      ["e", "", Buffer.alloc(0)],
    ] as const) {
      const path = join(dir, "new", "folder", name);
      const written = await writeAtomic(path, data);
      assert.deepEqual(await readFile(path), expected);
      assert.deepEqual(written, {
        bytes: expected.length,
        sha256: createHash("sha256").update(expected).digest("hex"),
      });
    }
  });

  it("leaves the old file and nothing else when its source fails, and passes the source's error on", async () => {
    const path = join(dir, "kept.json");
    await writeAtomic(path, "old");
    async function* broken() {
      yield "new";
      throw new TypeError("the source broke");
    }
    await assert.rejects(writeAtomic(path, broken()), new TypeError("the source broke"));
    assert.equal(await readFile(path, "utf8"), "old");
    assert.deepEqual(
      (await readdir(dir)).filter((name) => name.endsWith(".tmp")),
      [],
    );
  });

  it("names path and way out when the target is a folder", async () => {
    const path = join(dir, "folder");
    await mkdir(path);
    await assert.rejects(writeAtomic(path, "x", "the manifest"), (error: RagError) => {
      assert.equal(error.code, "store_write_failed");
      assert.match(error.message, /Can't write the manifest to ".*folder"\. .*EISDIR/);
      return true;
    });
    assert.deepEqual(
      (await readdir(dir)).filter((name) => name.endsWith(".tmp")),
      [],
    );
  });

  it("says so where the user may not write", async () => {
    const path = join(dir, "closed");
    await mkdir(path);
    await chmod(path, 0o500);
    // Root may write anywhere, so root becomes nobody for a moment.
    const root = process.geteuid?.() === 0;
    if (root) await chmod(dir, 0o755);
    if (root) process.seteuid?.(65534);
    try {
      await assert.rejects(writeAtomic(join(path, "x"), "x"), /may not write there/);
    } finally {
      if (root) process.seteuid?.(0);
    }
  });

  it("takes names of 255 bytes, and two writers of one file at once", async () => {
    const path = join(dir, "ü".repeat(127));
    await Promise.all([writeAtomic(path, "one"), writeAtomic(path, "two")]);
    assert.match(await readFile(path, "utf8"), /^(one|two)$/);
  });

  it("survives short writes and reports a file-size limit", () => {
    const path = join(dir, "limited");
    const script = `import { writeAtomic } from ${JSON.stringify(MODULE)};
      await writeAtomic(${JSON.stringify(path)}, new Uint8Array(900_000)).catch((e) => { console.log(e.code + " " + e.message); });`;
    const { stdout, stderr } = inShell('ulimit -f 1000; exec "$@"', script);
    // 1000 blocks of 512 bytes in sh: the first call takes 512,000 bytes, the second none.
    assert.match(stdout, /^store_write_failed .*EFBIG/, stderr);
  });

  it("says that the disk is full, and leaves nothing there", (t) => {
    const mount = join(dir, "small");
    const probe = spawnSync("unshare", ["-rm", "true"]);
    if (probe.status !== 0) return t.skip("unshare -rm is not allowed here, so no small disk can be made");
    const script = `import { writeAtomic } from ${JSON.stringify(MODULE)}; import { readdirSync, readFileSync } from "node:fs";
      const at = ${JSON.stringify(join(mount, "vectors.npy"))};
      await writeAtomic(at, "old");
      await writeAtomic(at, new Uint8Array(1 << 20), "the vectors").catch((e) => console.log(e.code + " " + e.message));
      console.log(readdirSync(${JSON.stringify(mount)}).join(), readFileSync(at, "utf8"));`;
    const line = `mkdir -p ${mount} && mount -t tmpfs -o size=256k tmpfs ${mount} && exec "$@"`;
    const { stdout, stderr } = spawnSync(
      "unshare",
      ["-rm", "sh", "-c", line, "sh", process.execPath, "--input-type=module", "-e", script],
      { encoding: "utf8" },
    );
    assert.match(
      stdout,
      /^store_write_failed Can't write the vectors to ".*vectors\.npy"\. The disk is full\. Free space/,
      stderr,
    );
    assert.match(stdout, /\nvectors\.npy old\n$/);
  });
});

describe("openAtomic", () => {
  it("shows nothing under the name before commit, and nothing after abort", async () => {
    const path = join(dir, "later");
    const file = await openAtomic(path);
    await file.write("half");
    assert.equal((await readdir(dir)).includes("later"), false);
    await file.abort();
    await file.abort();
    assert.deepEqual(
      (await readdir(dir)).filter((name) => name.includes("later")),
      [],
    );
    await assert.rejects(file.write("more"), /already aborted/);
  });

  it("keeps a committed file when abort comes late", async () => {
    const path = join(dir, "done");
    const file = await openAtomic(path);
    await file.write("whole");
    await file.commit();
    await file.abort();
    assert.equal(await readFile(path, "utf8"), "whole");
    await assert.rejects(file.commit(), /already committed/);
  });
});

describe("openText", () => {
  it("writes what was added, in order, across many flushes", async () => {
    const path = join(dir, "lines.jsonl");
    const file = await openText(path);
    const line = `${"é".repeat(300_000)}\n`;
    for (let i = 0; i < 9; i++) await file.add(`${i}${line}`);
    const { bytes } = await file.commit();
    const text = await readFile(path, "utf8");
    assert.equal(bytes, Buffer.byteLength(text));
    assert.deepEqual(
      text.split("\n").map((row) => row.slice(0, 2)),
      [...Array.from({ length: 9 }, (_, i) => `${i}é`), ""],
    );
  });
});

describe("removeLeftovers", () => {
  it("removes the aside files of dead processes only", async () => {
    const folder = join(dir, "left");
    await mkdir(folder);
    const dead = spawnSync(process.execPath, ["-p", "process.pid"], { encoding: "utf8" }).stdout.trim();
    for (const name of [`.a.npy.${dead}.0.tmp`, `.a.npy.${process.pid}.0.tmp`, ".b.npy.1.3.tmp", "a.npy", ".hidden"]) {
      await writeFile(join(folder, name), "");
    }
    assert.equal(await removeLeftovers(folder), 1);
    assert.deepEqual(
      (await readdir(folder)).sort(),
      [`.a.npy.${process.pid}.0.tmp`, ".b.npy.1.3.tmp", ".hidden", "a.npy"].sort(),
    );
  });
});
