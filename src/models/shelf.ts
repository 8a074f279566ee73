import { unusableModel } from "../core/errors.js";
import type { LocatedModel, ModelCard, ModelRole } from "../schema/model-types.js";
import type { Settings } from "../schema/settings-types.js";
import type { Session } from "../stage/context.js";
import { type HubAccess, type HubLimits, usualLimits } from "./hub/access.js";
import { locateModels, type Places } from "./locate.js";
import { findModel, modelRows } from "./registry.js";

/** A model that is asked for, and what for. */
export interface WantedModel {
  readonly key: string;
  readonly role: ModelRole;
}

/** The models a session can reach: registry rows, the operator's own, the folders to look in, and the hub. */
export interface ModelShelf {
  /** The operator's own rows, as they were given. */
  readonly added: readonly unknown[];
  readonly places: Places;
  readonly hub: HubAccess;
  /** A row by any of its names, for any role where none is given. @throws RagError `unknown_model`, `wrong_role` */
  card(key: string, role?: ModelRole): ModelCard;
  /** Rows that an engine here can run. @throws RagError `unusable_model`, those of `card` */
  cards(wanted: readonly WantedModel[]): ModelCard[];
  /**
   * Files that were read once are not read again while size and time stay.
   *
   * @throws RagError `model_files_missing` (every missing file of every model), those of `cards` and of `locateModel`
   */
  locate(wanted: readonly WantedModel[]): Promise<readonly LocatedModel[]>;
}

/** How a role's models must be pooled for an engine here to run them. */
const runnable: Readonly<Record<ModelRole, readonly ModelCard["pooling"][]>> = {
  dense: ["mean", "cls", "last_token"],
  sparse: ["splade"],
  rerank: ["none"],
};

/** What a shelf needs of a session's settings. */
export type ShelfSettings = Pick<Settings, "modelDirs" | "cacheDir" | "hubEndpoint" | "modelLock"> &
  Pick<Places, "dtype">;

/**
 * Opens the shelf of one session. The cache folder is searched last, unless modelDirs has it earlier.
 *
 * @param token for the hub; kept out of settings, runs and messages
 * @throws RagError `bad_model_row`
 */
export function openModelShelf(
  added: readonly unknown[],
  settings: ShelfSettings,
  token: string | null = null,
  limits: HubLimits = usualLimits,
): ModelShelf {
  const rows = modelRows(added);
  const { modelDirs, cacheDir, dtype, modelLock, hubEndpoint } = settings;
  const places: Places = {
    roots: [...new Set([...modelDirs, cacheDir])],
    dtype,
    lockPath: modelLock,
    memory: new Map(),
    located: new Map(),
  };
  const card = (key: string, role?: ModelRole) => findModel(key, role, rows);
  const cards = (wanted: readonly WantedModel[]) => {
    const found = wanted.map(({ key, role }) => card(key, role));
    for (const { key, role, pooling, remark } of found) {
      if (!runnable[role].includes(pooling)) throw unusableModel(key, role, remark);
    }
    return found;
  };
  return {
    added,
    places,
    hub: { endpoint: hubEndpoint.replace(/\/+$/, ""), token, limits },
    card,
    cards,
    locate: async (wanted) => locateModels(cards(wanted), places),
  };
}

const shelves = new WeakMap<Session, ModelShelf>();

/** Ties a session to its shelf. Called once, by `openSession`. */
export function bindShelf(session: Session, shelf: ModelShelf): void {
  shelves.set(session, shelf);
}

/** The shelf of an open session. */
export function shelfOf(session: Session): ModelShelf {
  return shelves.get(session) as ModelShelf;
}

/** Every model that the session's settings name, for stages that are on. */
export function modelsOfSettings(settings: Settings): WantedModel[] {
  const { dense, enableSparse, sparse, enableRerank, rerank } = settings;
  return [
    ...dense.map((key) => ({ key, role: "dense" as const })),
    ...(enableSparse ? sparse.filter((key) => key !== "bm25").map((key) => ({ key, role: "sparse" as const })) : []),
    ...(enableRerank ? [{ key: rerank, role: "rerank" as const }] : []),
  ];
}
