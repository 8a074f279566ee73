import assert from "node:assert/strict";
import { test } from "node:test";
import { listModels } from "../../dist/index.js";
import { markersOf, refreshed } from "./generated.ts";
import { pageNames, readPage } from "./pages.ts";
import { manifestFields } from "./schema-tables.ts";

for (const name of pageNames.filter((page) => markersOf(readPage(page).text).length > 0)) {
  test(`${name}: what is made from the code is as the code has it (node test/docs/write.ts makes it anew)`, () => {
    const { text } = readPage(name);
    assert.equal(text, refreshed(text));
  });
}

test("the models page has a table for every role, and every model in it", () => {
  const { text } = readPage("docs/models.md");
  const roles = new Set(listModels().map(({ role }) => role));
  assert.deepEqual(markersOf(text), ["models dense", "models sparse", "models rerank"]);
  assert.deepEqual([...roles].map((role) => `models ${role}`).sort(), [...markersOf(text)].sort());
  for (const { key } of listModels()) assert.equal(text.split(`\n| \`${key}\` |`).length, 2, key);
});

test("the manifest page has a section for every field that has fields of its own", () => {
  const { text, headings } = readPage("docs/manifest.md");
  const markers = markersOf(text);
  assert.ok(markers.includes("manifest ."));
  const nested = Object.entries(manifestFields()).filter(
    ([, { properties, items, additionalProperties }]) =>
      properties ??
      items?.properties ??
      (typeof additionalProperties === "object" ? additionalProperties.properties : undefined),
  );
  // Two fields repeat what stands inside feature_toggles.
  const missing = nested
    .map(([name]) => name)
    .filter(
      (name) =>
        !name.startsWith("activation_") &&
        !(markers.includes(`manifest ${name}`) && headings.some((heading) => heading.includes(name))),
    );
  assert.deepEqual(missing, []);
});
