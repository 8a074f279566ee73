/** Writes the generated parts of the pages anew, and the copies in the sample corpus: `node test/docs/write.ts`, after `npm run build`. */
import { copyFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { refreshed } from "./generated.ts";
import { pageNames, readPage, root } from "./pages.ts";

for (const name of pageNames) {
  const { text } = readPage(name);
  const fresh = refreshed(text);
  if (fresh === text) continue;
  writeFileSync(join(root, name), fresh);
  console.log(`${name} written`);
}

const copies = join(root, "notebooks/sample/corpus/rag-cells");
for (const name of readdirSync(copies)) copyFileSync(join(root, "docs", name), join(copies, name));
