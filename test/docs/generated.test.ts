import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { openSession } from "../../dist/index.js";
import * as api from "../../dist/index.js";
import { settingNames } from "../../dist/schema/settings.js";
import { publicDeclarations } from "./declarations.ts";
import { manifestFields, markersOf, refreshed } from "./generated.ts";
import { pageNames, readPage, root } from "./pages.ts";

for (const name of pageNames.filter((page) => markersOf(readPage(page).text).length > 0)) {
  test(`${name}: what is made from the code is as the code has it (node test/docs/write.ts makes it anew)`, () => {
    const { text } = readPage(name);
    assert.equal(text, refreshed(text));
  });
}

test("the API page holds every export", () => {
  const { text, headings } = readPage("docs/api.md");
  const declarations = publicDeclarations();
  const shown = new Set(markersOf(text).flatMap((marker) => marker.match(/^declaration (\w+)$/)?.[1] ?? []));
  const missing = [...declarations.values()].filter(({ name, kind, code }) => {
    if (kind !== "type") return !shown.has(name) || !headings.includes(name);
    if (!name.endsWith("Options")) return !headings.includes(name);
    return !text.includes(code);
  });
  assert.deepEqual(missing.map(({ name }) => name), []);
});

test("the declarations name every value that the package exports, and each has a docstring", () => {
  const declarations = publicDeclarations();
  assert.deepEqual(Object.keys(api).filter((name) => !declarations.has(name)), []);
  assert.deepEqual([...declarations.values()].filter(({ summary }) => summary === "").map(({ name }) => name), []);
});

test("the manifest page has a section for every field that has fields of its own", () => {
  const { text, headings } = readPage("docs/manifest.md");
  const markers = markersOf(text);
  assert.ok(markers.includes("manifest ."));
  const nested = Object.entries(manifestFields()).filter(([, { properties, items, additionalProperties }]) =>
    properties ?? items?.properties ?? (typeof additionalProperties === "object" ? additionalProperties.properties : undefined));
  // Two fields repeat what stands inside feature_toggles.
  const missing = nested.map(([name]) => name).filter((name) => !name.startsWith("activation_") && !(markers.includes(`manifest ${name}`) && headings.some((heading) => heading.includes(name))));
  assert.deepEqual(missing, []);
});

test("public signatures name public types only: a cell must be able to write its variables down", () => {
  const declarations = publicDeclarations();
  const others = new Set(["Readonly", "Partial", "Record", "Promise", "AsyncGenerator", "Float32Array", "Float64Array", "Uint32Array", "Error", "K"]);
  const unknown = [...declarations.values()].flatMap(({ name, code }) => {
    const bare = code.replace(/\/\*\*[^]*?\*\//g, "").replace(/"[^"\n]*"/g, "");
    const types = new Set(bare.match(/\b[A-Z]\w*/g));
    return [...types].filter((type) => !declarations.has(type) && !others.has(type)).map((type) => `${name}: ${type}`);
  });
  assert.deepEqual(unknown, []);
});

/** Codes that `src/core/errors.ts` makes errors with. */
function errorCodes(): Set<string> {
  const source = readFileSync(join(root, "src/core/errors.ts"), "utf8");
  return new Set([...source.matchAll(/new RagError\(\s*"([a-z0-9_]+)"/g)].map(([, code]) => code as string));
}

test("the errors page has every code, and no other", () => {
  const documented = readPage("docs/errors.md").headings.filter((heading) => /^[a-z0-9]+(_[a-z0-9]+)*$/.test(heading));
  assert.deepEqual([...documented].sort(), [...errorCodes()].sort());
  assert.equal(new Set(documented).size, documented.length, "a code has two sections");
});

test("errors that docstrings promise exist", () => {
  const known = errorCodes();
  const wrong = [...publicDeclarations().values()].flatMap(({ name, throws }) => throws.filter((code) => !known.has(code)).map((code) => `${name}: ${code}`));
  assert.deepEqual(wrong, []);
});

test("the defaults on the settings page are those of a session that nothing was set for", async () => {
  const table = readPage("docs/settings.md").text.split(/^## /m).find((section) => section.startsWith("Defaults")) ?? "";
  const documented = new Map([...table.matchAll(/^\| `(\w+)` \| (?:`([^`]*)`|([^|`]+)) \|/gm)].map(([, name, code, words]) => [name as string, code ?? words?.trim()]));
  assert.deepEqual([...documented.keys()], [...settingNames]);
  const { cwd, env } = { cwd: process.cwd(), env: { ...process.env } };
  const dir = mkdtempSync(join(tmpdir(), "rag-cells-docs-"));
  try {
    process.chdir(dir);
    for (const name of Object.keys(process.env).filter((name) => /^(EMBEDDER|HF|RAG_CELLS)_/.test(name))) delete process.env[name];
    process.env["CUDA_VISIBLE_DEVICES"] = "";
    const session = await openSession({ name: "defaults", dir });
    const { threads, modelDirs, ...rest } = session.settings;
    session.close();
    assert.ok(threads >= 1 && modelDirs.length >= 1);
    for (const [name, value] of Object.entries(rest)) assert.equal(documented.get(name), JSON.stringify(value), name);
  } finally {
    process.chdir(cwd);
    for (const name of Object.keys(process.env)) if (!(name in env)) delete process.env[name];
    Object.assign(process.env, env);
    rmSync(dir, { recursive: true, force: true });
  }
});
