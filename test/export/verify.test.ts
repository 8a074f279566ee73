import assert from "node:assert/strict";
import { cp, mkdtemp, readFile, rename, rm, symlink, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { sha256 } from "../../dist/core/hash.js";
import { MANIFEST_FILE } from "../../dist/export/names.js";
import { verifyExport } from "../../dist/export/verify.js";
import type { ProcessingSummary } from "../../dist/schema/manifest.js";
import { exportTo, makeSource } from "./corpus.ts";

let dir = "";
let good = "";
let made = 0;
before(async () => {
  dir = await mkdtemp(join(tmpdir(), "rag-verify-"));
  good = join(dir, "good");
  await exportTo(good, await makeSource(join(dir, "runs"), { rows: 60, dim: 8, several: true }));
});
after(() => rm(dir, { recursive: true, force: true }));

const failed = async (folder: string) =>
  (await verifyExport(folder)).filter(({ passed }) => !passed).map(({ name, detail }) => `${name} ${detail}`);

/** A copy of the export with one file changed. With `sign`, the manifest is made to agree, so that only reading can tell. */
async function altered(path: string, change: (bytes: Buffer) => Buffer | string, sign = false): Promise<string> {
  const folder = join(dir, `copy-${made++}`);
  await cp(good, folder, { recursive: true });
  const bytes = change(await readFile(join(folder, path)));
  await writeFile(join(folder, path), bytes);
  if (sign) {
    await editManifest(folder, (summary) => {
      const artefact = summary.artefacts.find((candidate) => candidate.path === path);
      Object.assign(artefact ?? {}, { bytes: Buffer.byteLength(bytes), sha256: sha256(bytes) });
    });
  }
  return folder;
}

async function editManifest(folder: string, edit: (summary: ProcessingSummary) => void): Promise<void> {
  const path = join(folder, MANIFEST_FILE);
  const summary = JSON.parse(await readFile(path, "utf8")) as ProcessingSummary;
  edit(summary);
  await writeFile(path, JSON.stringify(summary));
}

const replace = (from: string | RegExp, to: string) => (bytes: Buffer) => {
  const text = bytes.toString();
  const changed = text.replace(from, to);
  assert.notEqual(changed, text, "the test changes nothing");
  return changed;
};

describe("verifyExport", () => {
  it("passes a good export and says what it compared", async () => {
    const checks = await verifyExport(good);
    assert.deepEqual(
      checks.filter(({ passed }) => !passed),
      [],
    );
    assert.deepEqual(
      checks.map(({ name }) => name),
      ["manifest", "files", "dense", "dense", "dense", "rows", "rows", "rows", "rows", "rows", "index", "neighbours"],
    );
    assert.match(
      checks.at(-1)?.detail ?? "",
      /top 10 of 20 rows equal, the index searched (by FAISS|without FAISS \(faiss-node: .+\))/,
    );
  });

  it("passes exports of one stage and of no rows", async () => {
    const source = await makeSource(join(dir, "one"), { rows: 7, dim: 4 });
    for (const [name, part] of [
      ["dense", { sparse: null, rerank: null }],
      ["sparse", { dense: null }],
    ] as const) {
      await exportTo(join(dir, name), { ...source, ...part });
      assert.deepEqual(await failed(join(dir, name)), []);
    }
    await exportTo(join(dir, "empty"), await makeSource(join(dir, "none"), { rows: 0, rerank: false }));
    assert.deepEqual(await failed(join(dir, "empty")), []);
  });

  it("names every file that is altered by one bit", async () => {
    const { artefacts } = JSON.parse(await readFile(join(good, MANIFEST_FILE), "utf8")) as ProcessingSummary;
    for (const { path } of artefacts) {
      const folder = await altered(path, (bytes) => {
        const at = bytes.length - 2;
        bytes[at] = (bytes[at] as number) ^ 1;
        return bytes;
      });
      assert.ok(
        (await failed(folder)).some((line) => line.startsWith(`file ${path}: its sha256 is `)),
        path,
      );
    }
  });

  it("names files that are cut, missing, linked away, or listed outside the folder", async () => {
    const path = "test_corpus_index.faiss";
    const cut = await altered(path, (bytes) => bytes);
    await truncate(join(cut, path), 100);
    assert.match(
      (await failed(cut)).join("\n"),
      /^file test_corpus_index\.faiss: it has 100 bytes, the manifest says \d+$/m,
    );
    assert.match((await failed(cut)).join("\n"), /^index test_corpus_index\.faiss: .*the file has 100/m);
    const missing = await altered(path, (bytes) => bytes);
    await rm(join(missing, path));
    assert.match((await failed(missing)).join("\n"), /^file test_corpus_index\.faiss: it is missing$/m);
    const linked = await altered(path, (bytes) => bytes);
    await rename(join(linked, path), join(dir, "elsewhere"));
    await symlink(join(dir, "elsewhere"), join(linked, path));
    assert.match((await failed(linked)).join("\n"), /^file test_corpus_index\.faiss: it is no plain file$/m);
    for (const outside of ["../good/test_corpus_index.faiss", join(good, path), "a/../../good/x"]) {
      const folder = await altered(path, (bytes) => bytes);
      await editManifest(folder, ({ artefacts }) => {
        const stats = artefacts.find(({ role }) => role === "stats");
        if (stats) stats.path = outside;
      });
      assert.ok((await failed(folder)).includes(`file ${outside}: its path leaves the folder`), outside);
    }
  });

  it("finds faults that a matching hash hides", async () => {
    const points = "test_corpus_qdrant.jsonl";
    const floats = (bytes: Buffer, at: number, value: number) => {
      bytes.writeFloatLE(value, at);
      return bytes;
    };
    const cases: [string, (bytes: Buffer) => Buffer | string, RegExp][] = [
      ["test_corpus_embeddings.npy", (b) => floats(b, 128 + 64 * 7, Number.NaN), /dense .*row 7 has length NaN, not 1/],
      ["test_corpus_embeddings.npy", (b) => floats(b, 128 + 64 * 7, 3), /dense .*row 7 has length 3\./],
      [
        "test_corpus_index.faiss",
        (b) => floats(b, 45 + 64 * 9, 0.123),
        /index .*row 9 differs from "test_corpus_embeddings\.npy"/,
      ],
      [
        points,
        replace(/"id":"1029f97a/, '"id":"00000000'),
        /rows test_corpus_qdrant\.jsonl: line 1: id 00000000-.* is not that of chunk/,
      ],
      [points, replace(/"id":"[^"]+"/, '"id":"doc-1"'), /line 1: .*id/],
      [points, replace(/"row":3,/, '"row":4,'), /line 4: its row is 4/],
      [
        points,
        replace(/"fused":\[-?[\d.]+,/, '"fused":[0.5,'),
        /line 1: number 0 of vector "fused" is "0\.5", the array has/,
      ],
      [points, replace(/"fused":\[-?[\d.]+,/, '"fused":[null,'), /number 0 of vector "fused" is "null"/],
      [points, replace(/"fused":\[-?[\d.]+,/, '"fused":['), /vector "fused" has no 16 numbers/],
      [points, replace(/"org_model_b":/, '"unknown":'), /vector "unknown" is not in the collection's configuration/],
      [
        points,
        replace(/"bm25":\{"indices":\[(\d+),(\d+)/, '"bm25":{"indices":[$2,$1'),
        /sparse index \d+ does not ascend/,
      ],
      [
        points,
        replace(/"bm25":\{"indices":\[(\d+),(\d+)/, '"bm25":{"indices":[$1,$1'),
        /sparse index \d+ does not ascend/,
      ],
      [points, replace(/"bm25":\{"indices":\[(\d+),/, '"bm25":{"indices":['), /\d indices and \d values/],
      [points, (b) => b.subarray(0, b.lastIndexOf('{"id"')), /it has 59 points, the manifest says 60/],
      [points, (b) => Buffer.concat([b, Buffer.from("{\n")]), /line 61: /],
      [points, (b) => Buffer.concat([b, b.subarray(0, b.indexOf("\n") + 1)]), /line 61: id 1029f97a-.* comes twice/],
      [
        "test_corpus_texts.json",
        replace("A plain", "a plain"),
        /rows test_corpus_texts\.json: row 5: its text is not the point's/,
      ],
      [
        "test_corpus_texts.json",
        replace(/,\n"[^\n]*\n\]/, "\n]"),
        /rows test_corpus_texts\.json: row 59: it ends there/,
      ],
      ["test_corpus_texts.json", replace(/\n\]/, ',\n"more"\n]'), /it has more than 60 rows/],
      [
        "test_corpus_metadata.json",
        replace(/#7"/, '#8"'),
        /rows test_corpus_metadata\.json: row 7: it is of another chunk/,
      ],
      [
        "test_corpus_bm25_sparse.jsonl",
        replace(/"values":\[[\d.]+/, '"values":[9'),
        /rows test_corpus_bm25_sparse\.jsonl: row 0: its vector is not the point's/,
      ],
      [
        "test_corpus_qdrant_collection.json",
        replace('"size": 16', '"size": 15'),
        /has size 15 for vector "fused", its array 16/,
      ],
    ];
    for (const [path, change, pattern] of cases) {
      const lines = await failed(await altered(path, change, true));
      assert.ok(
        lines.some((line) => pattern.test(line)),
        `${pattern} in\n${lines.join("\n")}`,
      );
    }
  });

  it("says what is wrong with the manifest itself", async () => {
    const folder = join(dir, "manifest");
    await cp(good, folder, { recursive: true });
    await editManifest(folder, ({ artefacts }) => {
      artefacts.push(artefacts[0] as ProcessingSummary["artefacts"][number]);
    });
    assert.match(
      (await failed(folder))[0] ?? "",
      /^manifest processing_summary\.json: it lists "test_corpus_embeddings\.npy" twice/,
    );
    await writeFile(join(folder, MANIFEST_FILE), "{");
    assert.match((await failed(folder))[0] ?? "", /^manifest processing_summary\.json: .*JSON/);
    await writeFile(join(folder, MANIFEST_FILE), '{"schema_version":"v4.2"}');
    assert.match((await failed(folder))[0] ?? "", /schema_version/);
    await rm(join(folder, MANIFEST_FILE));
    assert.match((await failed(folder))[0] ?? "", /^manifest processing_summary\.json: ENOENT/);
    const counts = await altered("test_corpus_stats.json", (bytes) => bytes);
    await editManifest(counts, (summary) => {
      summary.chunk_count = 61;
    });
    assert.match(
      (await failed(counts)).join("\n"),
      /counts test_corpus_embeddings\.npy: the manifest says 60 rows for 61 chunks/,
    );
  });

  it("stops at the signal", async () => {
    await assert.rejects(verifyExport(good, { signal: AbortSignal.abort(new Error("stopped here")) }), /stopped here/);
  });
});
