import { foreignRanking, foreignRun, inputMissing, sameStageTwice, wrongRun } from "../core/errors.js";
import type { ChunkRun, DenseRun, FusedRun, PrimeRun, RerankRun, Skipped, SparseRun } from "../schema/types.js";
import type { SessionContext } from "../stage/context.js";

/** What goes into a collection, sorted by stage. */
export interface Parts {
  readonly chunks: ChunkRun;
  readonly dense: DenseRun | null;
  readonly sparse: SparseRun | Skipped | null;
  readonly rerank: RerankRun | Skipped | null;
}

/** One run of each stage, all of the same chunks. */
export function sortOut(runs: readonly (ChunkRun | DenseRun | SparseRun | RerankRun | Skipped)[]): Parts {
  if (!Array.isArray(runs)) throw wrongRun("an array of runs", runs, "the stages");
  const found: { chunk?: ChunkRun; dense?: DenseRun; sparse?: SparseRun | Skipped; rerank?: RerankRun | Skipped } = {};
  for (const run of runs) {
    const stage = run?.kind === "skipped" ? run.stage : run?.kind;
    if (!["chunk", "dense", "sparse", "rerank"].includes(stage))
      throw wrongRun("a chunk, dense, sparse or rerank run", run, "the stages");
    const before = found[stage as keyof typeof found];
    if (before) throw sameStageTwice(stage, idOf(before), idOf(run));
    Object.assign(found, { [stage]: run });
  }
  const { chunk: chunks, dense = null, sparse = null, rerank = null } = found;
  if (!chunks) throw wrongRun("a chunk run among the runs", runs, "chunk");
  for (const run of [dense, sparse, rerank]) {
    if (run && "inputs" in run && run.inputs.chunk !== chunks.id) {
      throw foreignRun(`${run.kind} run`, run.id, `chunk run ${run.inputs.chunk}`, "the chunk run given", chunks.id);
    }
  }
  return { chunks, dense, sparse, rerank };
}

function idOf(run: { readonly kind: string }): string {
  return "id" in run ? String(run.id) : run.kind;
}

/** The fused run a ranking was made from: for its part of the manifest, and to see that it ranks what is exported. @throws RagError `input_missing` */
export async function fusedBehind({ session, store }: SessionContext, rerank: RerankRun): Promise<FusedRun> {
  const id = rerank.inputs.fuse as string;
  const stored = await store.find("fuse", id);
  if (stored) return { ...stored, session: session.name, dir: "", reused: true };
  throw inputMissing({ stage: "export", input: "fuse", id, others: [rerank.id], session: session.name, verb: "fuse" });
}

/** Candidates of a ranking were found in the very vectors that are exported beside it. @throws RagError `foreign_run` */
export function requireSameSources(
  rerank: RerankRun,
  fused: FusedRun,
  given: readonly (DenseRun | SparseRun | null)[],
): void {
  for (const run of given) {
    const from = run && (fused.inputs[run.kind] as string | undefined);
    if (from && from !== run.id) throw foreignRanking(rerank.id, fused.id, run.kind, from, run.id);
  }
}

/** The session's last look at its models, where there was one. */
export async function lastPrime(context: SessionContext): Promise<PrimeRun | null> {
  const entry = (await context.store.history()).findLast(({ stage }) => stage === "prime");
  const stored = entry ? await context.store.find("prime", entry.id) : null;
  return stored && { ...stored, session: context.session.name, dir: "", reused: true };
}
