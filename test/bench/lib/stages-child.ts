/**
 * A notebook's process that runs stages over a corpus and tells its parent of each:
 * that it begins, then how long it took and how many inference processes it started.
 */
import childProcess from "node:child_process";
import { syncBuiltinESMExports } from "node:module";

/** What to run. */
export interface StagesTask {
  readonly session: Record<string, unknown>;
  readonly files: string;
  /** `chunk` and `dense`; or the whole journey, as often as asked for. */
  readonly stages: "dense" | "journey";
  readonly times: number;
}

/** What is told of one stage. */
export type Told =
  | { readonly begins: string; readonly at: number }
  | {
      readonly stage: string;
      readonly seconds: number;
      /** Inference processes that were started. */
      readonly started: number;
      readonly reused: boolean;
      readonly resumedBatches: number;
      readonly batches: number;
    };

let started = 0;
const { fork } = childProcess;
// The package imports the function by name: the counting one takes its place there too.
childProcess.fork = ((...given: Parameters<typeof fork>) => {
  started++;
  return fork(...given);
}) as typeof fork;
syncBuiltinESMExports();

const rag = await import("../../../dist/index.js");
const task = JSON.parse(process.argv[2] as string) as StagesTask;
const session = await rag.openSession(task.session as never);
const tell = (told: Told) => new Promise<void>((resolve) => process.send?.(told, () => resolve()));

interface Run {
  readonly reused: boolean;
  readonly resumedBatches: number;
  readonly telemetry: { readonly batches: readonly unknown[] };
}

/** A stage, timed by this process's own clock; the parent kills it by the wall clock, of one machine. */
async function timed<T>(stage: string, work: () => Promise<T>): Promise<T> {
  await tell({ begins: stage, at: Date.now() });
  const [before, from] = [started, performance.now()];
  const run = await work();
  const seconds = (performance.now() - from) / 1000;
  const { reused, resumedBatches, telemetry } = run as unknown as Run;
  await tell({ stage, seconds, started: started - before, reused, resumedBatches, batches: telemetry.batches.length });
  return run;
}

for (let i = 0; i < task.times; i++) {
  const chunks = await timed("chunk", () => rag.chunk(session, { files: task.files }));
  const dense = await timed("dense", () => rag.runDense(session, chunks));
  if (task.stages === "dense") continue;
  const sparse = await timed("sparse", () => rag.runSparse(session, chunks));
  const asked = rag.queries(["which section has the words?", "what is common and what is rare?"]);
  const fused = await timed("fuse", () => rag.fuse(session, asked, [dense, sparse]));
  const ranked = await timed("rerank", () => rag.rerank(session, fused));
  await timed("export", () => rag.exportCollection(session, [chunks, dense, sparse, ranked]));
}
session.close();
process.disconnect?.();
