import { unusableModel } from "../core/errors.js";
import type { LocatedModel, ModelCard, ModelRole } from "../schema/model-types.js";
import type { Settings } from "../schema/settings-types.js";
import type { DigestMemory } from "./digest.js";
import { locateModels } from "./locate.js";
import { findModel, modelRows } from "./registry.js";

/** The models a session can reach: registry rows, the operator's own, and the folders to look in. */
export interface ModelShelf {
  /** @throws RagError `unknown_model`, `wrong_role` */
  card(key: string, role: ModelRole): ModelCard;
  /**
   * Files that were read once are not read again while size and time stay.
   *
   * @throws RagError `model_files_missing` (every missing file of every model), `unusable_model`, those of `card` and of `locateModel`
   */
  locate(wanted: readonly { readonly key: string; readonly role: ModelRole }[]): Promise<LocatedModel[]>;
}

/** How a role's models must be pooled for an engine here to run them. */
const runnable: Readonly<Record<ModelRole, readonly ModelCard["pooling"][]>> = {
  dense: ["mean", "cls", "last_token"],
  sparse: ["splade"],
  rerank: ["none"],
};

/** Opens the shelf of one session. @throws RagError `bad_model_row` */
export function openModelShelf(added: readonly unknown[], settings: Pick<Settings, "modelDirs" | "dtype">): ModelShelf {
  const rows = modelRows(added);
  const memory: DigestMemory = new Map();
  const card = (key: string, role: ModelRole) => findModel(key, role, rows);
  return {
    card,
    async locate(wanted) {
      const cards = wanted.map(({ key, role }) => card(key, role));
      for (const { key, role, pooling, remark } of cards) {
        if (!runnable[role].includes(pooling)) throw unusableModel(key, role, remark);
      }
      return locateModels(cards, settings.modelDirs, settings.dtype, memory);
    },
  };
}
