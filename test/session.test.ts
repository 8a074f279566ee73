import assert from "node:assert/strict";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import * as rag from "../dist/index.js";
import { readVariable, resolveSettings } from "../dist/schema/settings.js";
import { sampleOptions, scratch } from "./lib/sample.ts";

const failure = async (work: Promise<unknown>) =>
  (await work.then(
    () => assert.fail("no error"),
    (error) => error,
  )) as rag.RagError;

test("settings lie over each other in order, and each keeps who set it", async () => {
  const dir = await scratch("cwd");
  await mkdir(join(dir, "config"));
  await writeFile(
    join(dir, "config/embedder.json"),
    '{ "enable_rerank": false, "enable_sparse": false, "sparse_models": ["bm25"] }',
  );
  await writeFile(join(dir, ".env"), "EMBEDDER_ENABLE_SPARSE=yes\n");
  const before = { cwd: process.cwd(), cap: process.env["EMBEDDER_RERANK_BATCH_CAP"] };
  process.chdir(dir);
  process.env["EMBEDDER_RERANK_BATCH_CAP"] = "7";
  try {
    const session = await rag.openSession({ ...sampleOptions(dir), sparse: ["bm25"], tokenBudget: 512 });
    const { settings, provenance } = session;
    assert.equal(settings.enableRerank, false);
    assert.deepEqual(provenance.enableRerank, { layer: "config", source: "config:config/embedder.json" });
    assert.equal(settings.enableSparse, true);
    assert.deepEqual(provenance.enableSparse, { layer: "environment", source: "env-file" });
    assert.equal(settings.rerankBatchCap, 7);
    assert.equal(provenance.rerankBatchCap.source, "env");
    assert.equal(provenance.tokenBudget.source, "call");
    assert.equal(provenance.rerankTopK.source, "default");
    session.close();
  } finally {
    process.chdir(before.cwd);
    if (before.cap === undefined) delete process.env["EMBEDDER_RERANK_BATCH_CAP"];
    else process.env["EMBEDDER_RERANK_BATCH_CAP"] = before.cap;
  }
});

test("a setting that can't be used is named with its value, its source and the rule", async () => {
  const dir = await scratch("s");
  const bad = await failure(rag.openSession({ ...sampleOptions(dir), tokenBudget: -3 }));
  assert.equal(bad.code, "bad_setting");
  assert.match(bad.message, /"tokenBudget".*-3.*"call"/);
  const unknown = await failure(rag.openSession({ ...sampleOptions(dir), tokenBuget: 5 } as rag.SessionOptions));
  assert.match(unknown.message, /tokenBuget.*tokenBudget/s);
  const word = resolveSettings([
    { layer: "environment", source: "env", values: { enableRerank: readVariable("perhaps", "bool") } },
  ]);
  assert.ok(!word.ok && word.value === "perhaps");
});

test("a session name that is no folder name is refused", async () => {
  for (const name of ["", "../up", "a/b", ".hidden", "x".repeat(65), "a\u0000b"]) {
    assert.equal(
      (await failure(rag.openSession({ ...sampleOptions(await scratch("s")), name }))).code,
      "bad_session_name",
    );
  }
});

test("a time limit that no timer keeps is refused", async () => {
  const error = await failure(rag.openSession({ ...sampleOptions(await scratch("s")), batchTimeoutSeconds: 1e7 }));
  assert.equal(error.code, "bad_setting");
  assert.match(error.message, /batchTimeoutSeconds.*86400/);
});

test("an unknown model is refused when the session opens, with the near names", async () => {
  const error = await failure(rag.openSession({ ...sampleOptions(await scratch("s")), dense: ["sample-dens"] }));
  assert.equal(error.code, "unknown_model");
  assert.match(error.message, /sample-dense/);
});

test("a missing cache names every missing file of every model at once", async () => {
  const session = await rag.openSession({ ...sampleOptions(await scratch("s")), modelDirs: [await scratch("empty")] });
  const error = await failure(rag.primeCache(session));
  assert.equal(error.code, "model_files_missing");
  for (const part of ["sample-dense", "sample-splade", "sample-rerank", "model.onnx", "tokenizer.json"])
    assert.ok(error.message.includes(part), part);
  session.close();
});

test("a closed session, or something that is none, is refused by every verb", async () => {
  const session = await rag.openSession(sampleOptions(await scratch("s")));
  session.close();
  assert.equal((await failure(rag.primeCache(session))).code, "session_closed");
  assert.equal((await failure(rag.primeCache({} as rag.Session))).code, "not_a_session");
});

test("before any run, latest says which cell comes first", async () => {
  const session = await rag.openSession(sampleOptions(await scratch("s")));
  const error = await failure(rag.latest(session, "dense"));
  assert.equal(error.code, "no_run_yet");
  assert.match(error.message, /runDense/);
  session.close();
});
