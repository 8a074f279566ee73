import { fork } from "node:child_process";
import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { badSearch, faissFailed } from "../core/errors.js";
import type { Scored } from "../core/top-k.js";
import { openFlatIndex } from "./faiss.js";
import type { FaissReply, FaissRequest } from "./faiss-messages.js";

/** Neighbours as FAISS finds them, or why it could not be asked. */
export type FaissAnswer =
  | { readonly kind: "found"; readonly results: readonly (readonly Scored[])[] }
  | { readonly kind: "absent"; readonly reason: string };

/**
 * Searches a flat inner-product index file with FAISS itself, in a process of its
 * own. Everything is checked before, since FAISS ends its process on bad input.
 *
 * @param queries row-major, of the index's width
 * @param k neighbours of each query, 1 to the index's rows
 * @returns `absent` where faiss-node is not installed or was not built
 * @throws RagError `index_damaged`, `bad_search`, `faiss_failed`; the signal's reason when it aborts
 */
export async function searchWithFaiss(
  path: string,
  queries: Float32Array,
  k: number,
  signal?: AbortSignal,
): Promise<FaissAnswer> {
  const index = await openFlatIndex(path);
  await index.close();
  const { rows, dim, metric } = index;
  if (metric !== "inner_product") throw badSearch("metric", metric, "the index compares by inner product");
  if (!Number.isInteger(k) || k < 1 || k > rows)
    throw badSearch("k", k, `it is a whole number from 1 to the ${rows} rows of the index`);
  if (queries.length === 0 || queries.length % dim !== 0)
    throw badSearch("queries", queries.length, `their length is a multiple of ${dim}, the index's width`);
  if (!queries.every(Number.isFinite)) throw badSearch("queries", "NaN or infinity", "every number is finite");

  const reply = await ask({ path: resolve(path), queries, k }, signal);
  if (reply.kind === "absent") return reply;
  if (reply.kind === "failed") throw faissFailed(path, reply.reason);
  const results = Array.from({ length: queries.length / dim }, (_, q) =>
    reply.rows.slice(q * k, (q + 1) * k).map((row, i) => ({ row, score: reply.scores[q * k + i] as number })),
  );
  return { kind: "found", results };
}

function ask(request: FaissRequest, signal?: AbortSignal): Promise<FaissReply> {
  return new Promise((done, fail) => {
    const child = fork(fileURLToPath(new URL("./faiss-node.js", import.meta.url)), [], {
      serialization: "advanced",
      execArgv: [],
      stdio: ["ignore", "ignore", "pipe", "ipc"],
      // Busy waiting between OpenMP's loops makes a search 8 to 200 times slower on few cores.
      env: { OMP_WAIT_POLICY: "PASSIVE" },
      ...(signal && { signal, killSignal: "SIGKILL" as const }),
    });
    let said = "";
    child.stderr?.on("data", (data: Buffer) => {
      if (said.length < 2000) said += data.toString();
    });
    child.once("error", (error) => fail(signal?.aborted ? signal.reason : error));
    child.once("message", (reply) => done(reply as FaissReply));
    child.once("close", (code, signal) =>
      fail(faissFailed(request.path, `its process ended with ${signal ?? code} ${said.trim()}`)),
    );
    child.send(request, (error) => error && fail(error));
  });
}
