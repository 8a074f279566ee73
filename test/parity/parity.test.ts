import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { cp, readdir, readFile, symlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { before, test } from "node:test";
import { inspect } from "node:util";
import * as rag from "../../dist/index.js";
import { type BaselineCompared, compareBaseline, readBaseline } from "../../dist/parity/baseline.js";
import { evenRows } from "../../dist/parity/samples.js";
import { type MadeSide, makeSide } from "../../dist/parity/sides.js";
import { ENCODER_VERSION } from "../../dist/runtime/encoder-version.js";
import { instructionSet } from "../../dist/runtime/instruction-set.js";
import { corpusOf, root, sampleOptions, scratch, smallCorpus } from "../lib/sample.ts";

interface Baseline {
  machine: { instructionSet: string; encoder: string; node: string };
  artefacts: { name: string; rows: number; sha256: string; exact: boolean; rowHashes?: string }[];
  samples: { artefact: string; row: number; chunkId: string; values: number[] }[];
}

let session: rag.Session;
let files = "";
let baseline = "";

let side: MadeSide;

before(async () => {
  // As the command does it.
  const command = { dtype: "fp32", threads: 1, tokenBudget: 1024 } as const;
  session = await rag.openSession(sampleOptions(await scratch("parity"), command));
  files = join(await corpusOf(smallCorpus), "**/*");
  baseline = join(await scratch("baseline"), "parity.json");
  const report = await rag.checkParity(session, { files, baseline, write: true });
  assert.ok(report.equal && report.baseline?.how === "written");
  side = await makeSide(session, await scratch("side"), { files }, false);
});

/** A copy of this package whose sample is the small corpus. */
async function smallPackage(): Promise<string> {
  const copy = await scratch("package");
  for (const part of ["package.json", "dist", "notebooks/sample/models"])
    await cp(join(root, part), join(copy, part), { recursive: true });
  await cp(dirname(dirname(files)), join(copy, "notebooks/sample/corpus"), { recursive: true });
  await symlink(join(root, "node_modules"), join(copy, "node_modules"));
  return copy;
}

/** A stored baseline that was changed, in a file of its own. */
async function changed(change: (stored: Baseline) => void): Promise<string> {
  const stored = JSON.parse(await readFile(baseline, "utf8")) as Baseline;
  change(stored);
  const path = join(await scratch("changed"), "parity.json");
  await writeFile(path, JSON.stringify(stored));
  return path;
}

/** What comparing one with the side that it was made from finds. */
async function against(change: (stored: Baseline) => void): Promise<BaselineCompared> {
  const path = await changed(change);
  const machine = { instructionSet: instructionSet(), encoder: ENCODER_VERSION, node: process.versions.node };
  return compareBaseline(path, await readBaseline(path), side, machine, new AbortController().signal);
}

const find = (stored: Baseline, name: RegExp) =>
  stored.artefacts.find((one) => name.test(one.name)) as Baseline["artefacts"][number];
const otherHash = (text: string, row: number) => `${text.slice(0, 8 * row)}00000000${text.slice(8 * row + 8)}`;

test("the sample collection: on and off are equal, and equal to the baseline in the repository", () => {
  const { status, stdout, stderr } = spawnSync(process.execPath, [join(root, "dist/cli/main.js"), "parity"], {
    encoding: "utf8",
  });
  assert.equal(status, 0, stdout + stderr);
  assert.match(stdout, /parity +equal\n +on and off +11 of 11 dense artefacts equal, \d+ chunks\n +traces +none/);
  assert.match(stdout, /baseline +.*parity\.json: (hashes|cosine)\. The baseline was made with/);
});

test("the command ends with 1 and names the first difference", async () => {
  const path = await changed((stored) => {
    const chunks = find(stored, /chunks\.jsonl/);
    chunks.sha256 = "0".repeat(64);
    chunks.rowHashes = otherHash(chunks.rowHashes as string, 4);
  });
  const command = [join(await smallPackage(), "dist/cli/main.js"), "parity", "--baseline", path];
  const { status, stdout } = spawnSync(process.execPath, command, { encoding: "utf8" });
  assert.equal(status, 1);
  assert.match(stdout, /parity +DIFFERS\n/);
  assert.match(
    stdout,
    /first difference +chunk run, chunks\.jsonl: row 4, chunk chk-[0-9a-f]+, sha256\n +the stored baseline +0{64}\n/,
  );
});

test("the same again is equal by hash, and nothing of it stays in the session", async () => {
  const report = await rag.checkParity(session, { files, baseline });
  assert.ok(report.equal && report.difference === null && report.traces.length === 0);
  assert.equal(report.baseline?.how, "hashes");
  assert.ok(report.artefacts.every((one) => one.equal && one.baseline === "equal"));
  assert.deepEqual(await readdir(session.dir), ["session.json", "session.lock"]);
  assert.match(inspect(report), /^parity · equal.*Baseline +compared, all of it by hash/s);
});

test("an altered baseline: the row is named where it tells, the artefact where not", async () => {
  const alter = (stored: Baseline) => {
    const vectors = find(stored, /^dense run/);
    vectors.sha256 = "1".repeat(64);
    vectors.rowHashes = otherHash(vectors.rowHashes as string, 2);
    find(stored, /texts/).sha256 = "2".repeat(64);
  };
  const report = await rag.checkParity(session, { files, baseline: await changed(alter) });
  assert.ok(!report.equal && report.traces.length === 0);
  const { difference } = report;
  assert.deepEqual(
    [difference?.artefact, difference?.row, difference?.field, difference?.between],
    ["dense run, sample-dense.vectors.npy", 2, "sha256", ["the stored baseline", "with both stages off"]],
  );
  assert.match(difference?.chunkId ?? "", /^chk-/);
  assert.deepEqual(
    report.artefacts.filter((one) => one.baseline === "differs").map(({ name }) => name),
    ["dense run, sample-dense.vectors.npy", "export, parity_texts.json"],
  );
  assert.match(inspect(report), /^parity · differs.*First difference +dense run.*At +row 2, chunk chk-/s);
});

test("an artefact that a baseline lacks, or has and nothing makes any more", async () => {
  const fewer = await against((stored) => void stored.artefacts.splice(3, 1));
  assert.deepEqual(
    [fewer.difference?.artefact, fewer.difference?.values],
    ["dense run, sample-dense.vectors.npy", ["missing", "there"]],
  );
  const more = await against(
    (stored) => void stored.artefacts.push({ ...find(stored, /stats/), name: "export, gone" }),
  );
  assert.deepEqual([more.difference?.artefact, more.difference?.values], ["export, gone", ["there", "missing"]]);
});

test("a baseline of another processor: exact parts by hash, vectors by cosine of stored rows, and it says so", async () => {
  const other = (stored: Baseline) => {
    stored.machine.instructionSet = "avx1024";
    for (const one of stored.artefacts) if (!one.exact) one.sha256 = "3".repeat(64);
  };
  const close = await against((stored) => {
    other(stored);
    for (const sample of stored.samples) sample.values = sample.values.map((value, i) => value * (1 + 1e-4 * (i % 2)));
  });
  assert.ok(close.difference === null && close.report.how === "cosine");
  assert.match(close.report.why, /made with avx1024.*by the cosine of 4 stored rows/);
  assert.deepEqual(
    ["dense run, sample-dense.vectors.npy", "export, parity_metadata.json", "export, parity_index.faiss"].map((name) =>
      close.states.get(name),
    ),
    ["close", "equal", undefined],
  );

  let row = -1;
  const apart = await against((stored) => {
    other(stored);
    const sample = stored.samples[2] as Baseline["samples"][number];
    row = sample.row;
    sample.values[5] = (sample.values[5] as number) + 0.01;
  });
  assert.deepEqual([apart.difference?.row, apart.difference?.field], [row, "cosine"]);
  const text = await against((stored) => {
    other(stored);
    find(stored, /chunks\.jsonl/).sha256 = "4".repeat(64);
  });
  assert.equal(text.difference?.artefact, "chunk run, chunks.jsonl");
  const encoder = await against((stored) => {
    stored.machine.encoder = "0 onnxruntime-node@1.0.0";
  });
  assert.ok(encoder.difference === null && encoder.report.how === "cosine");
});

test("a sparse model with a smaller limit cuts other chunks: the first one is named, with the reason and the way out", async () => {
  const row = rag.listModels().find(({ key }) => key === "sample-splade") as rag.ModelCard;
  const narrow = await rag.openSession(
    sampleOptions(await scratch("narrow"), { addModels: [{ ...row, maxTokens: 32 }] }),
  );
  const long = join(
    await corpusOf({ "a.md": `# A\n\nShort.\n\n# B\n\n${"Tides and bread and ranks. ".repeat(20)}\n` }),
    "*.md",
  );
  const report = await rag.checkParity(narrow, { files: long });
  assert.ok(!report.equal && report.baseline === null);
  assert.deepEqual([report.difference?.artefact, report.difference?.row], ["chunk run, chunks.jsonl", 1]);
  assert.match(report.difference?.hint ?? "", /sample-splade with 32 tokens.*maxTokens: 32/);
  assert.ok((await rag.checkParity(narrow, { files: long, maxTokens: 32 })).equal, "the way out leads out");
  const path = join(await scratch("unwritten"), "parity.json");
  assert.equal(
    (await rag.checkParity(narrow, { files: long, baseline: path, write: true })).baseline?.how,
    "not written",
  );
  await assert.rejects(readFile(path), { code: "ENOENT" });
  narrow.close();
});

test("a baseline that can't be used is refused before anything is computed", async () => {
  const none = join(await scratch("none"), "parity.json");
  await assert.rejects(rag.checkParity(session, { files, baseline: none }), {
    code: "bad_parity_baseline",
    message: /no such file/,
  });
  await writeFile(none, '{"schema":"rag-cells/parity@2"}');
  await assert.rejects(rag.checkParity(session, { files, baseline: none }), {
    code: "bad_parity_baseline",
    message: /schema/,
  });
  await assert.rejects(rag.checkParity(session, { files, write: true }), { code: "bad_option" });
});

test("sample rows stand at even distances", () => {
  assert.deepEqual(evenRows(3, 4), [0, 1, 2]);
  assert.deepEqual(evenRows(10, 4), [0, 3, 6, 9]);
  assert.deepEqual(evenRows(0, 4), []);
});
