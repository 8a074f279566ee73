import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { publicDeclarations } from "./declarations.ts";
import { readPage, root } from "./pages.ts";

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
  const wrong = [...publicDeclarations().values()].flatMap(({ name, throws }) =>
    throws.filter((code) => !known.has(code)).map((code) => `${name}: ${code}`),
  );
  assert.deepEqual(wrong, []);
});
