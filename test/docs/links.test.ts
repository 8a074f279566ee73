import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { dirname, join, relative, resolve, sep } from "node:path";
import { test } from "node:test";
import { type Page, pageNames, parsePage, readPage, root } from "./pages.ts";

const pages = new Map(pageNames.map((name) => [name, readPage(name)]));

/** What is wrong with the links of a page. */
function deadLinks(page: Page): string[] {
  return page.links.flatMap(({ target, line }) => {
    const problem = problemOf(page, target);
    return problem ? [`${page.name}:${line} ${target} ${problem}`] : [];
  });
}

function problemOf(page: Page, target: string): string | null {
  if (/^(https|mailto):/.test(target)) return null;
  if (/^[a-z]+:/i.test(target)) return "is of a kind that no page needs";
  const [path = "", anchor] = decodeURI(target).split("#");
  const name =
    path === ""
      ? page.name
      : relative(root, resolve(root, dirname(page.name), path))
          .split(sep)
          .join("/");
  if (name.startsWith("..")) return "leaves the repository";
  if (!existsSync(join(root, name))) return "does not exist";
  if (anchor === undefined) return null;
  const to = name === page.name ? page : pages.get(name);
  if (!to) return "names a place in a file that is no page";
  return to.anchors.has(anchor) ? null : "names no heading of that page";
}

for (const page of pages.values()) {
  test(`${page.name}: links and images lead somewhere`, () => assert.deepEqual(deadLinks(page), []));
}

test("a dead link, a dead anchor and a way out of the repository are seen", () => {
  const text =
    "# One\n\n## Two words\n\n[a](missing.md) [b](#three) [c](../../x.md) [d](#two-words) ![e](docs/none.png)\n";
  assert.equal(deadLinks(parsePage("README.md", text)).length, 4);
});

test("every page can be reached from the README", () => {
  const reached = new Set(["README.md"]);
  for (const name of reached) {
    for (const { target } of pages.get(name)?.links ?? []) {
      const path = target.split("#")[0] as string;
      if (path.endsWith(".md") && !/^[a-z]+:/.test(path)) reached.add(join(dirname(name), path).split(sep).join("/"));
    }
  }
  assert.deepEqual(
    pageNames.filter((name) => !reached.has(name)),
    [],
  );
});
