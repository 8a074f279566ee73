import { existsSync } from "node:fs";
import { copyFile, readFile, realpath, rm, stat } from "node:fs/promises";
import { dirname, join, relative, resolve, sep } from "node:path";
import { badOption, packingStopped } from "../core/errors.js";
import type { PackedRunRecord } from "../schema/session-pack.js";
import type { SessionPack } from "../schema/session-pack-types.js";
import type { StageName } from "../schema/types.js";
import { contextOf, type Session } from "../stage/context.js";
import { withCard } from "../stage/present.js";
import { underStop } from "../stage/stop.js";
import { KAGGLE_WORKING, ledgerIn } from "../store/layout.js";
import { vectorCacheOf } from "../store/vector-cache.js";
import { sessionContents } from "./contents.js";
import { PACK_ENDING } from "./open.js";
import { copyVectors } from "./vectors.js";

/** Options of {@link packSession}. */
export interface PackSessionOptions {
  /** The zip to write; default `NAME.session.zip` in `/kaggle/working` on Kaggle, else beside the session's folder. */
  readonly to?: string;
  /** False leaves out what `exportCollection` wrote into the session's folder: its cell makes it anew. Default true. */
  readonly collection?: boolean;
  /**
   * True takes the vector cache along, so that a document that changes there costs its own chunks only. The cache has the
   * vectors of every session that shares it, as hashes and numbers. Default false.
   */
  readonly vectors?: boolean;
}

/**
 * Writes the whole session into one zip: every finished run, and every run in the making
 * with its journals, so that on another machine the same cells go on where they are here.
 * `openSession({ from })` opens it there. The zip is read back and every hash compared
 * before it gets its name; a file of that name is replaced then, and not before. Documents
 * and models are not in it.
 *
 * @returns where it is, and what is in it
 * @throws RagError `not_a_session`, `session_closed`, `bad_option`, `stage_busy`, `session_not_packable`, `disk_too_small`, `pack_write_failed`, `pack_not_verified`, `stopped`
 */
export async function packSession(session: Session, options: PackSessionOptions = {}): Promise<SessionPack> {
  const began = performance.now();
  const context = contextOf(session);
  const { name, dir } = session;
  const { to, collection = true, vectors = false } = options;
  if (to !== undefined && (typeof to !== "string" || to === "")) throw badOption("to", to, "a path is needed");
  if (typeof collection !== "boolean") throw badOption("collection", collection, "true or false is needed");
  if (typeof vectors !== "boolean") throw badOption("vectors", vectors, "true or false is needed");
  const cache = vectors ? vectorCacheOf(session.settings) : null;
  if (vectors && cache === null)
    throw badOption("vectors", vectors, "the session's vector cache is switched off (vectorCache: null)");
  const path = resolve(to ?? defaultTarget(name, dir, existsSync(KAGGLE_WORKING)));
  await checkTarget(path, dir);
  return underStop(context, "pack", async (tools) => {
    const kept = cache && (await copyVectors(cache, path));
    const { movedLedgerFile } = context.store.layout;
    try {
      // A copy, since another kernel may add to it meanwhile. A count of hours is nothing to fail for.
      await copyFile(ledgerIn(dirname(dir)), movedLedgerFile).catch(() => {});
      const found = await sessionContents(context.store, collection, tools.signal);
      const contents = kept ? { ...found, files: [...found.files, kept.part] } : found;
      // Loaded when it is needed: a session opens without the writer of archives.
      const { writePack } = await import("./write.js");
      const about = { session: name, library: await libraryVersion() };
      const { bytes, sha256 } = await writePack(path, dir, contents, about, context.care.quota, tools);
      const { files, runs, leftOut } = contents;
      const exported = files.filter(({ exported }) => exported);
      return await withCard({
        kind: "session_pack",
        path,
        session: name,
        bytes,
        sha256,
        files: files.length,
        unpackedBytes: sumOf(files),
        runs: countsOf(runs),
        inTheMaking: runs
          .filter(({ state }) => state === "in the making")
          .map(({ stage, id, batches }) => ({ stage, id, batches })),
        damaged: runs.filter(({ state }) => state === "damaged").map(({ id }) => id),
        collection: { files: exported.length, bytes: sumOf(exported) },
        vectorBytes: kept?.part.bytes ?? null,
        leftOut,
        seconds: (performance.now() - began) / 1000,
      });
    } catch (error) {
      if (tools.signal.aborted) throw packingStopped(path);
      throw error;
    } finally {
      await rm(movedLedgerFile, { force: true });
      await kept?.remove();
    }
  });
}

/** Where a pack goes when no one says. On Kaggle that is what a saved version of the notebook keeps. */
export function defaultTarget(name: string, dir: string, onKaggle: boolean): string {
  return join(onKaggle ? KAGGLE_WORKING : dirname(dir), `${name}${PACK_ENDING}`);
}

/** A pack within the session would be packed by the next one. */
async function checkTarget(path: string, dir: string): Promise<void> {
  const info = await stat(path).catch(() => null);
  if (info?.isDirectory()) throw badOption("to", path, "it is a folder, and a file is needed");
  const way = relative(await realpath(dir), await realOf(dirname(path)));
  if (way === "" || !(way === ".." || way.startsWith(`..${sep}`)))
    throw badOption("to", path, "it lies in the session's own folder, and a place outside of it is needed");
}

/** A folder without links on the way to it, which may not exist yet. */
async function realOf(folder: string): Promise<string> {
  return realpath(folder).catch(async () =>
    dirname(folder) === folder ? folder : join(await realOf(dirname(folder)), relative(dirname(folder), folder)),
  );
}

function countsOf(runs: readonly PackedRunRecord[]): SessionPack["runs"] {
  const counts: Partial<Record<StageName, number>> = {};
  for (const { stage, state } of runs) if (state === "finished") counts[stage] = (counts[stage] ?? 0) + 1;
  return counts;
}

function sumOf(files: readonly { readonly bytes: number }[]): number {
  return files.reduce((sum, { bytes }) => sum + bytes, 0);
}

async function libraryVersion(): Promise<string> {
  const text = await readFile(new URL("../../package.json", import.meta.url), "utf8");
  return String((JSON.parse(text) as { version?: unknown }).version);
}
