import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import type { RagError } from "../../dist/core/errors.js";
import { openFlatIndex, writeFlatIndex } from "../../dist/export/faiss.js";
import { searchWithFaiss } from "../../dist/export/faiss-search.js";
import { nearestRows, sampleRows } from "../../dist/export/neighbours.js";
import { openNpy, writeNpy } from "../../dist/store/npy.js";
import { unitRows } from "./corpus.ts";

let dir = "";
before(async () => {
  dir = await mkdtemp(join(tmpdir(), "rag-faiss-"));
});
after(() => rm(dir, { recursive: true, force: true }));

const real = fileURLToPath(new URL("../../../shared/data/cranfield-minilm-faiss/index.faiss", import.meta.url));
const absent = !existsSync(real) && `${real} is absent: no index written by FAISS is read`;

/** Rows held in memory. */
function rowsOf(data: Float32Array, dim: number) {
  return {
    rows: data.length / dim,
    dim,
    readRows: async (from: number, to: number) => data.slice(from * dim, to * dim),
  };
}

/** `faiss.write_index` of an IndexFlatIP with the rows (1, 2) and (3, 4), faiss-cpu 1.15.1. */
const GOLDEN = "SXhGSQIAAAACAAAAAAAAAAAAEAAAAAAAAAAQAAAAAAABAAAAAAQAAAAAAAAAAACAPwAAAEAAAEBAAACAQA==";

describe("writeFlatIndex", () => {
  it("writes the bytes that FAISS writes", async () => {
    const path = join(dir, "golden.faiss");
    await writeFlatIndex(path, rowsOf(Float32Array.of(1, 2, 3, 4), 2));
    assert.equal((await readFile(path)).toString("base64"), GOLDEN);
  });

  it("gives a real index back byte for byte, through an array file too", { skip: absent }, async () => {
    const index = await openFlatIndex(real);
    assert.deepEqual([index.rows, index.dim, index.metric], [1398, 384, "inner_product"]);
    const copy = join(dir, "copy.faiss");
    await writeFlatIndex(copy, index);
    const npy = join(dir, "copy.npy");
    await writeNpy(npy, await index.readRows(0, index.rows), [index.rows, index.dim]);
    const array = await openNpy(npy, "float32");
    const second = join(dir, "second.faiss");
    await writeFlatIndex(second, array);
    const bytes = await readFile(real);
    assert.ok((await readFile(copy)).equals(bytes));
    assert.ok((await readFile(second)).equals(bytes));
    await array.close();
    await index.close();
  });

  it("keeps the metric, and indexes without rows", async () => {
    const path = join(dir, "l2.faiss");
    await writeFlatIndex(path, rowsOf(Float32Array.of(1, 2, 3), 3), "l2");
    const l2 = await openFlatIndex(path);
    assert.deepEqual([l2.metric, l2.rows, l2.dim, await l2.readRows(0, 1)], ["l2", 1, 3, Float32Array.of(1, 2, 3)]);
    await l2.close();
    await writeFlatIndex(path, rowsOf(new Float32Array(0), 8));
    const empty = await openFlatIndex(path);
    assert.equal(empty.rows, 0);
    await assert.rejects(empty.readRows(0, 1), RangeError);
    await empty.close();
  });

  it("stops at the signal and leaves no file", async () => {
    const stop = new AbortController();
    stop.abort(new Error("stopped here"));
    const path = join(dir, "stopped.faiss");
    await assert.rejects(
      writeFlatIndex(path, rowsOf(Float32Array.of(1), 1), "inner_product", stop.signal),
      /stopped here/,
    );
    assert.equal(existsSync(path), false);
  });
});

describe("openFlatIndex", () => {
  it("says what is wrong with a file, before it takes memory", async () => {
    const good = Buffer.from(GOLDEN, "base64");
    const changed = (change: (bytes: Buffer) => void) => {
      const bytes = Buffer.from(good);
      change(bytes);
      return bytes;
    };
    const cases: [Buffer, RegExp][] = [
      [good.subarray(0, 30), /has 30 bytes, and a header alone takes 45/],
      [good.subarray(0, 57), /take 61 bytes, and the file has 57/],
      [Buffer.concat([good, Buffer.alloc(1)]), /take 61 bytes, and the file has 62/],
      [changed((b) => b.write("IwFl", 0, "latin1")), /of the kind "IwFl"; flat indexes/],
      [changed((b) => b.writeInt32LE(0, 4)), /2 vectors of 0 numbers/],
      [changed((b) => b.writeInt32LE(-2, 4)), /2 vectors of -2 numbers/],
      [changed((b) => b.writeBigInt64LE(-1n, 8)), /-1 vectors/],
      [changed((b) => b.writeBigInt64LE(2n ** 60n, 8)), /claims 115292150460684\d+ vectors/],
      [changed((b) => b.writeBigUInt64LE(2n ** 61n, 37)), /and 230584300921369\d+ numbers/],
      [changed((b) => b.writeInt32LE(1, 33)), /metric 1, trained 1, for the kind IxFI/],
      [changed((b) => b.writeUInt8(0, 32)), /trained 0/],
    ];
    for (const [bytes, pattern] of cases) {
      const path = join(dir, "bad.faiss");
      await writeFile(path, bytes);
      await assert.rejects(
        openFlatIndex(path),
        (error: RagError) => error.code === "index_damaged" && pattern.test(error.message),
        String(pattern),
      );
    }
    await assert.rejects(openFlatIndex(join(dir, "nowhere.faiss")), { code: "index_damaged" });
  });
});

describe("nearestRows", () => {
  it("finds what sorting all scores finds, ties by lower row", async () => {
    const data = unitRows(5000, 8, 3);
    data.copyWithin(8 * 100, 8 * 7, 8 * 8);
    data.copyWithin(8 * 4000, 8 * 7, 8 * 8);
    const queries = data.slice(8 * 7, 8 * 10);
    const found = await nearestRows(rowsOf(data, 8), queries, 12);
    for (let q = 0; q < 3; q++) {
      const scores = Array.from({ length: 5000 }, (_, row) => {
        let score = 0;
        for (let i = 0; i < 8; i++) score += (queries[q * 8 + i] as number) * (data[row * 8 + i] as number);
        return { row, score };
      });
      scores.sort((a, b) => b.score - a.score || a.row - b.row);
      assert.deepEqual(found[q], scores.slice(0, 12));
    }
    assert.deepEqual(
      found[0]?.slice(0, 3).map(({ row }) => row),
      [7, 100, 4000],
    );
  });

  it("samples the same different rows each time", () => {
    assert.deepEqual(sampleRows(1000, 5), sampleRows(1000, 5));
    assert.notDeepEqual(sampleRows(1000, 5), sampleRows(1000, 5, 2));
    assert.equal(new Set(sampleRows(25, 20)).size, 20);
    assert.deepEqual(sampleRows(3, 20), [0, 1, 2]);
    assert.deepEqual(sampleRows(0, 20), []);
  });
});

describe("searchWithFaiss", () => {
  it("finds in our file what we find in the array", async (t) => {
    const data = unitRows(3000, 32, 5);
    const path = join(dir, "search.faiss");
    await writeFlatIndex(path, rowsOf(data, 32));
    const queries = data.slice(0, 32 * 50);
    const answer = await searchWithFaiss(path, queries, 5);
    if (answer.kind === "absent")
      return t.skip(`faiss-node can't be asked (${answer.reason}); npm run setup:faiss builds it`);
    const expected = await nearestRows(rowsOf(data, 32), queries, 5);
    assert.deepEqual(
      answer.results.map((list) => list.map(({ row }) => row)),
      expected.map((list) => list.map(({ row }) => row)),
    );
    for (const [q, list] of answer.results.entries()) {
      for (const [rank, { score }] of list.entries()) {
        assert.ok(Math.abs(score - (expected[q]?.[rank]?.score as number)) < 1e-5);
      }
    }
  });

  it("refuses what FAISS would not survive", async () => {
    const path = join(dir, "refuse.faiss");
    await writeFlatIndex(path, rowsOf(Float32Array.of(1, 2, 3, 4), 2));
    const refused = (queries: Float32Array, k: number, pattern: RegExp) =>
      assert.rejects(
        searchWithFaiss(path, queries, k),
        (error: RagError) => error.code === "bad_search" && pattern.test(error.message),
      );
    for (const k of [0, -1, 3, 0.5, Number.NaN])
      await refused(Float32Array.of(1, 0), k, /a whole number from 1 to the 2 rows/);
    await refused(Float32Array.of(1, 0, 1), 1, /a multiple of 2/);
    await refused(new Float32Array(0), 1, /a multiple of 2/);
    await refused(Float32Array.of(1, Number.NaN), 1, /every number is finite/);
    await writeFlatIndex(path, rowsOf(Float32Array.of(1, 2), 2), "l2");
    await refused(Float32Array.of(1, 0), 1, /inner product/);
    await writeFile(path, "IxFI");
    await assert.rejects(searchWithFaiss(path, Float32Array.of(1, 0), 1), { code: "index_damaged" });
  });

  it("ends its process when the signal aborts", async () => {
    const path = join(dir, "abort.faiss");
    await writeFlatIndex(path, rowsOf(Float32Array.of(1, 2, 3, 4), 2));
    await assert.rejects(
      searchWithFaiss(path, Float32Array.of(1, 0), 1, AbortSignal.abort(new Error("stopped here"))),
      /stopped here/,
    );
  });
});
