import { missing, note, ok } from "../core/checks.js";
import { modelFiles } from "../models/files.js";
import { modelFolders } from "../models/folders.js";
import type { Places } from "../models/locate.js";
import { wantedCards } from "../models/prime.js";
import { shelfOf } from "../models/shelf.js";
import type { DoctorCheck } from "../schema/doctor-types.js";
import type { ModelCard } from "../schema/model-types.js";
import type { Session } from "../stage/context.js";
import { reasonOf } from "./check.js";

/**
 * Whether the models of a session are on disk, by the names of their files: a quick look.
 * Their bytes are checked when they are loaded, and by `verifyCache`.
 *
 * @param models registry keys, in place of the session's own models: these have to be there
 */
export async function checkModels(session: Session, models?: readonly string[]): Promise<DoctorCheck> {
  try {
    const shelf = shelfOf(session);
    const cards = [...new Set(wantedCards(shelf, session, models))];
    const absent: string[] = [];
    for (const card of cards) if (!(await isThere(card, shelf.places))) absent.push(card.key);
    if (absent.length === 0) return ok("models", `on disk: ${cards.map(({ key }) => key).join(", ")}`);
    const said = `not on disk: ${absent.join(", ")}`;
    const way = "primeCache(session) fetches them with the internet on; without it, attach a dataset that has them";
    return models !== undefined || session.settings.offline ? missing("models", said, way) : note("models", said, way);
  } catch (error) {
    return missing("models", reasonOf(error), "Correct the setting, or the folder");
  }
}

async function isThere(card: ModelCard, { dtype: choose, roots }: Places): Promise<boolean> {
  const dtype = choose(card);
  if (card.onnx === null || !Object.hasOwn(card.onnx, dtype)) return false;
  for (const root of roots) {
    for (const folder of await modelFolders(card, root)) {
      if ((await modelFiles(card, dtype, folder, root)).missing.length === 0) return true;
    }
  }
  return false;
}
