/**
 * Writes the lock file of the sample models, after they were trained anew:
 *
 *     node test/models/lock.ts
 */
import { rmSync } from "node:fs";
import { join } from "node:path";
import { locateModels } from "../../dist/models/locate.js";
import { extendLock } from "../../dist/models/lock-file.js";
import { registryRows } from "../../dist/models/registry-data.js";

const folder = join(import.meta.dirname, "../../notebooks/sample/models");
const path = join(folder, "models.lock.json");
rmSync(path, { force: true });
const cards = registryRows.filter(({ hubId }) => hubId.startsWith("rag-cells/sample-"));
const located = await locateModels(cards, {
  roots: [folder],
  dtype: () => "fp32",
  lockPath: null,
  memory: new Map(),
  located: new Map(),
});
const entry = ({ card, files }: (typeof located)[number]) => ({
  revision: null,
  licence: card.licence,
  files: Object.fromEntries(files.map(({ path: file, bytes, sha256 }) => [file, { bytes, sha256 }])),
});
await extendLock(path, Object.fromEntries(located.map((model) => [model.card.hubId, entry(model)])));
console.log(`${located.length} models in ${path}`);
