import { mkdtemp, rm } from "node:fs/promises";
import { join, resolve } from "node:path";
import type { ChunkOptions } from "../chunk/run.js";
import { badOption, storeWriteFailed } from "../core/errors.js";
import { ENCODER_VERSION } from "../runtime/encoder-version.js";
import { instructionSet } from "../runtime/instruction-set.js";
import type { ParityFileContent } from "../schema/parity-file.js";
import type { ParityBaseline, ParityMachine, ParityReport } from "../schema/parity-types.js";
import { contextOf, type Session } from "../stage/context.js";
import { withCard } from "../stage/present.js";
import { underStop } from "../stage/stop.js";
import { type BaselineCompared, compareBaseline, readBaseline, writeBaseline } from "./baseline.js";
import { compareSides } from "./compare.js";
import { type MadeSide, makeSide } from "./sides.js";
import { tracesOf } from "./traces.js";

/** Options of {@link checkParity}. */
export interface ParityOptions {
  /** The documents, as for `chunk`. */
  readonly files: string | readonly string[];
  /** As for `chunk`. */
  readonly maxTokens?: number;
  readonly targetTokens?: number;
  readonly overlapTokens?: number;
  /** A stored baseline to compare with too, a JSON file. */
  readonly baseline?: string;
  /** Store what comes out as the baseline, in place of comparing with it; only where nothing differs. */
  readonly write?: boolean;
}

/**
 * Makes a collection twice, with the settings of a session: with sparse and rerank
 * on, and with both off. Everything is computed both times, in sessions that are
 * removed afterwards. Then compares all dense artefacts bit by bit: chunks, vectors,
 * and in the export arrays, index, metadata, texts and the dense part of the points;
 * and looks whether a stage that was off left any trace.
 *
 * Vectors have the same last bits on processors of the same class only. A baseline
 * of another class is therefore compared by hash in what is exact everywhere, and by
 * the cosine (at least 1 - 1e-6) of a few rows in its vectors; `baseline.how` says which.
 *
 * @returns what was compared; `equal` is false and `difference` names the first place where anything differs
 * @throws RagError `not_a_session`, `session_closed`, `bad_parity_baseline`, `bad_option`, `disk_too_small`, `model_files_missing`, `stage_busy`, `stopped`, and those of the stages
 */
export async function checkParity(session: Session, options: ParityOptions): Promise<ParityReport> {
  const began = performance.now();
  const context = contextOf(session);
  const { baseline, write = false, ...chunking } = options;
  if (write && baseline === undefined) throw badOption("write", write, "a baseline to write to is needed");
  const path = baseline === undefined ? null : resolve(baseline);
  const stored = path === null || write ? null : await readBaseline(path);
  const machine = { instructionSet: instructionSet(), encoder: ENCODER_VERSION, node: process.versions.node };
  return underStop(context, "parity", async ({ signal }) => {
    const dir = await mkdtemp(join(session.dir, "parity-")).catch((cause) => {
      throw storeWriteFailed(session.dir, "the sessions that are compared", cause);
    });
    try {
      const [off, on] = [await side(session, dir, chunking, false), await side(session, dir, chunking, true)];
      const { artefacts, difference } = await compareSides(off, on, signal);
      const traces = await tracesOf(off.sessionDir, off.exported.folder);
      const whole = difference === null && traces.length === 0;
      const held = path === null ? null : await hold(path, stored, off, machine, whole, signal);
      const states = held?.states;
      return withCard({
        kind: "parity_report",
        session: session.name,
        equal: whole && !held?.difference,
        chunks: off.chunks.count,
        artefacts: artefacts.map((one) => ({ ...one, baseline: states?.get(one.name) ?? one.baseline })),
        difference: difference ?? held?.difference ?? null,
        traces,
        baseline: held?.report ?? null,
        machine,
        seconds: (performance.now() - began) / 1000,
      });
    } finally {
      await rm(dir, { recursive: true, force: true });
    }
  });
}

function side(session: Session, dir: string, chunking: ChunkOptions, all: boolean): Promise<MadeSide> {
  return makeSide(session, join(dir, all ? "on" : "off"), chunking, all);
}

/** Compares with the stored baseline, or stores one. */
async function hold(
  path: string,
  stored: ParityFileContent | null,
  off: MadeSide,
  machine: ParityMachine,
  whole: boolean,
  signal: AbortSignal,
): Promise<BaselineCompared> {
  if (stored) return compareBaseline(path, stored, off, machine, signal);
  if (whole) await writeBaseline(path, off, machine, signal);
  const report: ParityBaseline = {
    path,
    how: whole ? "written" : "not written",
    why: whole ? `What came out was stored, made with ${machine.instructionSet}.` : "What differs can't be a baseline.",
    madeOn: machine,
  };
  return { report, states: new Map(), difference: null };
}
