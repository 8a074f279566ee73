import { join } from "node:path";
import type * as Rag from "../../dist/index.js";
import { sampleOptions } from "./sample.ts";

type Library = typeof Rag;

/** Cells of a notebook that runs all stages, in order. `open` opens the session, `again` makes a run that is there anew. */
export const cells = [
  "open",
  "prime",
  "chunk",
  "dense",
  "sparse",
  "fuse",
  "rerank",
  "export",
  "again",
  "close",
] as const;
export type Cell = (typeof cells)[number];

/** Where the notebook reads and writes. */
export interface Place {
  /** Holds the session and the export. */
  readonly root: string;
  readonly corpus: string;
}

/** What the cells have made so far. */
export interface Made {
  session?: Rag.Session;
  chunk?: Rag.ChunkRun;
  dense?: Rag.DenseRun;
  sparse?: Rag.SparseRun | Rag.Skipped;
  fuse?: Rag.FusedRun;
  rerank?: Rag.RerankRun | Rag.Skipped;
  export?: Rag.ExportRun;
}

const questions = ["which engine gives a rare word more weight?", "when does the water turn?"];

/** Two dense models, so that a run holds fused vectors too, and batches so small that each pass has several. */
function options(rag: Library, root: string): Rag.SessionOptions {
  const row = rag.listModels().find(({ key }) => key === "sample-dense") as Rag.ModelCard;
  return sampleOptions(root, {
    addModels: [{ ...row, key: "prefixed", documentPrefix: "passage: " }],
    dense: ["sample-dense", "prefixed"],
    tokenBudget: 96,
    modelLock: join(root, "locks/models.lock.json"),
  });
}

/** Runs one cell on what those before it have made. A cell that failed can be run again. */
export async function runCell(rag: Library, cell: Cell, { root, corpus }: Place, made: Made): Promise<void> {
  if (cell === "open") {
    made.session = await rag.openSession(options(rag, root));
    return;
  }
  const session = made.session as Rag.Session;
  const files = join(corpus, "**/*.{md,txt}");
  const { chunk, dense, sparse, fuse, rerank } = made as Required<Made>;
  if (cell === "close") session.close();
  else if (cell === "prime") await rag.primeCache(session);
  else if (cell === "chunk") made.chunk = await rag.chunk(session, { files });
  else if (cell === "again") await rag.chunk(session, { files, rerun: true });
  else if (cell === "dense") made.dense = await rag.runDense(session, chunk, { fusion: "concat" });
  else if (cell === "sparse") made.sparse = await rag.runSparse(session, chunk);
  else if (cell === "fuse") made.fuse = await rag.fuse(session, rag.queries(questions), [dense, sparse]);
  else if (cell === "rerank") made.rerank = await rag.rerank(session, fuse, { candidates: 3 });
  else if (cell === "export")
    made.export = await rag.exportCollection(session, [chunk, dense, sparse, rerank], {
      folder: join(root, "exports/first"),
    });
}
