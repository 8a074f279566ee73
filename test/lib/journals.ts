import { readFile } from "node:fs/promises";

/** Bytes of finished batches in a journal: what stands behind its header and plan; 0 where there is none yet. */
export async function journaledBytes(path: string): Promise<number> {
  const bytes = await readFile(path).catch(() => Buffer.alloc(0));
  const line = bytes.indexOf(10);
  if (line < 0) return 0;
  const plan = (JSON.parse(bytes.toString("utf8", 0, line)) as { bytes: number }).bytes;
  return Math.max(0, bytes.length - (line + 1 + plan + 1));
}
