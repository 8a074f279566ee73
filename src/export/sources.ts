import type { DenseRun, SparseRun } from "../schema/types.js";
import { openVectors } from "../store/arrays.js";
import type { FilePlan } from "./plan.js";
import type { NamedDense, NamedSparse } from "./qdrant.js";
import { openSparseRows } from "./sparse-rows.js";

/** The vectors of the runs, opened for reading, in the plan's order and under its names. */
export interface OpenSources {
  readonly dense: readonly NamedDense[];
  readonly sparse: readonly NamedSparse[];
  close(): Promise<void>;
}

/** Opens every vector file of the plan, or none. @throws RagError `array_damaged` */
export async function openSources(
  plan: FilePlan,
  dense: DenseRun | null,
  sparse: SparseRun | null,
): Promise<OpenSources> {
  const opened: { close(): Promise<void> }[] = [];
  const close = async () => {
    for (const file of opened) await file.close();
  };
  const keep = <T extends { close(): Promise<void> }>(file: T): T => {
    opened.push(file);
    return file;
  };
  try {
    const denseSources: NamedDense[] = [];
    for (const { name, vectors } of plan.dense) {
      denseSources.push({ name, source: keep(await openVectors((dense as DenseRun).dir, vectors)) });
    }
    const sparseSources: NamedSparse[] = [];
    for (const { name, vectors } of plan.sparse) {
      sparseSources.push({ name, source: keep(await openSparseRows((sparse as SparseRun).dir, vectors)) });
    }
    return { dense: denseSources, sparse: sparseSources, close };
  } catch (error) {
    await close();
    throw error;
  }
}
