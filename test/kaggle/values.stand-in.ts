import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { readArray, readJson, writeValue } from "../../dist/notebook/values.js";
import { scratch } from "../lib/sample.ts";
import { drive, loadMagic, printed, type Result } from "./lib/drive.ts";
import { environments, generations } from "./lib/environments.ts";

const DTYPES = "float32 float64 int8 int16 int32 int64 uint8 uint16 uint32 uint64".split(" ");

/** A line of Python that prints True. */
const check = (condition: string) => ({ run: `print(${condition})` });

for (const environment of environments) {
  const { name, skip } = environment;

  test(`${name}: values pass both ways unchanged, with their types`, { skip }, async () => {
    const all = await drive(environment, await scratch("v"), {
      load: { run: loadMagic },
      values: {
        run: `import numpy as np, math
info = np.iinfo("int64")
rows = [{"id": 1, "text": "Grüße 世界 🙂 \\ud800 \\u2028 \\"'\`\${x}", "score": 0.1}, {"id": 2, "text": "", "tags": [], "deep": {"a": [[1, None], [True]]}}]
edges = [0, -0.0, 2**53 - 1, 1 - 2**53, 5e-324, 1.7976931348623157e308, 1e21, 0.1 + 0.2]
nothing = None
proto = {"__proto__": {"polluted": True}, "constructor": 1, "a b": 2, "": 3}
whole = np.array([info.min, -1, 0, 2**53 + 1, info.max])
odd = np.array([math.nan, math.inf, -math.inf, -0.0, 5e-324])
back = np.arange(24, dtype=">f4").reshape(2, 3, 4)[::-1, :, ::2]
one = np.array(7, dtype="int16")
none = np.zeros((0, 3), dtype="float32")
column = np.asfortranarray(np.arange(6.0).reshape(3, 2))
arrays = {d: np.array([[0, 1, 2], [3, 4, 5]], dtype=d) for d in ${JSON.stringify(DTYPES)}}`,
      },
      // One cell each way for all: what it costs is a round trip a name.
      put: {
        run: ["rows", "edges", "nothing", "proto", "whole", "odd", "back", "one", "none", "column"]
          .map((v) => `%ts_put ${v}`)
          .join("\n"),
      },
      types: {
        run: `%%ts
const t1: { id: number; text: string; score?: number; tags?: unknown[] }[] = rows;
const t2: { data: BigInt64Array; shape: number[] } = whole;
const t3: { data: Float64Array; shape: number[] } = odd;
const t4: null = nothing;
console.log(JSON.stringify([rows[1].deep, one.shape, none.shape, back.shape, proto["a b"], ({} as any).polluted === undefined]));`,
      },
      wrong: { run: "%%ts\nconst t5: string = rows[0].id;" },
      get: {
        run: ["rows", "edges", "nothing", "proto", "whole", "odd", "back", "one", "none", "column"]
          .map((v) => `%ts_get ${v} ${v}_2`)
          .join("\n"),
      },
      sameJson: check(
        "rows == rows_2 and edges == edges_2 and str(edges_2[1]) == '-0.0' and nothing_2 is None and proto == proto_2",
      ),
      sameArrays: check(
        "all(a.dtype == b.dtype.newbyteorder('=') and a.shape == b.shape and a.tobytes() == b.astype(a.dtype).tobytes() for a, b in [(whole_2, whole), (odd_2, odd), (back_2, back), (one_2, one), (none_2, none), (column_2, column)])",
      ),
      dtypes: {
        run: "for d in arrays:\n    a = arrays[d]\n    %ts_put a\n    %ts_get a b\n    print(d, b.dtype, b.shape, (a == b).all())",
      },
      own: {
        run: `%%ts
const plain = new Float32Array([1.5, -2]);
const matrix = { data: new Float32Array([1, 2, 3, 4, 5, 6]), rows: 2, dim: 3 };
const part = new Float64Array([9, 8, 7, 6]).subarray(1, 3);
const large = [2 ** 60 + 256, -(2 ** 63)];`,
      },
      ownGot: { run: "%ts_get plain\n%ts_get matrix\n%ts_get part\n%ts_get large" },
      ownSame: check(
        "plain.tolist(), plain.dtype.name, matrix.shape, matrix[1].tolist(), part.tolist(), large == [float(2**60 + 256), -float(2**63)]",
      ),
    });
    for (const [key, { status, evalue }] of Object.entries(all))
      if (key !== "wrong") assert.equal(status, "ok", `${key}: ${evalue}`);
    assert.equal(
      printed(all.types),
      '[{"a":[[1,null],[true]]},[],[0,3],[2,3,2],2,true]\n',
      "shapes, and a key that is no prototype",
    );
    assert.match(all.wrong.evalue ?? "", /Type 'number' is not assignable to type 'string'/);
    assert.equal(printed(all.sameJson), "True\n");
    assert.equal(printed(all.sameArrays), "True\n");
    assert.equal(printed(all.dtypes), DTYPES.map((d) => `${d} ${d} (2, 3) True\n`).join(""));
    assert.equal(printed(all.ownSame), "[1.5, -2.0] float32 (2, 3) [4.0, 5.0, 6.0] [8.0, 7.0] True\n");
  });
}

for (const environment of generations) {
  const { name, skip } = environment;

  test(`${name}: what would change on the way is refused, and names that are none`, { skip }, async () => {
    const python = {
      nan: ["float('nan')", /^v is nan, which JSON can't hold/],
      big: ["{'a': [1, 2**53]}", /^v\['a'\]\[1\] is 9007199254740992, beyond 2\*\*53 - 1/],
      set: ["[{1}]", /^v\[0\] is a set, which JSON can't hold/],
      scalar: ["[np.float64(1)]", /^v\[0\] is a float64.*\.item\(\)/],
      inside: ["{'x': np.zeros(2)}", /^v\['x'\] is a ndarray.*by itself/],
      keys: ["{1: 2}", /^v has the key 1; keys of JSON are strings/],
      text: ["np.array(['a'])", /^v has the dtype str32.*astype/],
      object: ["np.array([None])", /^v has the dtype object/],
      masked: ["np.ma.masked_array([1], [True])", /^v is a MaskedArray, of which an array would keep only a part/],
      bytes: ["b'x'", /^v is a bytes/],
    } as const;
    const typescript = {
      undefined: ["{ a: [undefined] }", /^v\["a"\]\[0\] is undefined/],
      nan: ["[NaN]", /^v\[0\] is NaN.*typed array/],
      infinite: ["{ a: -Infinity }", /^v\["a"\] is -Infinity/],
      map: ["new Map()", /^v is a Map.*Object\.fromEntries/],
      date: ["[new Date(0)]", /^v\[0\] is a Date.*toISOString/],
      bigint: ["[1n]", /^v\[0\] is a bigint/],
      function: ["() => 1", /^v is a function/],
      holes: ["[1, , 2]", /^v is an array with holes/],
      nested: ["{ a: new Uint8Array(1) }", /^v\["a"\] is a Uint8Array.*by itself/],
      shape: ["{ data: new Uint8Array(3), shape: [2, 2] }", /^v holds 3 numbers, which the shape \(2, 2\) does not/],
      clamped: ["new Uint8ClampedArray(1)", /^v is a Uint8ClampedArray/],
    } as const;
    const names = [
      "os.system",
      "x; import os",
      "class",
      "",
      "a b c",
      "1x",
      "é",
      "await",
      "x) ; process.exit(",
      "__class__.x",
    ];
    const steps: Record<string, Record<string, unknown>> = {
      load: { run: loadMagic },
      numpy: { run: "import numpy as np" },
    };
    for (const [key, [code]] of Object.entries(python)) steps[`put ${key}`] = { run: `v = ${code}\n%ts_put v` };
    steps["circle"] = { run: "v = []; v.append(v)\n%ts_put v" };
    steps["deep"] = { run: "v = []\nfor _ in range(300): v = [v]\n%ts_put v" };
    for (const [key, [code]] of Object.entries(typescript)) {
      steps[`set ${key}`] = { run: `%%ts\nconst v = ${code};` };
      steps[`get ${key}`] = { run: "%ts_get v" };
    }
    steps["set circle"] = { run: "%%ts\nconst v: any = {}; v.self = [v];" };
    steps["get circle"] = { run: "%ts_get v" };
    for (const bad of names) steps[`name ${bad}`] = { run: `v = 1\n%ts_put v ${bad || "a b"}` };
    for (const bad of names) steps[`from ${bad}`] = { run: `%ts_get ${bad}` };
    steps["noPython"] = { run: "%ts_put nobody" };
    steps["noTypeScript"] = { run: "%ts_get nobody" };
    steps["lives"] = { run: "%%ts\n6 * 7" };
    const all = await drive(environment, await scratch("v"), steps);
    for (const [key, { status, evalue }] of Object.entries(all))
      if (key.startsWith("set ")) assert.equal(status, "ok", `${key}: ${evalue}`);
    const refused = (key: string, message: RegExp) => {
      const { ename, evalue } = all[key] as Result;
      assert.equal(ename, "ValueRefused", `${key}: ${evalue}`);
      assert.match(evalue ?? "", message, key);
    };
    for (const [key, [, message]] of Object.entries(python)) refused(`put ${key}`, message);
    refused("circle", /^v\[0\] holds itself/);
    refused("deep", /lies more than 200 levels deep/);
    for (const [key, [, message]] of Object.entries(typescript)) refused(`get ${key}`, message);
    refused("get circle", /^v\["self"\]\[0\] holds itself/);
    for (const bad of names) refused(`name ${bad}`, /is no name|a word of the language|Use %ts_put name/);
    for (const bad of names) refused(`from ${bad}`, /is no name|a word of the language|Use %ts_get name/);
    refused("noPython", /^There is no Python variable nobody\.$/);
    refused("noTypeScript", /^There is no TypeScript variable nobody\.$/);
    assert.match(printed(all["lives"] as Result), /42/);
  });
}

test("a file that is not what Python said is refused, by header, type, shape and size", async () => {
  const dir = await scratch("values");
  const path = join(dir, "value.npy");
  await writeValue({ data: new Float32Array([1, 2, 3, 4]), shape: [2, 2] }, "x", dir);
  assert.deepEqual((await readArray(path, "float32", [2, 2])).data, new Float32Array([1, 2, 3, 4]));
  const refused = { code: "value_damaged" };
  await assert.rejects(readArray(path, "float64", [2, 2]), refused);
  await assert.rejects(readArray(path, "int32", [2, 2]), refused, "as many bytes, another type");
  await assert.rejects(readArray(path, "float32", [4]), refused, "as many bytes, another shape");
  await assert.rejects(readArray(path, "object", [4]), refused);
  await assert.rejects(readArray(join(dir, "none.npy"), "float32", [4]), refused);
  const bytes = await readFile(path);
  await writeFile(path, bytes.subarray(0, -1));
  await assert.rejects(readArray(path, "float32", [2, 2]), refused);
  await writeFile(path, Buffer.concat([bytes, Buffer.alloc(1)]));
  await assert.rejects(readArray(path, "float32", [2, 2]), refused);
  await writeFile(join(dir, "value.json"), "[1]");
  assert.deepEqual(await readJson(join(dir, "value.json"), 3), [1]);
  await assert.rejects(readJson(join(dir, "value.json"), 4), refused);
});
