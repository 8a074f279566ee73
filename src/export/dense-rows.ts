import { nonFiniteExport, rowsDiffer } from "../core/errors.js";
import type { Written } from "../store/atomic.js";
import type { ChunkReader } from "../store/chunks.js";
import { openNpyWriter } from "../store/npy.js";
import { blocksOf, type RowSource } from "./rows.js";

/**
 * Copies vectors into the export, and refuses rows that are not the corpus's and
 * numbers that no vector store takes.
 *
 * @throws RagError `rows_differ`, `non_finite`, `store_write_failed`
 */
export async function writeDenseRows(
  path: string,
  source: RowSource,
  chunks: Pick<ChunkReader, "count" | "read">,
  name: string,
  signal?: AbortSignal,
): Promise<Written> {
  const { rows, dim } = source;
  if (rows !== chunks.count) throw rowsDiffer(name, rows, chunks.count);
  const file = await openNpyWriter(path, "float32", [rows, dim]);
  try {
    for await (const { from, data } of blocksOf(source, signal)) {
      const bad = data.findIndex((value) => !Number.isFinite(value));
      if (bad >= 0) {
        const row = from + Math.floor(bad / dim);
        const chunk = await chunks.read(row);
        throw nonFiniteExport(name, chunk.id, row, chunk.document);
      }
      await file.write(data);
    }
    return await file.commit();
  } catch (error) {
    await file.abort();
    throw error;
  }
}
