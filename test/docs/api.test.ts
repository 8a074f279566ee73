import assert from "node:assert/strict";
import { test } from "node:test";
import * as api from "../../dist/index.js";
import { publicDeclarations } from "./declarations.ts";
import { markersOf } from "./generated.ts";
import { readPage } from "./pages.ts";

const declarations = publicDeclarations();

test("the API page holds every export", () => {
  const { text, headings } = readPage("docs/api.md");
  const shown = new Set(markersOf(text).flatMap((marker) => marker.match(/^declaration (\w+)$/)?.[1] ?? []));
  const missing = [...declarations.values()].filter(({ name, kind, code }) => {
    if (kind !== "type") return !shown.has(name) || !headings.includes(name);
    if (!name.endsWith("Options")) return !headings.includes(name);
    return !text.includes(code);
  });
  assert.deepEqual(
    missing.map(({ name }) => name),
    [],
  );
});

test("the declarations name every value that the package exports, and each has a docstring", () => {
  assert.deepEqual(
    Object.keys(api).filter((name) => !declarations.has(name)),
    [],
  );
  assert.deepEqual(
    [...declarations.values()].filter(({ summary }) => summary === "").map(({ name }) => name),
    [],
  );
});

test("public signatures name public types only: a cell must be able to write its variables down", () => {
  const others = new Set([
    "Readonly",
    "Partial",
    "Record",
    "Promise",
    "AsyncGenerator",
    "Iterable",
    "Float32Array",
    "Float64Array",
    "Uint32Array",
    "Error",
    "ColumnTable",
    "K",
  ]);
  const unknown = [...declarations.values()].flatMap(({ name, code }) => {
    const bare = code.replace(/\/\*\*[\s\S]*?\*\//g, "").replace(/"[^"\n]*"/g, "");
    const types = new Set(bare.match(/\b[A-Z]\w*/g));
    return [...types].filter((type) => !declarations.has(type) && !others.has(type)).map((type) => `${name}: ${type}`);
  });
  assert.deepEqual(unknown, []);
});
