import type { ParityArtefact, ParityDifference } from "../schema/parity-types.js";
import { openChunkReader } from "../store/chunks.js";
import { type AnyArtefact, firstDifference } from "./artefact.js";
import { artefactsOf, type Side } from "./artefacts.js";

export const OFF = "with both stages off";
export const ON = "with both stages on";

/** What comparing two sides found. */
export interface SidesCompared {
  readonly artefacts: readonly ParityArtefact[];
  readonly difference: ParityDifference | null;
}

/** Compares the dense artefacts of two sides by their hashes, and finds the first place where they differ. */
export async function compareSides(off: Side, on: Side, signal: AbortSignal): Promise<SidesCompared> {
  const artefacts: ParityArtefact[] = [];
  let difference: ParityDifference | null = null;
  const theirs = new Map(artefactsOf(on).map((artefact) => [artefact.name, artefact]));
  for (const artefact of artefactsOf(off)) {
    const other = theirs.get(artefact.name);
    theirs.delete(artefact.name);
    const sha256 = await artefact.sha256(signal);
    const equal = other !== undefined && sha256 === (await other.sha256(signal));
    artefacts.push({ name: artefact.name, rows: artefact.rows, sha256, equal, baseline: "not compared" });
    if (!equal && difference === null) difference = await between(artefact, other, off, on, signal);
  }
  const [extra] = theirs.keys();
  if (extra !== undefined && difference === null) difference = missing(extra, "missing", "there");
  return { artefacts, difference };
}

async function between(
  artefact: AnyArtefact,
  other: AnyArtefact | undefined,
  off: Side,
  on: Side,
  signal: AbortSignal,
): Promise<ParityDifference> {
  if (!other) return missing(artefact.name, "there", "missing");
  const place = await firstDifference(artefact, other, signal);
  const { row = null, field = "bytes of the file", values = ["other bytes", "other bytes"] as const } = place ?? {};
  return {
    between: [OFF, ON],
    artefact: artefact.name,
    row,
    chunkId: artefact.byChunk && row !== null ? await chunkIdAt(off, row) : null,
    field,
    values: [cut(values[0]), cut(values[1])],
    hint: hintOf(off, on),
  };
}

function missing(artefact: string, off: string, on: string): ParityDifference {
  return { between: [OFF, ON], artefact, row: null, chunkId: null, field: "file", values: [off, on], hint: "" };
}

/** Chunks keep the limits of all models that read them: with sparse off there may be fewer. */
function hintOf(off: Side, on: Side): string {
  const [without, all] = [off.chunks.limit, on.chunks.limit];
  if (without.tokens === all.tokens) return "";
  return `Chunks are cut for the strictest model: ${all.model} with ${all.tokens} tokens, and without the sparse stage ${without.model} with ${without.tokens}. Chunk both with maxTokens: ${Math.min(all.tokens, without.tokens)}.`;
}

/** The id of the chunk of a row, or null where there is none. */
export async function chunkIdAt({ chunks }: Pick<Side, "chunks">, row: number): Promise<string | null> {
  const reader = await openChunkReader(chunks);
  try {
    return row < reader.count ? (await reader.read(row)).id : null;
  } finally {
    await reader.close();
  }
}

/** A value fit for a report. */
export function cut(text: string): string {
  return text.length > 120 ? `${text.slice(0, 117)}...` : text;
}
