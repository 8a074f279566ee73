import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { badParityBaseline } from "../core/errors.js";
import { jsonNumbers } from "../export/float32.js";
import { PARITY_SCHEMA, type ParityFileContent, parseParityFile } from "../schema/parity-file.js";
import type { ParityArtefact, ParityBaseline, ParityDifference, ParityMachine } from "../schema/parity-types.js";
import { writeAtomic } from "../store/atomic.js";
import { openNpy } from "../store/npy.js";
import { artefactsOf, type Side } from "./artefacts.js";
import { chunkIdAt, cut, OFF } from "./compare.js";
import { cosine, evenRows } from "./samples.js";

const STORED = "the stored baseline";
/** Rows of each run's vectors that a baseline holds. */
const SAMPLES = 4;
/** Vectors of another processor may be further apart than this in no direction: rounding alone stays far below. */
const LEAST_COSINE = 1 - 1e-6;

/** Reads a stored baseline. @throws RagError `bad_parity_baseline` */
export async function readBaseline(path: string): Promise<ParityFileContent> {
  const text = await readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
    throw badParityBaseline(path, error.code === "ENOENT" ? "there is no such file" : error.message);
  });
  const parsed = parseParityFile(text);
  if (!parsed.ok) throw badParityBaseline(path, parsed.problem);
  return parsed.baseline;
}

/** Stores a side as the baseline. @throws RagError `store_write_failed` */
export async function writeBaseline(
  path: string,
  side: Side,
  machine: ParityMachine,
  signal: AbortSignal,
): Promise<void> {
  const artefacts: ParityFileContent["artefacts"] = [];
  for (const artefact of artefactsOf(side)) {
    const { name, rows, exact, byChunk, ofRun } = artefact;
    const rowHashes = byChunk && ofRun ? { rowHashes: await artefact.rowHashes(signal) } : {};
    artefacts.push({ name, rows, sha256: await artefact.sha256(signal), exact, ...rowHashes });
  }
  const samples: ParityFileContent["samples"] = [];
  for (const { file, rows } of side.dense.vectors) {
    for (const row of evenRows(rows, SAMPLES)) {
      const values = jsonNumbers(await rowOfFile(side, file, row));
      samples.push({ artefact: `dense run, ${file}`, row, chunkId: (await chunkIdAt(side, row)) ?? "", values });
    }
  }
  const content: ParityFileContent = { schema: PARITY_SCHEMA, machine, artefacts, samples };
  await writeAtomic(path, `${portable(content)}\n`, "the parity baseline");
}

/** One line an artefact and a sample, so that a change reads well in a diff. */
function portable({ schema, machine, artefacts, samples }: ParityFileContent): string {
  const lines = (values: readonly unknown[]) => values.map((value) => `  ${JSON.stringify(value)}`).join(",\n");
  return `{"schema":${JSON.stringify(schema)},"machine":${JSON.stringify(machine)},\n"artefacts":[\n${lines(artefacts)}\n],"samples":[\n${lines(samples)}\n]}`;
}

/** What comparing with a stored baseline found. */
export interface BaselineCompared {
  readonly report: ParityBaseline;
  /** What became of each artefact, by name. */
  readonly states: ReadonlyMap<string, ParityArtefact["baseline"]>;
  readonly difference: ParityDifference | null;
}

/**
 * Compares a side with a stored baseline: what is the same on every processor by
 * hash; vectors by hash where the baseline was made with the same class of vector
 * instructions and the same encoder, else by the cosine of a few stored rows.
 */
export async function compareBaseline(
  path: string,
  stored: ParityFileContent,
  side: Side,
  machine: ParityMachine,
  signal: AbortSignal,
): Promise<BaselineCompared> {
  const same = sameBits(stored.machine, machine);
  const states = new Map<string, ParityArtefact["baseline"]>();
  let difference: ParityDifference | null = null;
  const found = (artefact: string, more: Partial<ParityDifference>) => {
    states.set(artefact, "differs");
    const values = more.values ?? (["there", "missing"] as const);
    difference ??= {
      between: [STORED, OFF],
      artefact,
      row: null,
      chunkId: null,
      field: "file",
      hint: "",
      ...more,
      values: [cut(values[0]), cut(values[1])],
    };
  };
  const now = new Map(artefactsOf(side).map((artefact) => [artefact.name, artefact]));
  for (const { name, rows, sha256, exact, rowHashes } of stored.artefacts) {
    const artefact = now.get(name);
    now.delete(name);
    if (!artefact) found(name, {});
    else if (exact || same) {
      const actual = await artefact.sha256(signal);
      if (actual === sha256) {
        states.set(name, "equal");
        continue;
      }
      const row = rowHashes === undefined ? null : firstRow(rowHashes, await artefact.rowHashes(signal));
      const chunkId = row === null ? null : await chunkIdAt(side, row);
      const size = rows === artefact.rows ? null : ([`${rows} rows`, `${artefact.rows} rows`] as const);
      found(name, { row, chunkId, field: size ? "rows" : "sha256", values: size ?? [sha256, actual] });
    } else {
      const worst = await worstSample(stored, name, side);
      if (worst === null) continue;
      if (worst.cosine >= LEAST_COSINE) states.set(name, "close");
      else
        found(name, {
          row: worst.row,
          chunkId: worst.chunkId,
          field: "cosine",
          values: [`at least ${LEAST_COSINE}`, String(worst.cosine)],
        });
    }
  }
  const [extra] = now.keys();
  if (extra !== undefined) found(extra, { values: ["missing", "there"] });
  const how = same ? ("hashes" as const) : ("cosine" as const);
  return { report: { path, how, why: whyOf(stored, machine, same), madeOn: stored.machine }, states, difference };
}

function sameBits(a: ParityMachine, b: ParityMachine): boolean {
  return a.instructionSet !== "unknown" && a.instructionSet === b.instructionSet && a.encoder === b.encoder;
}

function whyOf({ machine: then, samples }: ParityFileContent, now: ParityMachine, same: boolean): string {
  if (same) return `The baseline was made with ${then.instructionSet} as well: all hashes were compared.`;
  const part = then.encoder === now.encoder ? "" : ` and the encoder "${then.encoder}" (here "${now.encoder}")`;
  return `The baseline was made with ${then.instructionSet}${part}, and this machine has ${now.instructionSet}, so the last bits of vectors may differ: chunks, texts and metadata were compared by hash, vectors by the cosine of ${samples.length} stored rows.`;
}

/** The first row whose hash differs; null where none does. */
function firstRow(a: string, b: string): number | null {
  for (let at = 0; at < Math.max(a.length, b.length); at += 8)
    if (a.slice(at, at + 8) !== b.slice(at, at + 8)) return at / 8;
  return null;
}

/** Of the rows that the baseline holds of an artefact, the one furthest from what it is now; null where it holds none. */
async function worstSample(stored: ParityFileContent, name: string, side: Side) {
  const vectors = side.dense.vectors.find(({ file }) => name === `dense run, ${file}`);
  let worst: { row: number; chunkId: string; cosine: number } | null = null;
  for (const { artefact, row, chunkId, values } of stored.samples) {
    if (artefact !== name || !vectors) continue;
    const actual = row < vectors.rows ? await rowOfFile(side, vectors.file, row) : new Float32Array();
    const found = actual.length === values.length ? cosine(actual, values) : 0;
    if (worst === null || !(found >= worst.cosine)) worst = { row, chunkId, cosine: found };
  }
  return worst;
}

async function rowOfFile({ dense }: Side, file: string, row: number): Promise<Float32Array> {
  const source = await openNpy(join(dense.dir, file), "float32");
  try {
    return await source.readRows(row, row + 1);
  } finally {
    await source.close();
  }
}
