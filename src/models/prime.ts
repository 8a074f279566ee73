import { badOption, modelDataUndeclared, modelFileBad } from "../core/errors.js";
import { allBy, byStage, modelsSetBy } from "../lineage/set-by.js";
import { checkExternalData } from "../runtime/model-file.js";
import { inspectOnnxFile } from "../runtime/onnx-file.js";
import type { PrimePlan } from "../schema/cache-types.js";
import type { LocatedModel, ModelCard } from "../schema/model-types.js";
import type { LockedModel } from "../schema/models-lock.js";
import type { Note, PrimedModel, PrimeRun } from "../schema/types.js";
import { contextOf, type Session } from "../stage/context.js";
import { withinSession } from "../stage/end.js";
import { modelUse } from "../stage/models.js";
import { withCard } from "../stage/present.js";
import { runStage } from "../stage/run.js";
import { type Stoppable, underStop } from "../stage/stop.js";
import { freeBytes } from "../store/disk.js";
import { fetchMissing, planFetches } from "./fetch.js";
import { type Look, locateModels, lookForModels, missingFilesError, type Places } from "./locate.js";
import { extendLock } from "./lock-file.js";
import { plannedFetch, plannedMissing, plannedOnDisk } from "./plan.js";
import { type ModelShelf, modelsOfSettings, shelfOf } from "./shelf.js";

/** Options of {@link primeCache}. */
export interface PrimeOptions {
  /** Say what would be fetched, with sizes, and fetch nothing. */
  readonly onlyPlan?: boolean;
  /** Forget what the lock file says of these models: take what is on disk for right, and fetch what is missing at the head of its branch. */
  readonly relock?: boolean;
  /** Make the run again, also when the same files were seen before. */
  readonly rerun?: boolean;
}

/**
 * Brings every model the session is set to use onto the disk, before any of them is
 * needed, and proves each file: sizes and sha256 against the lock file and the hub,
 * the graph's external data, the limits the files set. What a folder has whole is
 * used where it lies, read-only folders too; what is missing is fetched into
 * `cacheDir`, in the layout of Python's hub client, and an interrupted fetch goes on
 * where it was. When nothing is missing, or the session is offline, no connection is
 * tried. Stages that are switched off need no model.
 *
 * @param models registry keys, in place of the session's own models
 * @returns the run; with `onlyPlan` what would be done
 * @throws RagError `not_a_session`, `session_closed`, `bad_option`, `model_files_missing` (names every missing file of every model at once),
 *   `unknown_model` (names the near ones), `unusable_model`, `no_onnx`, `no_dtype`, `dtype_not_for_device`, `bad_simulation`, `model_cache_full`, `model_cache_write_failed`,
 *   `hub_unreachable`, `hub_denied`, `hub_not_found`, `hub_refused`, `hub_busy`, `hub_answer_bad`, `model_file_bad`, `model_file_outside`, `model_config_disagrees`, `bad_models_lock`, `models_lock_in_use`, `stage_busy`,
 *   `run_damaged`, `run_newer`, `store_write_failed`, `session_ending`, `stopped`
 */
export async function primeCache(
  session: Session,
  models: readonly string[] | undefined,
  options: PrimeOptions & { readonly onlyPlan: true },
): Promise<PrimePlan>;
export async function primeCache(
  session: Session,
  models?: readonly string[],
  options?: PrimeOptions,
): Promise<PrimeRun>;
export async function primeCache(
  session: Session,
  models?: readonly string[],
  options: PrimeOptions = {},
): Promise<PrimeRun | PrimePlan> {
  const began = performance.now();
  const context = contextOf(session);
  const shelf = shelfOf(session);
  const { settings } = session;
  const cards = wantedCards(shelf, session, models);
  const lockPath = options.relock ? null : shelf.places.lockPath;
  const placesUnder = (signal: AbortSignal): Places => ({ ...shelf.places, lockPath, signal });
  const { look, plan } = await underStop(context, "prime", async (tools) => {
    const places = placesUnder(tools.signal);
    const found = await lookForModels(cards, places);
    return { look: found, plan: options.onlyPlan ? await planOf(session, shelf, places, found, tools) : null };
  });
  if (plan) return withCard(plan);
  if (look.lacking.length > 0 && settings.offline)
    throw missingFilesError(look.lacking, "The session is offline, so nothing is fetched.");
  // What is on disk is looked at at any time; a fetch that the session's end would cut off is not begun.
  const { located, fetched } =
    look.lacking.length === 0
      ? { ...look, fetched: null }
      : await withinSession(context, "prime", async (tools) => {
          const places = placesUnder(tools.signal);
          const brought = await fetchMissing(shelf, settings.cacheDir, places, look.lacking, tools);
          return { located: await locateModels(cards, places), fetched: brought };
        });
  for (const model of located) checkGraph(model);
  await extendLock(settings.modelLock, lockEntries(located, options), options.relock ?? false);

  const keys = located.map(({ card }) => card.key);
  return runStage(context, {
    stage: "prime",
    version: 2,
    inputs: {},
    settings: {},
    models: located,
    setBy: {
      settings: {},
      models: models ? allBy(keys, byStage) : modelsSetBy(session.provenance, located),
    },
    rerun: options.rerun ?? false,
    began,
    // Which folders serve is a matter of this machine and of now.
    inMemory: { fetched, notes: passedFolders(located) },
    work: async (work) => {
      const primed: PrimedModel[] = located.map((model) => ({
        model: modelUse(model, work.deviceKind),
        role: model.card.role,
        licence: model.card.licence,
        commercialUse: model.card.commercialUse,
        files: model.files.map(({ path, bytes, sha256 }) => ({ path, bytes, sha256 })),
        bytes: model.files.reduce((sum, file) => sum + file.bytes, 0),
      }));
      return { models: primed, bytes: primed.reduce((sum, model) => sum + model.bytes, 0), fetched };
    },
  });
}

/** The rows of the models that are asked for. */
export function wantedCards(shelf: ModelShelf, session: Session, models?: readonly string[]): ModelCard[] {
  if (models === undefined) return shelf.cards(modelsOfSettings(session.settings));
  if (!Array.isArray(models) || models.length === 0)
    throw badOption(
      "models",
      models,
      'a list of model names is needed, such as ["bge-small-en-v1.5"]; options come behind it',
    );
  if (models.includes("bm25")) throw badOption("models", models, "bm25 is computed here and has no files");
  const named = models.map((name) => shelf.card(name));
  return shelf.cards(named.map(({ key, role }) => ({ key, role })));
}

async function planOf(
  session: Session,
  shelf: ModelShelf,
  places: Places,
  { located, lacking }: Look,
  { signal }: Stoppable,
): Promise<PrimePlan> {
  const { cacheDir, offline } = session.settings;
  const fetches = offline ? [] : await planFetches(shelf.hub, places, lacking, { count: 0 }, signal);
  const planned = [
    ...located.map(plannedOnDisk),
    ...(await Promise.all(fetches.map((fetch) => plannedFetch(cacheDir, fetch)))),
    ...(offline ? lacking.map(plannedMissing) : []),
  ];
  return {
    kind: "prime_plan",
    models: planned,
    bytes: planned.reduce((sum, model) => sum + model.bytes, 0),
    toFetch: planned.reduce((sum, model) => sum + model.toFetch, 0),
    cacheDir,
    freeBytes: await freeBytes(cacheDir),
    offline,
  };
}

/** Reads the graph for the data that it keeps outside of its file: found now, it costs no GPU minute. */
function checkGraph({ card, onnxFile, externalData, dtype }: LocatedModel): void {
  let locations: readonly string[];
  try {
    locations = inspectOnnxFile(onnxFile).externalLocations;
  } catch (cause) {
    throw modelFileBad(onnxFile, (cause as Error).message, cause);
  }
  try {
    checkExternalData(
      locations,
      externalData.map(({ name }) => name),
    );
  } catch (cause) {
    throw modelDataUndeclared(card.key, dtype, onnxFile, (cause as Error).message);
  }
}

/** What no lock file vouches for yet. */
function lockEntries(located: readonly LocatedModel[], { relock = false }: PrimeOptions): Record<string, LockedModel> {
  const entries: Record<string, LockedModel> = {};
  for (const { card, revision, files } of located) {
    const fresh = files.filter((file) => relock || !file.locked);
    if (fresh.length === 0) continue;
    const known = Object.hasOwn(entries, card.hubId) ? entries[card.hubId]?.files : {};
    entries[card.hubId] = {
      revision: revision.startsWith("content:") ? null : revision,
      licence: card.licence,
      files: { ...known, ...Object.fromEntries(fresh.map(({ path, bytes, sha256 }) => [path, { bytes, sha256 }])) },
    };
  }
  return entries;
}

/** Folders that come before the one that serves, and what is wrong with them. */
function passedFolders(located: readonly LocatedModel[]): Note[] {
  return located.flatMap(({ card, root, passed }) =>
    passed.map(({ folder, problems }) => {
      const more = problems.length > 2 ? ` and ${problems.length - 2} more` : "";
      const message = `${card.key} is served by ${root}; ${folder} comes before it and does not serve (${problems.slice(0, 2).join("; ")}${more}).`;
      return { code: "folder_passed_over", message, count: problems.length };
    }),
  );
}
