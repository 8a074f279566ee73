import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import type { CacheFile, CacheReport } from "../schema/cache-types.js";
import { contextOf, type Session } from "../stage/context.js";
import { withCard } from "../stage/present.js";
import { underStop } from "../stage/stop.js";
import { PARTIAL_ENDING } from "./hub/layout.js";
import { locateModel, type MissingFiles, type Places } from "./locate.js";
import { wantedCards } from "./prime.js";
import { shelfOf } from "./shelf.js";

/**
 * Reads every byte of the session's models again and holds it against the lock
 * files: a file that was altered, cut off or is missing stands in the report. Loading
 * such a file is refused in any case; this says so before anything is loaded.
 * No connection is tried and nothing is written.
 *
 * @param models registry keys, in place of the session's own models
 * @throws RagError `not_a_session`, `session_closed`, `unknown_model`, `bad_models_lock`, `model_file_outside`,
 *   `wrong_role`, `unusable_model`, `bad_option`, `no_dtype`, `dtype_not_for_device`, `stage_busy`, `stopped`; a bad file is no error
 */
export async function verifyCache(session: Session, models?: readonly string[]): Promise<CacheReport> {
  const context = contextOf(session);
  const shelf = shelfOf(session);
  const cards = wantedCards(shelf, session, models);
  const began = performance.now();
  const files: CacheFile[] = [];
  const roots = new Set<string>();
  await underStop(context, "prime", async ({ signal }) => {
    // What was read before does not count here.
    const places: Places = { ...shelf.places, memory: new Map(), signal };
    for (const card of cards) {
      signal.throwIfAborted();
      const found = await locateModel(card, places);
      if ("missing" in found) {
        files.push(...badFiles(card.key, found));
        continue;
      }
      roots.add(found.root);
      for (const { path, bytes, locked } of found.files)
        files.push({ model: card.key, path, bytes, state: locked ? "ok" : "unlocked", problem: "" });
      for (const { folder, problems } of found.passed)
        for (const problem of problems) files.push({ model: card.key, path: folder, bytes: 0, state: "bad", problem });
    }
  });
  return withCard({
    kind: "cache_report",
    ok: files.every(({ state }) => state !== "bad"),
    files,
    roots: [...roots],
    unfinished: await unfinishedIn(session.settings.cacheDir),
    bytes: files.reduce((sum, file) => sum + (file.state === "bad" ? 0 : file.bytes), 0),
    seconds: (performance.now() - began) / 1000,
  });
}

function badFiles(model: string, { folder, missing }: MissingFiles): CacheFile[] {
  const where = folder === null ? "" : ` (in ${folder})`;
  return missing.map(({ path, bytes, problem }) => ({
    model,
    path,
    bytes: bytes ?? 0,
    state: "bad",
    problem: `${problem}${where}`,
  }));
}

/** What interrupted downloads have left in a cache. */
async function unfinishedIn(cacheDir: string): Promise<CacheReport["unfinished"]> {
  let [files, bytes] = [0, 0];
  for (const repository of await namesIn(cacheDir)) {
    if (!repository.startsWith("models--")) continue;
    const blobs = join(cacheDir, repository, "blobs");
    for (const name of await namesIn(blobs)) {
      if (!name.endsWith(PARTIAL_ENDING)) continue;
      files++;
      bytes += (await stat(join(blobs, name))).size;
    }
  }
  return { files, bytes };
}

function namesIn(folder: string): Promise<string[]> {
  return readdir(folder).catch(() => []);
}
