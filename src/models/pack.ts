import { resolve } from "node:path";
import { badOption, packNotVerified } from "../core/errors.js";
import type { CachePack } from "../schema/cache-types.js";
import { idProblem, titleProblem } from "../schema/dataset-metadata.js";
import type { ModelCard } from "../schema/model-types.js";
import { contextOf, type Session } from "../stage/context.js";
import { withCard } from "../stage/present.js";
import { underStop } from "../stage/stop.js";
import { locateModels, lookForModels, type Places } from "./locate.js";
import { type PackPlan, planPack } from "./pack-plan.js";
import { writePack } from "./pack-write.js";
import { wantedCards } from "./prime.js";
import { shelfOf } from "./shelf.js";

/** Options of {@link packCache}. */
export interface PackOptions {
  /** Registry keys, in place of the session's own models. */
  readonly models?: readonly string[];
  /** The dataset's title, 6 to 50 characters; default that of the pack which stands in the folder, else "rag-cells models". */
  readonly title?: string;
  /**
   * The dataset's id, `owner/slug`, the slug 6 to 50 of `a-z`, `0-9` and `-`; default that of the
   * pack which stands in the folder, else `INSERT_YOUR_USERNAME/rag-cells-models`, to be filled in.
   */
  readonly id?: string;
}

/**
 * Makes a folder that can be uploaded as a Kaggle dataset: every file of the models,
 * verified, as a plain file beside the others, with a lock file, sums, metadata and a
 * README. Over an earlier pack only what differs is written, and files of models that
 * are no longer in it are removed. The folder is read back before it is returned, and
 * serves as one of `modelDirs` as it is, read-only too.
 *
 * @param dir a new folder, an empty one, or an earlier pack
 * @returns what the folder holds
 * @throws RagError `not_a_session`, `session_closed`, `model_files_missing`, `unknown_model`, `bad_option` (title, id, models), `folder_taken`,
 *   `pack_name_clash`, `model_cache_full`, `pack_write_failed`, `pack_not_verified`, `model_file_bad`, `model_file_outside`, `model_config_disagrees`,
 *   `no_onnx`, `no_dtype`, `dtype_not_for_device`, `unusable_model`, `bad_models_lock`, `stage_busy`, `stopped`
 */
export async function packCache(session: Session, dir: string, options: PackOptions = {}): Promise<CachePack> {
  const context = contextOf(session);
  const shelf = shelfOf(session);
  if (typeof dir !== "string" || dir === "") throw badOption("dir", dir, "a folder to write to is needed");
  const folder = resolve(dir);
  const cards = [...new Set(wantedCards(shelf, session, options.models))];
  checkName(options);
  const pack = await underStop(context, "prime", async (tools) => {
    const places: Places = { ...shelf.places, signal: tools.signal };
    const plan = planPack(await locateModels(cards, places));
    const written = await writePack(folder, plan, options, tools);
    await readBack(cards, plan, { ...places, roots: [folder], lockPath: null, memory: new Map(), located: new Map() });
    return written;
  });
  const models = cards.map(({ key, hubId, licence, commercialUse }) => ({ key, hubId, licence, commercialUse }));
  return withCard({ kind: "cache_pack", dir: folder, archive: null, models, ...pack });
}

function checkName({ title, id }: PackOptions): void {
  const wrongTitle = title === undefined ? null : titleProblem(title);
  if (wrongTitle !== null) throw badOption("title", title, wrongTitle);
  const wrongId = id === undefined ? null : idProblem(id);
  if (wrongId !== null) throw badOption("id", id, wrongId);
}

/** What was packed is found in the folder alone, by its own lock file, and is the same. @throws RagError `pack_not_verified` */
async function readBack(cards: readonly ModelCard[], { models }: PackPlan, places: Places): Promise<void> {
  const { located, lacking } = await lookForModels(cards, places);
  const missing = lacking.flatMap(({ missing }) => missing.map(({ path, problem }) => `${path}: ${problem}`));
  const altered = located
    .filter(({ card, fingerprint }) => models.some((model) => model.card === card && model.fingerprint !== fingerprint))
    .map(({ card }) => `${card.key} has another fingerprint`);
  const unlocked = located.flatMap(({ files }) => files.filter(({ locked }) => !locked));
  const problems = [...missing, ...altered, ...unlocked.map(({ path }) => `${path} is in no lock file`)];
  if (problems.length > 0) throw packNotVerified(places.roots[0] as string, problems);
}
