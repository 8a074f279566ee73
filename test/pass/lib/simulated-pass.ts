import { mkdtempSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as rag from "../../../dist/index.js";
import type { PassFrame } from "../../../dist/pass/frames.js";
import type { PassInput } from "../../../dist/pass/input.js";
import { runPass } from "../../../dist/pass/run.js";
import type { UsableDevice } from "../../../dist/runtime/devices/types.js";
import { splitRows, unpackDense } from "../../../dist/runtime/row-bytes.js";
import { simulatedDevices } from "../../../dist/runtime/simulated/devices.js";
import type { TokenizedText } from "../../../dist/runtime/types.js";
import type { ModelShape } from "../../../dist/schema/device-types.js";
import type { LocatedModel } from "../../../dist/schema/model-types.js";
import type { Settings } from "../../../dist/schema/settings-types.js";
import type { SimulatedGpu } from "../../../dist/schema/simulated-types.js";
import type { StageTelemetry } from "../../../dist/schema/types.js";
import { contextOf } from "../../../dist/stage/context.js";
import type { StageWork } from "../../../dist/stage/work.js";
import { budgetsIn } from "../../../dist/store/budgets.js";
import { openJournal } from "../../../dist/store/journal.js";
import { journalName, layoutOf } from "../../../dist/store/layout.js";
import { startRecorder } from "../../../dist/telemetry/recorder.js";
import { random } from "../../lib/random.ts";
import { sampleOptions } from "../../lib/sample.ts";
import { BASE, simulationFile } from "../../runtime/lib/simulated.ts";

/** What a pass over made-up rows is given. */
export interface SimulatedPass {
  readonly gpus: readonly Partial<SimulatedGpu>[];
  /** Tokens of each row. */
  readonly lengths: readonly number[];
  readonly shape?: Partial<ModelShape>;
  readonly settings?: Partial<Settings>;
  /** Folder of an attempt that went before. */
  readonly dir?: string;
  /** Folder of a pass whose budgets this one begins with. */
  readonly budgetsFrom?: string;
  readonly signal?: AbortSignal;
  /** Whether the session ends, with so many rows done; never where absent. */
  readonly due?: (done: number) => boolean;
}

/** What came of it. */
export interface SimulatedResult {
  readonly dir: string;
  readonly settings: Settings;
  readonly devices: readonly UsableDevice[];
  readonly telemetry: StageTelemetry;
  readonly notes: readonly string[];
  readonly error: rag.RagError | null;
  /** Each row's vector; undefined for rows that no frame has. */
  readonly rows: readonly (Float32Array | undefined)[];
  readonly resumed: number;
  readonly tokens: number;
  readonly paddedTokens: number;
}

let located: Promise<{ model: LocatedModel; settings: Settings }> | null = null;

function sample(): Promise<{ model: LocatedModel; settings: Settings }> {
  located ??= (async () => {
    const session = await rag.openSession(sampleOptions(scratch()));
    const [model] = (await contextOf(session).locate([{ key: "sample-dense", role: "dense" }])) as [LocatedModel];
    session.close();
    return { model, settings: session.settings };
  })();
  return located;
}

const scratch = () => mkdtempSync(join(tmpdir(), "rag-cells-pass-"));

/** Runs a pass over rows of these lengths on simulated GPUs, whose vectors come from a hash of each row's tokens. */
export async function simulatedPass(input: SimulatedPass): Promise<SimulatedResult> {
  const { model, settings } = await sample();
  const { lengths, dir = scratch() } = input;
  const recorder = startRecorder();
  const notes: string[] = [];
  let resumed = 0;
  const simulation = simulationFile(...input.gpus);
  const devices = await simulatedDevices({ simulation });
  const work: StageWork = {
    id: "dense-0123456789abcdef",
    dir,
    recorder,
    signal: input.signal ?? new AbortController().signal,
    deviceKind: "simulated",
    live: () => ({ update() {}, finish() {} }),
    devices: async () => devices,
    budgets: budgetsIn(layoutOf(input.budgetsFrom ?? dir)),
    progress: () => ({ update() {}, finish() {}, fail() {} }),
    note: (code) => void notes.push(code),
    resumed: (batches) => {
      resumed += batches;
    },
    due: ({ done, total }) => done < total && (input.due?.(done) ?? false),
  };
  const tokens = (row: number): TokenizedText => {
    const next = random(row + 1);
    return {
      ids: Int32Array.from({ length: lengths[row] as number }, () => 1 + Math.floor(next() * 30_000)),
      types: null,
      lost: 0,
    };
  };
  const mine: Settings = { ...settings, device: "simulated", simulation, tokenBudget: null, ...input.settings };
  const passInput: PassInput = {
    stage: "dense",
    model: { ...model, shape: { ...BASE, ...input.shape } },
    normalize: true,
    count: lengths.length,
    measure: async () => ({ lengths: Uint32Array.from(lengths), truncated: 0, lostTokens: 0, hashes: null }),
    row: async (row) => ({ tokens: () => tokens(row), hash: null }),
    nameOf: async (row) => `row-${row}`,
    padId: 0,
    settings: mine,
    maxRows: 4096,
    kept: null,
    unit: "rows",
  };
  const rows: (Float32Array | undefined)[] = new Array(lengths.length).fill(undefined);
  const base = () => ({ dir, settings: mine, devices, telemetry: recorder.finish(), notes });
  try {
    const pass = await runPass(work, passInput);
    for (const { rows: taken, frame } of pass.batches) {
      const payload = await pass.journal.read(frame);
      for (const [r, row] of splitRows(payload, "dense", taken.length).entries()) {
        if (rows[taken[r] as number]) throw new Error(`row ${taken[r]} was computed twice`);
        rows[taken[r] as number] = unpackDense(row);
      }
    }
    await pass.journal.close();
    const { tokens: read, paddedTokens } = pass;
    return { ...base(), error: null, rows, resumed, tokens: read, paddedTokens };
  } catch (error) {
    if (!(error instanceof rag.RagError)) throw error;
    return { ...base(), error, rows, resumed, tokens: 0, paddedTokens: 0 };
  }
}

/** The rows in the frames of a pass's journal, in their order. */
export async function journaledRows({ dir }: Pick<SimulatedResult, "dir">): Promise<number[]> {
  const text = await readFile(join(dir, journalName("sample-dense")));
  const { key } = JSON.parse(text.toString("utf8", 0, text.indexOf(10))) as { key: string };
  const journal = await openJournal<PassFrame, unknown>(join(dir, journalName("sample-dense")), key, () => {
    throw new Error("the journal is another one");
  });
  await journal.close();
  return journal.frames.flatMap(({ meta }) => meta.rows);
}
