import { type ChunkOptions, chunk } from "../chunk/run.js";
import { runDense } from "../dense/run.js";
import { exportCollection } from "../export/run.js";
import { queries } from "../fuse/queries.js";
import { fuse } from "../fuse/run.js";
import { shelfOf } from "../models/shelf.js";
import { rerank } from "../rerank/run.js";
import type { ModelCard } from "../schema/model-types.js";
import { openSession } from "../session/open.js";
import { runSparse } from "../sparse/run.js";
import type { Session } from "../stage/context.js";
import type { Side } from "./artefacts.js";

/** What is asked does not matter: no ranking is compared. */
const QUERIES = ["what is this about?", "how is it done?"];

/** One way through the journey, and the session it was made in. */
export interface MadeSide extends Side {
  readonly sessionDir: string;
}

/**
 * Makes the collection in a session of its own, with the settings of another: every
 * stage, or the dense ones alone with sparse and rerank switched off.
 */
export async function makeSide(like: Session, dir: string, options: ChunkOptions, all: boolean): Promise<MadeSide> {
  const session = await openSession({
    ...like.settings,
    // Vectors that were kept would be compared with themselves.
    vectorCache: null,
    // It is the session that was asked that is packed near the end, and not this one.
    sessionHours: null,
    name: "parity",
    dir,
    enableSparse: all,
    enableRerank: all,
    addModels: shelfOf(like).added as readonly ModelCard[],
  });
  try {
    const chunks = await chunk(session, options);
    const dense = await runDense(session, chunks);
    if (!all) {
      const exported = await exportCollection(session, [chunks, dense]);
      return { chunks, dense, exported, sessionDir: session.dir };
    }
    const sparse = await runSparse(session, chunks);
    const fused = await fuse(session, queries(QUERIES), [dense, sparse]);
    const exported = await exportCollection(session, [chunks, dense, sparse, await rerank(session, fused)]);
    return { chunks, dense, exported, sessionDir: session.dir };
  } finally {
    session.close();
  }
}
