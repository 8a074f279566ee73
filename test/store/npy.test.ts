import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import type { RagError } from "../../dist/core/errors.js";
import { openNpy, openNpyWriter, readMatrix, readNpy, writeNpy } from "../../dist/store/npy.js";

let dir = "";
before(async () => {
  dir = await mkdtemp(join(tmpdir(), "rag-npy-"));
});
after(() => rm(dir, { recursive: true, force: true }));

/** `numpy.save` of `np.array([[1, 2], [3, 4]], "<f4")`, NumPy 2.4.6. */
const GOLDEN =
  "k05VTVBZAQB2AHsnZGVzY3InOiAnPGY0JywgJ2ZvcnRyYW5fb3JkZXInOiBGYWxzZSwgJ3NoYXBlJzogKDIsIDIpLCB9ICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgIAoAAIA/AAAAQAAAQEAAAIBA";

/** A file with any header text, version and payload. */
async function foreign(name: string, header: string, payload: number, version = 1) {
  const text = Buffer.from(`${header}\n`, "latin1");
  const prefix = Buffer.alloc(version === 2 ? 12 : 10);
  Buffer.from([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, version, 0]).copy(prefix);
  if (version === 2) prefix.writeUInt32LE(text.length, 8);
  else prefix.writeUInt16LE(text.length, 8);
  const path = join(dir, name);
  await writeFile(path, Buffer.concat([prefix, text, Buffer.alloc(payload, 1)]));
  return path;
}

/** A file of these bytes. */
async function bytes(name: string, content: string | Uint8Array) {
  const path = join(dir, name);
  await writeFile(path, content);
  return path;
}

const damaged = (pattern: RegExp) => (error: RagError) => {
  assert.equal(error.code, "array_damaged");
  assert.match(error.message, pattern);
  return true;
};

describe("writeNpy", () => {
  it("writes the bytes of numpy.save", async () => {
    const path = join(dir, "golden.npy");
    await writeNpy(path, Float32Array.of(1, 2, 3, 4), [2, 2]);
    assert.equal((await readFile(path)).toString("base64"), GOLDEN);
  });

  it("reads back every type it writes, 1-D and 2-D", async () => {
    const arrays = [
      Float32Array.of(0.1, -0, Infinity, 3.4028234663852886e38),
      Float64Array.of(0.1, Number.MIN_VALUE, -1e300, 4),
      Uint32Array.of(0, 1, 2 ** 31, 2 ** 32 - 1),
      Int8Array.of(-128, -1, 0, 127),
      Uint8Array.of(0, 1, 128, 255),
    ];
    for (const data of arrays) {
      for (const shape of [[4], [2, 2], [4, 1]]) {
        const path = join(dir, "types.npy");
        await writeNpy(path, data, shape);
        const back = await readNpy(path);
        assert.deepEqual(back.data, data);
        assert.deepEqual(back.shape, shape);
      }
    }
  });

  it("holds int64 as exact integers, from either array", async () => {
    const path = join(dir, "long.npy");
    const values = [0, -1, 2 ** 53 - 1, -(2 ** 53 - 1)];
    await writeNpy(path, Float64Array.from(values), [4], "int64");
    const bytes = await readFile(path);
    await writeNpy(path, BigInt64Array.from(values.map(BigInt)), [4]);
    assert.deepEqual(await readFile(path), bytes);
    assert.deepEqual((await readNpy(path, "int64")).data, Float64Array.from(values));
    await assert.rejects(writeNpy(path, Float64Array.of(0.5), [1], "int64"), /element 0 is 0.5/);
    await writeNpy(path, BigInt64Array.of(2n ** 60n), [1]);
    await assert.rejects(readNpy(path), damaged(/element 0 is 1152921504606846976/));
  });

  it("refuses numbers that are not the shape's", async () => {
    const path = join(dir, "shape.npy");
    const refused = (p: Promise<unknown>) => assert.rejects(p, { code: "array_shape" });
    await refused(writeNpy(path, Float32Array.of(1, 2, 3), [2, 2]));
    await refused(writeNpy(path, Float32Array.of(1, 2), [2, 2]));
    await refused(writeNpy(path, Float32Array.of(1), [1, 1, 1]));
    await refused(writeNpy(path, Float32Array.of(), [2 ** 40, 2 ** 40]));
    await refused(writeNpy(path, Uint8Array.of(1), [1], "float32"));
    await assert.rejects(readFile(path), { code: "ENOENT" });
  });
});

describe("openNpyWriter", () => {
  it("takes rows in turn", async () => {
    const path = join(dir, "rows.npy");
    const writer = await openNpyWriter(path, "float32", [3, 2]);
    await writer.write(Float32Array.of(1, 2));
    await writer.write(Float32Array.of(3, 4, 5, 6));
    const written = await writer.commit();
    assert.deepEqual(await readMatrix(path), { data: Float32Array.of(1, 2, 3, 4, 5, 6), rows: 3, dim: 2 });
    assert.equal(written.bytes, 128 + 24);
  });

  it("leaves nothing when rows are missing at the end", async () => {
    const path = join(dir, "missing.npy");
    const writer = await openNpyWriter(path, "float32", [3, 2]);
    await writer.write(Float32Array.of(1, 2));
    await assert.rejects(writer.commit(), { code: "array_shape", message: /2 numbers were given for 3 x 2/ });
    await assert.rejects(readFile(path), { code: "ENOENT" });
  });
});

describe("openNpy", () => {
  it("reads a range of rows from the file, and refuses rows that are not there", async () => {
    const path = join(dir, "range.npy");
    await writeNpy(
      path,
      Float32Array.from({ length: 20 }, (_, i) => i),
      [10, 2],
    );
    const file = await openNpy(path, "float32");
    assert.deepEqual(await file.readRows(3, 5), Float32Array.of(6, 7, 8, 9));
    assert.deepEqual(await file.readRows(10, 10), new Float32Array(0));
    for (const [from, to] of [
      [-1, 2],
      [0, 11],
      [5, 4],
      [0.5, 1],
      [Number.NaN, 2],
    ] as const) {
      await assert.rejects(file.readRows(from, to), RangeError);
    }
    await file.close();
  });

  it("reads version 2.0, keys in any order, and shapes as older Pythons wrote them", async () => {
    const path = await foreign("v2.npy", "{ 'shape':(2L,3L), 'fortran_order' : False,'descr': '<u4' }", 24, 2);
    const { data, shape, type } = await readNpy(path);
    assert.deepEqual([data, shape, type], [new Uint32Array(6).fill(0x01010101), [2, 3], "uint32"]);
  });

  it("reads arrays without rows", async () => {
    const path = join(dir, "empty.npy");
    await writeNpy(path, new Float32Array(0), [0, 384]);
    assert.deepEqual(await readMatrix(path), { data: new Float32Array(0), rows: 0, dim: 384 });
  });

  it("says what is wrong with a file, before it takes memory", async () => {
    const header = (descr: string, fortran: string, shape: string) =>
      `{'descr': ${descr}, 'fortran_order': ${fortran}, 'shape': ${shape}, }`;
    const cases: [string, Promise<string>, RegExp][] = [
      ["no array", bytes("text", "hello"), /does not begin as an \.npy/],
      ["empty", bytes("none", ""), /does not begin/],
      ["version 3", foreign("v3", header("'<f4'", "False", "(1,)"), 4, 3), /format 3\.0; 1\.0 and 2\.0 are read/],
      [
        "header cut",
        bytes("cut", Buffer.from(GOLDEN, "base64").subarray(0, 40)),
        /ends inside its header, at 40 bytes/,
      ],
      [
        "huge header",
        bytes("huge", Uint8Array.of(0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 2, 0, 255, 255, 255, 127)),
        /claims 2147483647 bytes; at most 10000/,
      ],
      [
        "huge shape",
        foreign("hs", header("'<f4'", "False", "(1000000000, 1000000)"), 4),
        /beyond what can be addressed|bytes are missing/,
      ],
      [
        "huger shape",
        foreign("hhs", header("'<f4'", "False", "(99999999999999999999, 99999999999999999999)"), 4),
        /beyond what can be addressed/,
      ],
      ["truncated", foreign("t", header("'<f4'", "False", "(3,)"), 11), /1 bytes are missing/],
      ["trailing", foreign("tr", header("'<f4'", "False", "(3,)"), 14), /2 bytes too many/],
      [
        "Fortran order",
        foreign("f", header("'<f4'", "True", "(1,)"), 4),
        /Fortran order; save it with numpy\.ascontiguousarray/,
      ],
      ["big endian", foreign("be", header("'>f4'", "False", "(1,)"), 4), /element type is '>f4'; read are <f4/],
      ["objects", foreign("o", header("'|O'", "False", "(1,)"), 4), /element type is '\|O'/],
      [
        "structured",
        foreign("st", "{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,), }", 4),
        /can't be read from " ?\[\('a'|can't be read from "'descr'/,
      ],
      [
        "code",
        foreign("c", "{'descr': __import__('os').system('true'), 'fortran_order': False, 'shape': (1,)}", 4),
        /can't be read from/,
      ],
      [
        "a key twice",
        foreign("k2", "{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (1,)}", 4),
        /descr twice/,
      ],
      ["a key missing", foreign("k1", "{'descr': '<f4', 'shape': (1,)}", 4), /the keys descr, shape, not/],
      ["three dimensions", foreign("d3", header("'<f4'", "False", "(1, 1, 1)"), 4), /3 dimensions/],
      ["no dimension", foreign("d0", header("'<f4'", "False", "()"), 4), /0 dimensions/],
      ["negative", foreign("neg", header("'<f4'", "False", "(-1,)"), 4), /can't be read from/],
      ["no dictionary", foreign("nd", "[1, 2]", 4), /no dictionary/],
      ["missing", Promise.resolve(join(dir, "nowhere.npy")), /ENOENT/],
    ];
    for (const [name, path, pattern] of cases) await assert.rejects(readNpy(await path), damaged(pattern), name);
  });

  it("refuses another element type than the one asked for", async () => {
    const path = join(dir, "asked.npy");
    await writeNpy(path, Uint8Array.of(1), [1]);
    await assert.rejects(readNpy(path, "float32"), damaged(/holds uint8, not float32/));
    await writeNpy(path, Float32Array.of(1), [1]);
    await assert.rejects(readMatrix(path), damaged(/shape \(1\), not rows and columns/));
  });
});
