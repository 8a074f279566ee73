import { limitsOf } from "../budget/limits.js";
import type { RememberedBudget } from "../budget/types.js";
import { badOption, emptyCorpus, wrongRun } from "../core/errors.js";
import { batchRule, batchSecondsOn } from "../pass/rule.js";
import { dtypeFor } from "../runtime/devices/dtype.js";
import type { ModelShape } from "../schema/device-types.js";
import type { LocatedModel } from "../schema/model-types.js";
import type { ComputePlan, PlannedPass } from "../schema/plan-types.js";
import type { ChunkRun } from "../schema/types.js";
import { contextOf, type Session, type SessionContext } from "../stage/context.js";
import { modelKeys } from "../stage/models.js";
import { withCard } from "../stage/present.js";
import { readBudget } from "../store/budgets.js";
import { openChunkReader } from "../store/chunks.js";
import { type PlannedDevice, plannedDevices } from "./devices.js";
import { planNotes, QUERY_TOKENS } from "./notes.js";
import { rehearse } from "./rehearse.js";
import { byBatches, byBudget, byFigures, type PlannedSpeed } from "./speed.js";

/** Options of {@link plan}; what is absent comes from the session's settings. */
export interface PlanOptions {
  /** Devices that are not here: `t4`, `t4x2`, or a JSON file as the setting `simulation` takes it. The session's own by default. */
  readonly devices?: string;
  /** Queries that will be reranked; without it no rerank pass is planned. */
  readonly queries?: number;
  /** Candidates of each. */
  readonly candidates?: number;
  /** Hours a week that machines with a GPU may be used; the setting of that name by default, and 30 where it is null, as on Kaggle. */
  readonly gpuQuotaHours?: number;
}

const GPU_QUOTA_HOURS = 30;
/** Most pairs of a query and a candidate: each is a row of the plan. */
const MOST_PAIRS = 2e7;
/** Most rows of a batch, as passes have it. */
const MOST_ROWS = 4096;
/** Seconds until a process is ready, and bytes of weights that it reads in a second. */
const [START_SECONDS, LOAD_BYTES] = [4, 4e8];
/** Bytes of one weight. */
const WEIGHT_BYTES: Readonly<Record<string, number>> = { fp32: 4, fp16: 2, int8: 1 };

/**
 * Says what the dense and sparse passes over a corpus will take, and with `queries` the
 * reranking, before any of it is computed: batches, padding, memory against the
 * cap, time, and the share of the week's GPU hours. Each pass is gone through batch by batch
 * as it would run, with devices that behave by formula. Rows are as long as the chunk run
 * counted them; speeds come from what passes of this session measured on such a device, else
 * from its figures, and each pass says which. Rows kept in the vector cache are planned too.
 *
 * @throws RagError `not_a_session`, `session_closed`, `wrong_run`, `empty_corpus`, `bad_option`, `array_damaged`, `bad_simulation`, `device_not_usable`;
 *   of models `unknown_model`, `wrong_role`, `unusable_model`, `no_onnx`, `no_dtype`, `dtype_not_for_device`, `model_files_missing`,
 *   `model_file_bad`, `model_file_outside`, `model_config_disagrees`, `bad_models_lock`
 */
export async function plan(session: Session, chunks: ChunkRun, options: PlanOptions = {}): Promise<ComputePlan> {
  const context = contextOf(session);
  if (chunks?.kind !== "chunk") throw wrongRun("a chunk run", chunks, "chunk");
  if (chunks.count === 0) throw emptyCorpus(chunks.id);
  const { settings } = session;
  const gpuQuotaHours = options.gpuQuotaHours ?? settings.gpuQuotaHours ?? GPU_QUOTA_HOURS;
  if (!(Number.isFinite(gpuQuotaHours) && gpuQuotaHours > 0))
    throw badOption("gpuQuotaHours", gpuQuotaHours, "a number of hours above 0 is needed");
  const candidates = Math.min(options.candidates ?? settings.rerankCandidates, chunks.count);
  for (const [name, value] of Object.entries({ queries: options.queries ?? 1, candidates })) {
    if (!Number.isInteger(value) || value < 1) throw badOption(name, value, "a whole number of at least 1 is needed");
  }
  if ((options.queries ?? 0) * candidates > MOST_PAIRS)
    throw badOption(
      "queries",
      options.queries,
      `at most ${Math.floor(MOST_PAIRS / candidates)} can be planned with ${candidates} candidates each`,
    );
  const devices = await plannedDevices(context, options.devices);
  const [first] = devices as [PlannedDevice];
  const onGpu = first.kind !== "cpu";
  const wanted = wantedModels(context, options.queries !== undefined);
  const models = await context.locate(wanted.map(({ key, role }) => ({ key, role })));
  const counted = await tokensOf(chunks);

  const passes: PlannedPass[] = [];
  for (const [i, model] of models.entries()) {
    const stage = wanted[i]?.role as PlannedPass["stage"];
    const lengths = lengthsFor(stage, model, counted, (options.queries ?? 0) * candidates);
    passes.push(await planPass(context, devices, stage, model, lengths));
  }
  const known = passes.every(({ seconds }) => seconds !== null);
  const seconds = known ? passes.reduce((sum, pass) => sum + (pass.seconds ?? 0), 0) : null;
  const capBytes = onGpu ? Math.min(settings.memoryCapBytes, ...devices.map(({ memoryBytes }) => memoryBytes)) : null;
  return withCard({
    kind: "compute_plan",
    session: session.name,
    chunks: chunks.id,
    devices: devices.map(({ product }) => product),
    capBytes,
    passes,
    seconds,
    gpuQuotaHours,
    quotaShare: onGpu && seconds !== null ? seconds / 3600 / gpuQuotaHours : null,
    notes: planNotes({ settings, chunks, passes, models, onGpu, withQueries: options.queries !== undefined }),
  });
}

/** The models of the stages that are on. */
function wantedModels(context: SessionContext, withRerank: boolean) {
  const { dense, enableSparse, sparse, enableRerank, rerank } = context.session.settings;
  const engines = enableSparse ? modelKeys(context, sparse, "sparse", ["bm25"]).filter((key) => key !== "bm25") : [];
  return [
    ...modelKeys(context, dense, "dense").map((key) => ({ key, role: "dense" as const })),
    ...engines.map((key) => ({ key, role: "sparse" as const })),
    ...(withRerank && enableRerank ? [{ key: rerank, role: "rerank" as const }] : []),
  ];
}

async function tokensOf(chunks: ChunkRun): Promise<Uint32Array> {
  const tokens = new Uint32Array(chunks.count);
  const reader = await openChunkReader(chunks);
  try {
    let row = 0;
    for await (const chunk of reader.range()) tokens[row++] = chunk.tokens;
  } finally {
    await reader.close();
  }
  return tokens;
}

/** Tokens of a pass's rows, cut to the model's limit. Which chunks a query finds is not known: pairs take them in turn. */
function lengthsFor(stage: PlannedPass["stage"], model: LocatedModel, counted: Uint32Array, pairs: number) {
  const most = model.maxTokens;
  if (stage !== "rerank") return counted.map((tokens) => Math.min(tokens, most));
  return Uint32Array.from({ length: pairs }, (_, i) =>
    Math.min((counted[i % counted.length] as number) + QUERY_TOKENS, most),
  );
}

async function planPass(
  context: SessionContext,
  devices: readonly PlannedDevice[],
  stage: PlannedPass["stage"],
  model: LocatedModel,
  lengths: Uint32Array,
): Promise<PlannedPass> {
  const { settings } = context.session;
  const [first] = devices as [PlannedDevice];
  const dtype = dtypeFor(model.card, settings.dtype, first.kind);
  const shape = shapeAs(model, dtype);
  const known = await Promise.all(
    devices.map((device) => knowledgeOf(context, device, stage, { ...model, dtype, shape })),
  );
  const maxRows = stage === "rerank" ? (settings.rerankBatchCap ?? MOST_ROWS) : MOST_ROWS;
  const rehearsal = rehearse(
    lengths,
    devices.map((device, i) => ({
      ...device,
      batchSeconds: batchSecondsOn(device.kind),
      remembered: known[i]?.remembered ?? null,
      seconds: (known[i] as Knowledge).speed.seconds,
    })),
    shape,
    // A GPU smaller than the cap is full before that.
    limitsOf(Math.min(settings.memoryCapBytes, ...devices.map(({ memoryBytes }) => memoryBytes))),
    batchRule(first.kind, { model: { ...model, shape }, settings, maxRows }),
  );
  const loadSeconds =
    first.kind === "cpu" ? shape.weightBytes / LOAD_BYTES : START_SECONDS + shape.weightBytes / LOAD_BYTES;
  const isKnown = known.every(({ isKnown }) => isKnown);
  const unknown = devices[known.findIndex(({ isKnown }) => !isKnown)];
  const { batches, tokens, paddedTokens, tooLong } = rehearsal;
  return {
    stage,
    model: model.card.key,
    dtype,
    rows: lengths.length,
    batches,
    tokens,
    paddedTokens,
    seconds: isKnown ? loadSeconds + rehearsal.seconds : null,
    loadSeconds,
    busy: isKnown && rehearsal.seconds > 0 ? rehearsal.busySeconds / (rehearsal.seconds * devices.length) : null,
    peakBytes: first.kind === "cpu" ? null : rehearsal.peakBytes,
    tooLong,
    basis: unknown
      ? `nothing was measured on ${unknown.product} yet, and no figures of it are known`
      : [...new Set(known.map(({ speed }) => speed.basis))].join("; "),
  };
}

/** The model with the weights that the devices would load, where others are on disk. */
function shapeAs({ shape, dtype }: LocatedModel, wanted: string): ModelShape {
  const weightBytes = (shape.weightBytes * (WEIGHT_BYTES[wanted] ?? 4)) / (WEIGHT_BYTES[dtype] ?? 4);
  return { ...shape, weightBytes, numberBytes: wanted === "fp16" ? 2 : 4 };
}

interface Knowledge {
  readonly remembered: RememberedBudget | null;
  readonly speed: PlannedSpeed;
  /** Whether the speed is this device's. */
  readonly isKnown: boolean;
}

/** What this session knows of a model on a device: remembered budgets, else the last run of the stage, else figures. */
async function knowledgeOf(
  { store, deviceKind }: SessionContext,
  device: PlannedDevice,
  stage: PlannedPass["stage"],
  { card, fingerprint, dtype, shape }: LocatedModel,
): Promise<Knowledge> {
  for (const product of device.knownAs) {
    const { budget } = await readBudget(store.layout, { product, fingerprint, dtype });
    if (budget && budget.buckets.length > 0)
      return { remembered: budget, speed: byBudget(device.speed, shape, budget, product), isKnown: true };
  }
  const { speed, hasFigures, product } = device;
  const measured =
    device.kind === "cpu" && deviceKind === "cpu" ? await lastBatches(store, stage, card.key, dtype) : null;
  const byRun = measured && byBatches(speed, shape, measured.batches, measured.run);
  return { remembered: null, speed: byRun ?? byFigures(speed, shape, product), isKnown: hasFigures };
}

/** Batches of a model in the last run of its stage, where that computed on the CPU. */
async function lastBatches(store: SessionContext["store"], stage: PlannedPass["stage"], model: string, dtype: string) {
  for (const { stage: of, id } of (await store.history()).reverse()) {
    if (of !== stage) continue;
    const run = await store.find(stage, id).catch(() => null);
    const uses = run === null ? [] : "vectors" in run ? run.vectors.map((vectors) => vectors.model) : [run.model];
    if (!uses.some((use) => use?.key === model && use.dtype === dtype && use.device === "cpu")) continue;
    const batches = run?.telemetry.batches.filter((batch) => batch.model === model) ?? [];
    if (batches.length > 0) return { batches, run: id };
  }
  return null;
}
