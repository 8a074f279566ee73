import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { test } from "node:test";
import { withModelsSession } from "../../dist/cli/models-session.js";
import { primeCache } from "../../dist/index.js";
import { sampleModels, scratch } from "../lib/sample.ts";

test("a command that asks for models works in the last minutes of a machine's session, and leaves nothing behind", async () => {
  const cwd = await scratch("cwd");
  const io = { env: { RAG_CELLS_DIR: cwd }, cwd, out: process.stdout, stopSignal: () => new AbortController().signal };
  const nearlyOver = { sessionHours: 1, sessionStart: new Date(Date.now() - 3590_000).toISOString() };
  const seen = await withModelsSession(
    io,
    sampleModels,
    async (session) => ({ dir: session.dir, run: await primeCache(session, ["sample-dense"], { rerun: true }) }),
    nearlyOver,
  );
  assert.equal(seen.run.models[0]?.model.key, "sample-dense");
  assert.ok(!existsSync(seen.dir));
});
