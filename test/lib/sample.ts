import { rmSync } from "node:fs";
import { cp, mkdir, mkdtemp, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import type * as Rag from "../../dist/index.js";

export const root = resolve(import.meta.dirname, "../..");
export const sampleModels = join(root, "notebooks/sample/models");
export const sampleCorpus = join(root, "notebooks/sample/corpus");

const made: string[] = [];
process.once("exit", () => {
  for (const dir of made) rmSync(dir, { recursive: true, force: true });
});

/** A temporary folder, removed when the process ends. */
export async function scratch(name: string): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), `rag-${name}-`));
  made.push(dir);
  return dir;
}

/**
 * The settings of a session over the sample models. It keeps no vectors over runs, since most
 * tests that run a stage again are about computing; those about reuse name a `vectorCache`.
 */
export function sampleOptions(dir: string, more: Partial<Rag.SessionOptions> = {}): Rag.SessionOptions {
  return {
    name: "test",
    dir,
    modelDirs: [sampleModels],
    dense: ["sample-dense"],
    sparse: ["sample-splade", "bm25"],
    rerank: "sample-rerank",
    device: "cpu",
    offline: true,
    vectorCache: null,
    ...more,
  };
}

/** Writes documents, by path, into a new folder. */
export async function corpusOf(documents: Readonly<Record<string, string | Uint8Array>>): Promise<string> {
  const dir = await scratch("corpus");
  for (const [path, text] of Object.entries(documents)) {
    await mkdir(dirname(join(dir, path)), { recursive: true });
    await writeFile(join(dir, path), text);
  }
  return dir;
}

/** A copy of the sample models that a test may damage. */
export async function modelsCopy(): Promise<string> {
  const dir = await scratch("models");
  await cp(sampleModels, dir, { recursive: true });
  return dir;
}

/** Small documents on unlike subjects. */
export const smallCorpus = {
  "bread.md":
    "# Bread\n\nFlour, water, salt and time.\n\n## Proving\n\nDough that is kept cold rises slowly and tastes better.\n\n## Crust\n\nSteam in the first minutes makes a crust that is thin and crisp.\n",
  "search/bm25.md":
    "# BM25\n\nA rare word weighs more than a common one.\n\n```python\n# not a heading\nidf = log(1 + (N - df + 0.5) / (df + 0.5))\n```\n\n## Length\n\nLong texts are held against themselves, a little.\n",
  "search/fusion.md":
    "# Fusion\n\nRanks of two engines are added as reciprocals.\n\n| engine | rank |\n|---|---|\n| dense | 1 |\n| sparse | 7 |\n\n- first item\n- second item\n",
  "notes.txt": "The tide turns four times a day at this harbour.\n\nBring the boat in an hour before low water.\n",
};
