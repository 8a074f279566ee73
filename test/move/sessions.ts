/** Sessions to move: over the sample models, with every stage run, and what tests do with their packs. */
import { createHash } from "node:crypto";
import { cp, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { openArchive } from "../../dist/archive/open.js";
import * as rag from "../../dist/index.js";
import { corpusOf, sampleModels, sampleOptions, scratch, smallCorpus } from "../lib/sample.ts";
import { type Made, zip } from "../models-room/archives.ts";

/** What the cells of a notebook make. */
export interface Made7 {
  readonly chunks: rag.ChunkRun;
  readonly dense: rag.DenseRun;
  readonly sparse: rag.SparseRun;
  readonly ranked: rag.RerankRun;
  readonly collection: rag.ExportRun;
}

/** The same cells, wherever they are run. */
export async function runCells(session: rag.Session, files: string): Promise<Made7> {
  await rag.primeCache(session);
  const chunks = await rag.chunk(session, { files });
  const dense = await rag.runDense(session, chunks);
  const sparse = (await rag.runSparse(session, chunks)) as rag.SparseRun;
  const fused = await rag.fuse(session, rag.queries(["how does bread rise", "ranks of two engines"]), [dense, sparse]);
  const ranked = (await rag.rerank(session, fused)) as rag.RerankRun;
  const collection = await rag.exportCollection(session, [chunks, dense, sparse, ranked]);
  return { chunks, dense, sparse, ranked, collection };
}

/** A corpus, and models in a folder of their own, as another machine would have them. */
export async function anotherMachine(documents: Readonly<Record<string, string>> = smallCorpus) {
  const models = join(await scratch("models-elsewhere"), "other-models");
  await cp(sampleModels, models, { recursive: true });
  const corpus = await corpusOf(documents);
  const root = await scratch("machine");
  return {
    root,
    corpus,
    models,
    files: join(corpus, "**/*.{md,txt}"),
    options: (more: Partial<rag.SessionOptions> = {}) => sampleOptions(root, { modelDirs: [models], ...more }),
  };
}

/** Every entry of a zip, by name, as its bytes. */
export async function entriesOf(path: string): Promise<Map<string, Buffer>> {
  const archive = await openArchive(path, (entry, problem) => new Error(`${entry}: ${problem}`));
  const entries = new Map<string, Buffer>();
  for await (const entry of archive.entries(new AbortController().signal)) {
    const blocks: Uint8Array[] = [];
    for await (const block of entry.content()) blocks.push(block);
    entries.set(entry.name, Buffer.concat(blocks));
  }
  await archive.close();
  return entries;
}

/** A pack of a few bytes, entry by entry; `change` alters its manifest. */
export function tinySessionPack(
  files: Readonly<Record<string, string | Buffer>> = tinySession,
  change: (manifest: Record<string, unknown>) => Record<string, unknown> = (manifest) => manifest,
): Made[] {
  const listed = Object.entries(files).map(([path, data]) => ({
    path,
    bytes: Buffer.byteLength(data),
    sha256: createHash("sha256").update(data).digest("hex"),
  }));
  const manifest = {
    schema: "rag-cells/session-pack@1",
    session: "tiny",
    library: "0.1.0",
    packedAt: "2026-11-27T00:00:00.000Z",
    runs: [],
    files: listed,
  };
  return [
    ...Object.entries(files).map(([name, data]) => ({ name, data })),
    { name: "session-pack.json", data: JSON.stringify(change(manifest)) },
  ];
}

export const tinySession = {
  "session.json": '{"schema":"rag-cells/session@1","name":"tiny"}\n',
  "history.jsonl": "",
  "runs/dense/dense-0123456789abcdef.partial/sample-dense.journal": "not much of a journal",
};

/** Writes a zip of these entries into a folder of its own. */
export async function zipFile(entries: readonly Made[] | Buffer, name = "tiny.session.zip"): Promise<string> {
  const path = join(await scratch("zip"), name);
  await writeFile(path, Buffer.isBuffer(entries) ? entries : zip(entries));
  return path;
}

/** All files below a folder, by path. */
export async function filesBelow(dir: string): Promise<Map<string, Buffer>> {
  const files = new Map<string, Buffer>();
  for (const entry of await readdir(dir, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    files.set(path.slice(dir.length + 1), await readFile(path));
  }
  return files;
}
