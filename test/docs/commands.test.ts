import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { pageNames, readPage, root } from "./pages.ts";

const pages = pageNames.map(readPage);

/** What a pattern's first group finds on all pages, as `page: command`, where it is none of the known ones. */
function unknownCommands(pattern: RegExp, known: readonly string[]): string[] {
  return pages.flatMap(({ name, text }) =>
    [...text.matchAll(pattern)]
      .filter(([, word]) => !known.includes(word as string))
      .map(([command]) => `${name}: ${command}`),
  );
}

test("the README holds the two commands", () => {
  const blocks = readPage("README.md").blocks.filter(({ language }) => language === "bash");
  const lines = blocks.flatMap(({ code }) => code.split("\n"));
  assert.ok(lines.includes("npm ci && npm start"));
  assert.ok(lines.includes("npm ci && npm test"));
});

test("every npm script that a page names exists", () => {
  const { scripts } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as {
    scripts: Record<string, string>;
  };
  assert.deepEqual(unknownCommands(/\bnpm run (?:--silent )?([a-z][a-z0-9:-]*[a-z0-9])/g, Object.keys(scripts)), []);
});

test("every command that a page names is one that the command line's help has", () => {
  const help = readFileSync(join(root, "src/cli/main.ts"), "utf8").split("`")[1] ?? "";
  const verbs = [...help.matchAll(/^ {2}rag-cells ([a-z-]+(?: \| [a-z-]+)*)/gm)].flatMap(([, names]) =>
    (names as string).split(" | "),
  );
  assert.ok(verbs.includes("journey"), "the help was found");
  assert.deepEqual(unknownCommands(/(?:npm exec -- rag-cells|dist\/cli\/main\.js|`rag-cells) ([a-z-]+)/g, verbs), []);
});
