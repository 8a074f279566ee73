import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { readdir, readFile, stat, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";
import { openVectorCache, type VectorSpace } from "../../dist/store/vector-cache.js";
import { tmpfs } from "../lib/mounts.ts";
import { scratch } from "../lib/sample.ts";
import {
  bytes,
  DIM,
  filled,
  hashesOf,
  hashOf,
  look,
  options,
  place,
  rowOf,
  rowsOf,
  space,
  taken,
} from "./lib/cache-rows.ts";
import { surviveFlips } from "./lib/flips.ts";

test("rows come back bit for bit, from another opening too, and unknown texts are null", async () => {
  const path = await place();
  await filled(path, 700);
  const cache = openVectorCache(options(path));
  const rows = cache.space(space);
  const known = await rows.known(hashesOf(600, 800));
  assert.deepEqual([...known], [...new Array(100).fill(1), ...new Array(100).fill(0)]);
  assert.equal(await taken(cache, 600, 800), 100);
  await cache.close();
  assert.deepEqual(cache.notes(), []);
  assert.deepEqual(await readdir(dirname(path)), ["vectors.sqlite"], "no log and no aside file is left");
});

test("SQLite is loaded in the cache's thread alone, and says nothing", async () => {
  const script = `
    const rag = await import(${JSON.stringify(join(import.meta.dirname, "../../dist/index.js"))});
    const { openVectorCache } = await import(${JSON.stringify(join(import.meta.dirname, "../../dist/store/vector-cache.js"))});
    const cache = openVectorCache(${JSON.stringify(options(await place()))});
    await cache.contents();
    await cache.close();
    console.log(process.moduleLoadList.filter((name) => /sqlite/.test(name)).length);`;
  const { stdout, stderr } = spawnSync(process.execPath, ["--input-type=module", "-e", script], { encoding: "utf8" });
  assert.deepEqual([stdout, stderr], ["0\n", ""]);
});

test("everything that decides a vector parts the spaces; a model's name does not", async () => {
  const path = await place();
  await filled(path, 3);
  const cache = openVectorCache(options(path));
  const changes: Partial<VectorSpace>[] = [
    { fingerprint: "e".repeat(64) },
    { dtype: "int8" },
    { device: "cuda" },
    { pooling: "cls" },
    { normalize: false },
    { prefix: "passage: " },
    { maxTokens: 128 },
    { output: "sparse" },
    { width: DIM + 1 },
    { encoder: "2" },
  ];
  assert.equal(changes.length, Object.keys(space).length - 1, "every field but the name");
  for (const change of changes) {
    const other = cache.space({ ...space, ...change });
    assert.deepEqual([...(await other.known(hashesOf(0, 3)))], [0, 0, 0], JSON.stringify(change));
  }
  const renamed = cache.space({ ...space, model: "another-name" });
  assert.deepEqual([...(await renamed.known(hashesOf(0, 3)))], [1, 1, 1]);
  await cache.close();
});

test("sparse rows, empty ones too; what is no row of its space is not kept", async () => {
  const path = await place();
  const cache = openVectorCache(options(path));
  const sparse = cache.space({ ...space, output: "sparse", width: 100 });
  const terms = Buffer.concat([bytes(Float32Array.of(1, 2)), bytes(Float32Array.of(0.5, 7))]);
  await sparse.keep(hashesOf(0, 2), [terms, new Uint8Array()]);
  const back = await sparse.take(hashesOf(0, 2));
  assert.deepEqual(Buffer.from(back[0] as Uint8Array), terms);
  assert.equal(back[1]?.byteLength, 0);
  const broken = [
    bytes(new Float32Array(DIM).fill(Number.NaN)),
    bytes(Float32Array.of(...new Array(DIM - 1).fill(1), Number.POSITIVE_INFINITY)),
    bytes(new Float32Array(DIM - 1)),
    rowOf(3),
  ];
  await cache.space(space).keep(hashesOf(0, 4), broken);
  assert.deepEqual([...(await cache.space(space).known(hashesOf(0, 4)))], [0, 0, 0, 1]);
  await cache.close();
  assert.deepEqual(cache.notes(), []);
});

test("a vector in another's place, and one that was altered, are seen, removed and counted", async () => {
  const path = await place();
  await filled(path, 10);
  const db = new DatabaseSync(path);
  const keys = db.prepare("SELECT text, vector FROM keys ORDER BY vector").all() as {
    text: Uint8Array;
    vector: number;
  }[];
  const [a, b, c] = keys as [(typeof keys)[0], (typeof keys)[0], (typeof keys)[0]];
  db.prepare("UPDATE keys SET vector = ? WHERE text = ?").run(b.vector, a.text);
  db.prepare("UPDATE keys SET vector = ? WHERE text = ?").run(a.vector, b.text);
  db.exec(`UPDATE vectors SET data = CAST(data || x'00' AS BLOB) WHERE id = ${c.vector}`);
  db.close();
  const cache = openVectorCache(options(path));
  assert.equal(await taken(cache, 0, 10), 7);
  assert.equal(
    (await cache.space(space).known(hashesOf(0, 10))).reduce((x, y) => x + y),
    7,
    "the three are gone",
  );
  await cache.space(space).keep(hashesOf(0, 10), rowsOf(0, 10));
  assert.equal(await taken(cache, 0, 10), 10);
  await cache.close();
  assert.deepEqual(
    cache.notes().map(({ code, count }) => [code, count]),
    [["vector_cache_rows_damaged", 3]],
  );
});

test("random bytes flipped at many places: never a wrong vector, never an error, and it heals", (t) =>
  surviveFlips(t, 12));

test("a file that is no database, and one cut off, are moved aside with a message, and the cache begins anew", async () => {
  for (const damage of ["garbage", "cut", "empty"]) {
    const path = await place();
    await filled(path, 300);
    const whole = await readFile(path);
    if (damage === "garbage") await writeFile(path, "no database at all\n".repeat(1000));
    else await writeFile(path, whole.subarray(0, damage === "cut" ? Math.floor(whole.length * 0.6) : 0));
    const before = await readFile(path);
    const cache = openVectorCache(options(path));
    await taken(cache, 0, 300);
    await cache.space(space).keep(hashesOf(0, 300), rowsOf(0, 300));
    await cache.close();
    assert.deepEqual(
      cache.notes().map(({ code }) => code),
      ["vector_cache_damaged"],
      damage,
    );
    assert.match(cache.notes()[0]?.message as string, /vectors\.sqlite\.damaged-1/);
    assert.ok((await readFile(`${path}.damaged-1`)).equals(before), "nothing of the old file is lost");
    assert.deepEqual(await look(path, 0, 300), { found: 300, codes: [] });
  }
});

test("a cache of a newer version and another program's database are not touched", async () => {
  for (const pragma of ["user_version = 2", "application_id = 7"]) {
    const path = await place();
    await filled(path, 5);
    const db = new DatabaseSync(path);
    db.exec(`PRAGMA ${pragma}`);
    db.close();
    const before = await readFile(path);
    const cache = openVectorCache(options(path));
    assert.equal(await taken(cache, 0, 5), 0);
    await cache.space(space).keep(hashesOf(0, 5), rowsOf(0, 5));
    await cache.close();
    assert.deepEqual(
      cache.notes().map(({ code }) => code),
      ["vector_cache_unavailable"],
    );
    assert.ok((await readFile(path)).equals(before));
    assert.deepEqual(await readdir(dirname(path)), ["vectors.sqlite"]);
  }
});

test("a place that can hold no file is a note", async () => {
  const dir = await scratch("vectors");
  await writeFile(join(dir, "file"), "");
  for (const path of [dir, join(dir, "file/vectors.sqlite")]) {
    const cache = openVectorCache(options(path));
    assert.equal(await taken(cache, 0, 5), 0);
    await cache.space(space).keep(hashesOf(0, 5), rowsOf(0, 5));
    await cache.close();
    assert.deepEqual(
      cache.notes().map(({ code }) => code),
      ["vector_cache_unavailable"],
    );
  }
});

test("on a read-only disk it reads, keeps nothing, and says so once", async (t) => {
  const disk = await tmpfs(t, "size=8m");
  if (!disk) return;
  const path = join(disk.dir, "vectors.sqlite");
  await filled(path, 200);
  disk.remount("ro");
  const cache = openVectorCache(options(path));
  assert.equal(await taken(cache, 100, 300), 100);
  await cache.space(space).keep(hashesOf(200, 300), rowsOf(200, 300));
  assert.equal(await taken(cache, 100, 300), 100);
  await cache.close();
  assert.deepEqual(
    cache.notes().map(({ code }) => code),
    ["vector_cache_unavailable"],
  );
  assert.match(cache.notes()[0]?.message as string, /taken from it, and none are added/);
});

test("a full disk is a note, and what was kept before stays", async (t) => {
  const disk = await tmpfs(t, "size=1m");
  if (!disk) return;
  const path = join(disk.dir, "vectors.sqlite");
  const wide = { ...space, width: 1024 };
  const cache = openVectorCache(options(path));
  await cache.space(wide).keep(
    hashesOf(0, 20),
    Array.from({ length: 20 }, (_, i) => rowOf(i, 1024)),
  );
  for (let n = 1; n < 30; n++)
    await cache.space(wide).keep(
      hashesOf(n * 20, n * 20 + 20),
      Array.from({ length: 20 }, (_, i) => rowOf(i, 1024)),
    );
  const rows = await cache.space(wide).take(hashesOf(0, 20));
  assert.ok(rows.every((row, i) => row && Buffer.from(row).equals(rowOf(i, 1024))));
  await cache.close();
  assert.deepEqual(
    cache.notes().map(({ code }) => code),
    ["vector_cache_unavailable"],
  );
  assert.match(cache.notes()[0]?.message as string, /full.*no more vectors are added/);
});

/** A process that keeps and takes rows `from .. to` in pieces; prints how many it took. */
function writer(path: string, from: number, to: number) {
  const script = `
    import { createHash } from "node:crypto";
    import { openVectorCache } from ${JSON.stringify(join(import.meta.dirname, "../../dist/store/vector-cache.js"))};
    const hashOf = (i) => createHash("sha256").update("text " + i).digest();
    const rowOf = (i) => new Uint8Array(Float32Array.from({ length: ${DIM} }, (_, d) => i + d / 64).buffer);
    const cache = openVectorCache({ path: ${JSON.stringify(path)}, maxBytes: 2 ** 30, maxDays: null });
    const rows = cache.space(${JSON.stringify(space)});
    let found = 0;
    for (let i = ${from}; i < ${to}; i += 50) {
      const range = Array.from({ length: 50 }, (_, r) => i + r);
      const hashes = Buffer.concat(range.map(hashOf));
      await rows.keep(hashes, range.map(rowOf));
      for (const [r, row] of (await rows.take(hashes)).entries()) {
        if (row && !Buffer.from(row).equals(rowOf(i + r))) throw new Error("a wrong vector");
        if (row) found++;
      }
    }
    await cache.close();
    console.log(JSON.stringify({ found, notes: cache.notes() }));`;
  return spawn(process.execPath, ["--input-type=module", "-e", script], { stdio: ["ignore", "pipe", "inherit"] });
}

async function outcome(child: ReturnType<typeof writer>): Promise<{ found: number; notes: unknown[] }> {
  let text = "";
  child.stdout?.on("data", (piece) => {
    text += piece;
  });
  await once(child, "close");
  return JSON.parse(text);
}

test("three processes begin, write and read one file at once, with rows in common: nothing is lost", async () => {
  const path = await place();
  const results = await Promise.all([
    outcome(writer(path, 0, 3000)),
    outcome(writer(path, 1500, 4500)),
    outcome(writer(path, 0, 3000)),
  ]);
  assert.deepEqual(results, new Array(3).fill({ found: 3000, notes: [] }));
  assert.deepEqual(await look(path, 0, 4600), { found: 4500, codes: [] });
});

test("kill -9 of a writer at several points: the file is whole and holds what was kept", async (t) => {
  for (const ms of [150, 250, 400]) {
    const path = await place();
    const child = writer(path, 0, 100_000);
    await once(child, "spawn");
    for (;;) {
      if ((await stat(`${path}-wal`).catch(() => null))?.size) break;
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    await new Promise((resolve) => setTimeout(resolve, ms));
    child.kill("SIGKILL");
    await once(child, "close");
    const { found, codes } = await look(path, 0, 20_000);
    assert.deepEqual(codes, []);
    assert.ok(found > 0 && found % 50 === 0, `${found} rows: whole transactions`);
    t.diagnostic(`killed after ${ms} ms: ${found} rows`);
  }
});

test("another process that holds the file costs a note, not an error", async () => {
  const path = await place();
  await filled(path, 10);
  const db = new DatabaseSync(path);
  db.exec("BEGIN IMMEDIATE");
  const cache = openVectorCache(options(path));
  await cache.space(space).keep(hashesOf(10, 20), rowsOf(10, 20));
  assert.equal(await taken(cache, 0, 20), 10, "reading goes on");
  await cache.close();
  db.close();
  assert.deepEqual(
    cache.notes().map(({ code }) => code),
    ["vector_cache_unavailable"],
  );
});

test("beyond its size the least recently used rows go, and the file shrinks", async () => {
  const path = await place();
  await filled(path, 6000);
  const before = (await stat(path)).size;
  const refresh = openVectorCache(options(path));
  assert.equal(await taken(refresh, 0, 1000), 1000);
  await refresh.close();
  const limit = Math.floor(before / 2);
  const cache = openVectorCache(options(path, { maxBytes: limit }));
  await cache.space(space).known(hashesOf(0, 1));
  await cache.close();
  assert.deepEqual(cache.notes(), []);
  assert.ok((await stat(path)).size <= limit, `${(await stat(path)).size} of ${before} bytes`);
  const { found } = await look(path, 0, 1000);
  assert.equal(found, 1000, "what was used last stays");
  assert.ok((await look(path, 1000, 6000)).found < 2500);
});

test("a corpus larger than the limit does not fill the disk while it is computed", async () => {
  const path = await place();
  const limit = 400_000;
  const cache = openVectorCache(options(path, { maxBytes: limit }));
  for (let n = 0; n < 10_000; n += 500) {
    await cache.space(space).keep(hashesOf(n, n + 500), rowsOf(n, n + 500));
    const { spaces } = await cache.contents();
    assert.ok((spaces[0]?.rows ?? 0) * DIM * 4 <= limit);
    assert.equal((await cache.space(space).known(hashesOf(n + 499, n + 500)))[0], 1, "the newest stays");
  }
  await cache.close();
  assert.ok((await stat(path)).size <= limit);
});

test("what was not used for long goes; a clock that ran ahead keeps nothing alive", async () => {
  const path = await place();
  await filled(path, 30);
  const now = Math.floor(Date.now() / 1000);
  const db = new DatabaseSync(path);
  const set = (i: number, at: number) =>
    db.prepare("UPDATE keys SET at = ? WHERE text = ?").run(at, hashOf(`text ${i}`));
  for (let i = 0; i < 10; i++) set(i, now - 40 * 86_400);
  for (let i = 10; i < 20; i++) set(i, now + 1000 * 86_400);
  db.close();
  const open = async (maxDays: number) => {
    const cache = openVectorCache(options(path, { maxDays }));
    await cache.space(space).known(hashesOf(0, 1));
    await cache.close();
    return cache;
  };
  await open(30);
  assert.equal((await look(path, 0, 10)).found, 0);
  const check = new DatabaseSync(path);
  const { latest } = check.prepare("SELECT max(at) AS latest FROM keys").get() as { latest: number };
  check.close();
  assert.ok(latest <= Date.now() / 1000 + 1, "times of the future became now");
});

test("contents and removal by model, by age and of everything", async () => {
  const path = await place();
  await filled(path, 1200);
  const cache = openVectorCache(options(path));
  await cache.space({ ...space, model: "other", dtype: "int8" }).keep(hashesOf(0, 300), rowsOf(0, 300));
  const { spaces, bytes: size } = await cache.contents();
  assert.deepEqual(
    spaces.map(({ model, dtype, rows, bytes: b }) => [model, dtype, rows, b]),
    [
      ["a-model", "fp32", 1200, 1200 * DIM * 4],
      ["other", "int8", 300, 300 * DIM * 4],
    ],
  );
  assert.ok(size > 1500 * DIM * 4);
  assert.deepEqual(await cache.remove({ model: "a-model", before: 1000 }), { rows: 0, bytes: 0 });
  assert.deepEqual(await cache.remove({ model: "a-model" }), { rows: 1200, bytes: 1200 * DIM * 4 });
  assert.deepEqual(await cache.remove({}), { rows: 300, bytes: 300 * DIM * 4 });
  assert.deepEqual((await cache.contents()).spaces, []);
  await cache.close();
  assert.ok((await stat(path)).size < 80_000);
});

test("a copy is whole while another writes, and another cache takes over what is right in it", async () => {
  const [path, copy, target] = [await place(), await place(), await place()];
  await filled(path, 1000);
  const cache = openVectorCache(options(path));
  const keeping = (async () => {
    for (let n = 1000; n < 3000; n += 100) await cache.space(space).keep(hashesOf(n, n + 100), rowsOf(n, n + 100));
  })();
  const other = openVectorCache(options(path));
  await other.exportTo(copy);
  await keeping;
  await cache.close();
  await other.close();
  assert.deepEqual(await readdir(dirname(copy)), ["vectors.sqlite"]);
  const db = new DatabaseSync(copy);
  const rows = (db.prepare("SELECT count(*) AS n FROM keys").get() as { n: number }).n;
  db.exec(
    "UPDATE vectors SET data = CAST(x'00' || substr(data, 2) AS BLOB) WHERE id = 5 AND substr(data, 1, 1) <> x'00'",
  );
  db.exec(
    "UPDATE vectors SET data = CAST(x'01' || substr(data, 2) AS BLOB) WHERE id = 6 AND substr(data, 1, 1) <> x'01'",
  );
  db.close();
  assert.ok(rows >= 1000 && rows % 100 === 0);
  await filled(target, 500);
  const importer = openVectorCache(options(target));
  const found = await importer.importFrom(copy);
  assert.equal(found.refused + found.known + found.added, rows);
  assert.ok(found.refused >= 1 && found.refused <= 2, `${found.refused}`);
  assert.equal(await taken(importer, 0, rows), 500 + found.added);
  assert.deepEqual(await importer.importFrom(copy), {
    added: 0,
    known: found.added + found.known,
    refused: found.refused,
  });
  const error = await importer.importFrom(join(dirname(copy), "missing.sqlite")).then(
    () => assert.fail("it is not there"),
    (e) => e,
  );
  assert.equal(error.code, "vector_cache_not_imported");
  await assert.rejects(importer.exportTo(join(dirname(copy), "no/folder/x.sqlite")), { code: "store_write_failed" });
  await importer.close();
  assert.deepEqual(importer.notes(), []);
});
