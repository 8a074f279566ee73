import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { root } from "./pages.ts";

test("the documentation in the sample corpus is the documentation (node test/docs/write.ts copies it)", () => {
  const copies = join(root, "notebooks/sample/corpus/rag-cells");
  const names = readdirSync(copies);
  assert.ok(names.length > 0);
  const read = (folder: string, name: string) => readFileSync(join(folder, name), "utf8");
  assert.deepEqual(
    names.filter((name) => read(copies, name) !== read(join(root, "docs"), name)),
    [],
  );
});
