import assert from "node:assert/strict";
import { test } from "node:test";
import { stages } from "../../dist/core/journey.js";
import { judge } from "../../dist/lineage/judge.js";
import type { StaleReason } from "../../dist/schema/lineage-types.js";
import type { StageName } from "../../dist/schema/types.js";
import { factsOf, heads, theirs, use } from "./facts.ts";

type Change = Parameters<typeof factsOf>[0];

const states = (change: Change) => judge(factsOf(change)).map(({ state }) => state);
const stale = (change: Change) =>
  judge(factsOf(change))
    .filter(({ state }) => state === "stale")
    .map(({ stage }) => stage);
const reasons = (stage: StageName, change: Change): readonly StaleReason[] =>
  judge(factsOf(change)).find((standing) => standing.stage === stage)?.reasons ?? [];
const words = (stage: StageName, change: Change) => reasons(stage, change).map((reason) => reason.words);
const remarks = (stage: StageName, change: Change) =>
  judge(factsOf(change)).find((standing) => standing.stage === stage)?.remarks ?? [];
const behindChunk = ["chunk", "dense", "sparse", "fuse", "rerank", "export"];

test("where nothing changed, all is fresh, in the order of the journey", () => {
  const standings = judge(factsOf());
  assert.deepEqual(
    standings.map(({ stage }) => stage),
    stages,
  );
  assert.ok(
    standings.every(({ state, reasons, remarks }) => state === "fresh" && reasons.length + remarks.length === 0),
  );
});

test("documents: three are named of each kind, the rest is counted, and all behind the chunks is stale", () => {
  const change: Change = {
    documents: { changed: ["a.md"], added: ["b.md", "c.md", "d.md", "e.md", "f.md"], removed: ["g.md"], unread: 0 },
  };
  assert.deepEqual(stale(change), behindChunk);
  assert.deepEqual(words("chunk", change), ["a.md changed; b.md, c.md, d.md and 2 more added; g.md removed"]);
  assert.deepEqual(words("dense", change), ["made from chunk"]);
  assert.deepEqual(words("rerank", change), ["made from fuse, chunk"]);
});

test("documents that are not at hand, or were not all read, make nothing stale and nothing fresh", () => {
  for (const documents of [{ unknown: "not at hand" }, { changed: [], added: [], removed: [], unread: 4 }]) {
    assert.deepEqual(states({ documents }), ["fresh", ...behindChunk.map(() => "unknown")]);
  }
  assert.deepEqual(remarks("chunk", { documents: { unknown: "not at hand" } }), ["not at hand"]);
  assert.deepEqual(remarks("dense", { documents: { unknown: "not at hand" } }), [
    "made from chunk, of which it is not known",
  ]);
});

test("a setting that the session gave: old and new value, and what is behind", () => {
  const change: Change = { settings: { dim: 64 } };
  assert.deepEqual(reasons("dense", change), [
    { cause: "setting", words: "dim: not set → 64", name: "dim", from: null, to: 64 },
  ]);
  assert.deepEqual(stale(change), ["dense", "fuse", "rerank", "export"]);
});

test("a setting that the call gave is not the session's", () => {
  const { dense } = heads();
  const run = { ...dense, setBy: { ...dense.setBy, settings: { ...dense.setBy.settings, dim: theirs } } };
  assert.deepEqual(stale({ settings: { dim: 64 }, runs: { dense: run } }), []);
  const models = { ...dense, setBy: { ...dense.setBy, models: { a: theirs } } };
  assert.deepEqual(words("dense", { settings: { dense: ["b"] }, runs: { dense: models } }), ["made from chunk"]);
});

test("settings that decide no result make nothing stale", () => {
  assert.deepEqual(stale({ settings: { threads: 4, tokenBudget: 64, modelDirs: ["/other"], rerankBatchCap: 2 } }), []);
  assert.deepEqual(
    stale({ settings: { denseWeights: { a: 3 }, denseFusion: "concat" } }),
    [],
    "one model has no weights",
  );
});

test("other models: of the stages that are made with them", () => {
  assert.deepEqual(words("dense", { settings: { dense: ["b"] } }), ["dense: a → b", "made from chunk"]);
  assert.deepEqual(words("chunk", { settings: { dense: ["b"] } }), ["models: a, s → b, s"]);
  assert.deepEqual(
    stale({ settings: { sparse: ["s"] } }),
    ["sparse", "fuse", "rerank", "export"],
    "chunks need no bm25",
  );
  assert.deepEqual(stale({ settings: { rerank: "q" } }), ["prime", "rerank", "export"]);
  assert.deepEqual(words("rerank", { settings: { rerankTopK: 5, rerankCandidates: 7 } }), [
    "rerankCandidates: 100 → 7",
    "rerankTopK: 20 → 5",
  ]);
});

test("several dense models: weights by their ratio, fusion by what it comes to", () => {
  const { dense } = heads();
  const run = {
    ...dense,
    models: [use("a"), use("b")],
    dims: [128, 128],
    settings: { dim: null, weights: [0.75, 0.25], fusion: "mean" },
    setBy: { ...dense.setBy, models: { a: dense.setBy.models["a"] ?? theirs, b: dense.setBy.models["a"] ?? theirs } },
  };
  const several = (more: NonNullable<Change>["settings"], dims = [128, 128]) =>
    words("dense", {
      runs: { dense: { ...run, dims }, chunk: undefined },
      settings: { dense: ["a", "b"], denseWeights: { a: 3 }, ...more },
      models: new Map([use("a"), use("b")].map((model) => [model.key, model])),
    });
  assert.deepEqual(several({}), []);
  assert.deepEqual(several({ denseWeights: { a: 6, b: 2, other: 9 } }), [], "only the ratio counts");
  assert.deepEqual(several({ denseWeights: {} }), ["denseWeights: 0.75, 0.25 → 0.5, 0.5"]);
  assert.deepEqual(several({ denseFusion: "mean" }), [], "auto came to the same");
  assert.deepEqual(several({ denseFusion: "concat" }), ["denseFusion: mean → concat"]);
});

test("a model's files changed: by revision where it differs, else by fingerprint", () => {
  const now = (more: Parameters<typeof use>[1]) => new Map([use("a", more), use("s"), use("r")].map((m) => [m.key, m]));
  const moved = { models: now({ revision: "f".repeat(40), fingerprint: "e".repeat(64) }) };
  assert.deepEqual(words("dense", moved), [
    `files of a changed (${use("a").revision.slice(0, 12)} → ffffffffffff)`,
    "made from chunk",
  ]);
  assert.deepEqual(stale(moved), ["prime", ...behindChunk]);
  const altered = reasons("dense", { models: now({ fingerprint: "e".repeat(64) }) });
  assert.equal(altered[0]?.cause === "model" && altered[0].to, "eeeeeeeeeeee");
  assert.deepEqual(words("dense", { models: now({ documentPrefix: "passage: " }) }), [
    "documentPrefix of a changed (none → passage: )",
    "made from chunk",
  ]);
  assert.deepEqual(stale({ models: now({ queryPrefix: "query: " }) }), ["fuse", "rerank", "export"]);
  assert.deepEqual(words("dense", { settings: { dtype: "int8" }, models: now({ dtype: "int8", fingerprint: "0" }) }), [
    "dtype: fp32 → int8",
    "made from chunk",
  ]);
});

test("weights that follow the device: another device may take others, and a row that is gone says nothing", () => {
  const other = use("a", { dtype: "fp16", fingerprint: "0" });
  const fp16 = new Map([other, use("s"), use("r")].map((model) => [model.key, model]));
  assert.deepEqual(words("dense", { settings: { dtype: "auto" }, dtype: () => "fp16", models: fp16 }), [
    "dtype: fp32 → fp16",
    "made from chunk",
  ]);
  assert.deepEqual(words("dense", { settings: { dtype: "auto" }, dtype: () => "fp32" }), []);
  assert.deepEqual(words("dense", { settings: { dtype: "auto" }, dtype: () => null }), []);
});

test("a model that was not read in this kernel is never taken for the same", () => {
  const models = new Map([use("s"), use("r")].map((model) => [model.key, model]));
  assert.deepEqual(states({ models }), ["unknown", "unknown", "unknown", "unknown", "unknown", "unknown", "unknown"]);
  assert.match(remarks("dense", { models })[0] ?? "", /files of a were not read .* primeCache/);
});

test("an input that was made anew is told from one that is stale", () => {
  const change: Change = { runs: { chunk: { ...heads().chunk, id: "chunk-2" } } };
  assert.deepEqual(stale(change), behindChunk.slice(1));
  assert.deepEqual(reasons("dense", change), [
    { cause: "input", words: "chunk run chunk-1 → chunk-2", stage: "chunk", from: "chunk-1", to: "chunk-2" },
  ]);
  assert.deepEqual(words("rerank", change), ["made from fuse", "chunk run chunk-1 → chunk-2"].reverse());
});

test("stages that never ran, that are off, whose runs were removed or can't be read", () => {
  const never = judge(factsOf({ runs: { rerank: undefined, export: undefined } }));
  assert.deepEqual(
    never.slice(-2).map(({ state, id }) => [state, id]),
    [
      ["never_run", null],
      ["never_run", null],
    ],
  );
  const off: Change = { settings: { enableSparse: false } };
  assert.equal(judge(factsOf(off)).find(({ stage }) => stage === "sparse")?.state, "off");
  assert.deepEqual(words("fuse", off).slice(-1), ["made from chunk, runDense"]);
  assert.ok(words("fuse", off).includes("the sparse stage is off now"));
  assert.ok(words("export", off).includes("enableSparse: true → false"));
  assert.deepEqual(states({ runs: { dense: "removed" } }).slice(2), [
    "never_run",
    "fresh",
    "unknown",
    "unknown",
    "unknown",
  ]);
  assert.deepEqual(states({ runs: { dense: "damaged" } }).slice(2), [
    "unknown",
    "fresh",
    "unknown",
    "unknown",
    "unknown",
  ]);
  assert.match(remarks("fuse", { runs: { dense: "removed" } })[0] ?? "", /dense run dense-1 is not on this disk/);
});

test("who set a toggle stands in the manifest, so another setter makes the export stale, and nothing else", () => {
  const { provenance } = factsOf();
  const change: Change = {
    provenance: { ...provenance, enableRerank: { layer: "environment", source: "env" } },
  };
  assert.deepEqual(stale(change), ["export"]);
  assert.deepEqual(words("export", change), ["who set enableRerank: default → env"]);
});
