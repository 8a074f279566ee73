import { resolve } from "node:path";
import type { LocatedModel, ModelCard, ModelRole } from "../schema/model-types.js";
import type { Settings } from "../schema/settings.js";
import type { DigestMemory } from "./digest.js";
import { locateModels } from "./locate.js";
import { findModel, modelRows } from "./registry.js";

/** The models a session can reach: registry rows, the operator's own, and the folders to look in. */
export interface ModelShelf {
  /** @throws RagError `unknown_model`, `wrong_role` */
  card(key: string, role: ModelRole): ModelCard;
  /** Files that were read once are not read again while size and time stay. @throws RagError `model_files_missing` */
  locate(wanted: readonly { readonly key: string; readonly role: ModelRole }[]): Promise<LocatedModel[]>;
}

/** Opens the shelf of one session. @throws RagError `bad_model_row` */
export function openModelShelf(added: readonly ModelCard[], settings: Pick<Settings, "modelDirs" | "dtype">): ModelShelf {
  const rows = modelRows(added);
  const memory: DigestMemory = new Map();
  const roots = settings.modelDirs.map((dir) => resolve(dir));
  const card = (key: string, role: ModelRole) => findModel(key, role, rows);
  return {
    card,
    locate: (wanted) => locateModels(wanted.map(({ key, role }) => card(key, role)), roots, settings.dtype, memory),
  };
}
