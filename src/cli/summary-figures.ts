import { readdir, readFile, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { CellResult } from "../notebook/run.js";

/** A finished collection as its manifest tells it. */
export interface Collection {
  readonly folder: string;
  readonly manifest: string;
  /** Label and value of each figure the manifest has. */
  readonly figures: readonly (readonly [string, string])[];
}

const FIGURES: readonly { label: string; path: readonly string[]; unit: string; by?: number }[] = [
  { label: "chunks", path: ["chunk_count"], unit: "" },
  { label: "dense pass", path: ["dense_run", "chunks_per_second"], unit: " chunks/s" },
  { label: "sparse pass", path: ["sparse_run", "latency_ms"], unit: " s", by: 1000 },
  { label: "rerank", path: ["rerank_run", "latency_ms"], unit: " s", by: 1000 },
];

/** The newest `processing_summary.json` under a folder, or null where there is none. */
export async function findCollection(folder: string): Promise<Collection | null> {
  const names = (await readdir(folder, { recursive: true })).filter((name) =>
    /(^|[\\/])processing_summary\.json$/.test(name),
  );
  const found = await Promise.all(
    names.map(async (name) => ({ path: join(folder, name), time: (await stat(join(folder, name))).mtimeMs })),
  );
  const newest = found.sort((a, b) => b.time - a.time)[0];
  if (newest === undefined) return null;
  const summary: unknown = JSON.parse(await readFile(newest.path, "utf8"));
  const figures = FIGURES.flatMap(({ label, path, unit, by = 1 }) => {
    const value = path.reduce(findKey, summary);
    return typeof value === "number" ? [[label, `${round(value / by)}${unit}`] as const] : [];
  });
  return { folder: dirname(newest.path), manifest: newest.path, figures };
}

/** A card's first line, such as `dense run dense-ab12cd34 · reused`; the rest of a card is indented. */
const REUSED = /^\S+ run \S+(?: · [^·\n]+)*? · reused(?: ·|$)/m;

/** How many cells showed the card of a run that was found and not computed. */
export function reusedCells(cells: readonly CellResult[]): number {
  return cells.filter((cell) => cell.outputs.some((output) => REUSED.test(plainText(output)))).length;
}

function plainText(output: CellResult["outputs"][number]): string {
  if (output.output_type === "stream") return output.text;
  return output.output_type === "error" ? "" : String(output.data["text/plain"] ?? "");
}

/** The value of the shallowest `key` in nested objects. */
function findKey(value: unknown, key: string): unknown {
  for (let level = [value]; level.length > 0; ) {
    const objects = level.filter(
      (v): v is Record<string, unknown> => typeof v === "object" && v !== null && !Array.isArray(v),
    );
    const owner = objects.find((object) => Object.hasOwn(object, key));
    if (owner !== undefined) return owner[key];
    level = objects.flatMap((object) => Object.values(object));
  }
  return undefined;
}

function round(value: number): string {
  return value >= 100 || Number.isInteger(value) ? value.toFixed(0) : value.toPrecision(3);
}
