import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { openSession } from "../../dist/index.js";
import { settingNames } from "../../dist/schema/settings.js";
import { readPage } from "./pages.ts";

test("the defaults on the settings page are those of a session that nothing was set for", async () => {
  const table =
    readPage("docs/settings.md")
      .text.split(/^## /m)
      .find((section) => section.startsWith("Defaults")) ?? "";
  const documented = new Map(
    [...table.matchAll(/^\| `(\w+)` \| (?:`([^`]*)`|([^|`]+)) \|/gm)].map(([, name, code, words]) => [
      name as string,
      code ?? words?.trim(),
    ]),
  );
  assert.deepEqual([...documented.keys()], [...settingNames]);
  const { cwd, env } = { cwd: process.cwd(), env: { ...process.env } };
  const dir = mkdtempSync(join(tmpdir(), "rag-cells-docs-"));
  try {
    process.chdir(dir);
    for (const name of Object.keys(process.env).filter((name) => /^(EMBEDDER|HF|RAG_CELLS)_/.test(name)))
      delete process.env[name];
    process.env["CUDA_VISIBLE_DEVICES"] = "";
    const session = await openSession({ name: "defaults", dir });
    const { threads, modelDirs, cacheDir, modelLock, vectorCache, ...rest } = session.settings;
    session.close();
    assert.ok(threads >= 1 && modelDirs[0] === cacheDir && modelLock === join(dir, "models.lock.json"));
    assert.equal(vectorCache, join(dir, "vectors.sqlite"));
    for (const [name, value] of Object.entries(rest)) assert.equal(documented.get(name), JSON.stringify(value), name);
  } finally {
    process.chdir(cwd);
    for (const name of Object.keys(process.env)) if (!(name in env)) delete process.env[name];
    Object.assign(process.env, env);
    rmSync(dir, { recursive: true, force: true });
  }
});
