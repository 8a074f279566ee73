/**
 * The process that holds faiss-node, and its only importer. The library blocks
 * its thread, keeps the index in memory, leaks in search and aborts the process
 * on some input: none of which may happen to the notebook.
 */
import { createRequire } from "node:module";
import type { FaissReply, FaissRequest } from "./faiss-messages.js";

/** The part of faiss-node that is used. Its own types are absent where the package is. */
interface FaissNode {
  readonly IndexFlatIP: { read(path: string): FaissIndex };
  readonly IndexFlatL2: { read(path: string): FaissIndex };
}

interface FaissIndex {
  search(queries: number[], k: number): { readonly labels: number[]; readonly distances: number[] };
}

function answer({ path, queries, k }: FaissRequest): FaissReply {
  const require = createRequire(import.meta.url);
  let faiss: FaissNode;
  try {
    faiss = require("faiss-node") as FaissNode;
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const reason = code === "MODULE_NOT_FOUND" ? "it is not installed" : message.split("\n", 1)[0];
    return { kind: "absent", reason: reason as string };
  }
  try {
    const found = faiss.IndexFlatIP.read(path).search(Array.from(queries), k);
    return { kind: "found", rows: found.labels, scores: found.distances };
  } catch (error) {
    return { kind: "failed", reason: (error as Error).message };
  }
}

process.once("message", (request: FaissRequest) => {
  process.send?.(answer(request), () => process.exit());
});
process.once("disconnect", () => process.exit());
