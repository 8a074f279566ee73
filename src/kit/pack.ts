import { readdir, readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { badOption, kitPlatform, kitSourceUnfit, kitWriteFailed, RagError } from "../core/errors.js";
import { contentId, sha256 } from "../core/hash.js";
import { digestFile } from "../models/digest.js";
import { locateModels, type Places } from "../models/locate.js";
import { ROOT_LOCK } from "../models/lock-file.js";
import { copyFile, filesToCopy } from "../models/pack-copy.js";
import { type PackPlan, planPack } from "../models/pack-plan.js";
import { sumsText } from "../models/pack-texts.js";
import { wantedCards } from "../models/prime.js";
import { shelfOf } from "../models/shelf.js";
import type { PackedModel } from "../schema/cache-types.js";
import { DATASET_METADATA, type DatasetName, idProblem, titleProblem } from "../schema/dataset-metadata.js";
import { formatKit, KIT_FILE, type Kit, type KitArchive, type KitFile } from "../schema/kit-file.js";
import { formatModelsLock } from "../schema/models-lock.js";
import { contextOf, type Session } from "../stage/context.js";
import { type Stoppable, underStop } from "../stage/stop.js";
import { writeAtomic } from "../store/atomic.js";
import { type KitContents, kitContents } from "./contents.js";
import { beginKit, type EarlierKit, finishKit, lookAtKitFolder, SUMS } from "./folder.js";
import { hashAll } from "./hash-entries.js";
import { licencesText } from "./licences.js";
import { kitMetadata, kitReadme, usualKitName } from "./texts.js";
import { type HashedEntry, writeArchive } from "./write-archive.js";

/** What of a kit its maker decides. */
export interface KitOptions {
  /** Registry keys; null for a kit without models, absent for those of the session's settings. */
  readonly models?: readonly string[] | null | undefined;
  readonly title?: string | undefined;
  readonly id?: string | undefined;
}

/** A kit that was written. */
export interface WrittenKit {
  /** Absolute. */
  readonly dir: string;
  readonly kit: Kit;
  /** Bytes of every file in the folder, by name. */
  readonly files: ReadonlyMap<string, number>;
  /** Names of the files that were written; all others stood there already. */
  readonly written: readonly string[];
}

const LICENCES = "LICENSES.txt";
const README = "README.md";

/**
 * Makes a flat folder that a Kaggle notebook without internet works from: Node, the
 * packages that are needed at run time, models, and the Python modules that put them to
 * use. Over an earlier kit only what differs is written. The list of the archives'
 * files comes last, and no unfinished folder is taken for a kit.
 *
 * @param root the folder of the rag-cells package that goes into it: a built checkout or an installed package
 * @throws RagError `kit_platform`, `kit_source_unfit`, `kit_write_failed`, `folder_taken`, `bad_option`, `stopped`,
 *   and those of finding and copying models
 */
export async function packKit(session: Session, dir: string, root: string, options: KitOptions): Promise<WrittenKit> {
  const context = contextOf(session);
  checkPlatform();
  for (const [name, value, problem] of [
    ["title", options.title, options.title === undefined ? null : titleProblem(options.title)],
    ["id", options.id, options.id === undefined ? null : idProblem(options.id)],
  ] as const)
    if (problem !== null) throw badOption(name, value, problem);
  const folder = resolve(dir);
  return underStop(context, "prime", async (tools) => {
    const earlier = await lookAtKitFolder(folder);
    const plan = await modelsOf(session, options.models, tools.signal);
    const contents = await kitContents(root);
    try {
      return await writeKit(folder, root, contents, plan, { ...earlier, ...asked(earlier, options) }, tools);
    } catch (error) {
      if (tools.signal.aborted || (error instanceof RagError && error.code !== "store_write_failed")) throw error;
      throw kitWriteFailed(folder, error);
    }
  });
}

/** The Node and the native files of this installation are those of its system, so a kit for Kaggle is made on one like it. */
function checkPlatform(): void {
  const { header } = process.report.getReport() as { header: { glibcVersionRuntime?: string } };
  const here = `${process.platform}-${process.arch}`;
  if (here !== "linux-x64" || header.glibcVersionRuntime === undefined)
    throw kitPlatform(here === "linux-x64" ? "linux-x64 without glibc" : here);
}

async function modelsOf(session: Session, models: KitOptions["models"], signal: AbortSignal): Promise<PackPlan> {
  if (models === null) return planPack([]);
  const shelf = shelfOf(session);
  const cards = [...new Set(wantedCards(shelf, session, models))];
  const places: Places = { ...shelf.places, signal };
  return planPack(await locateModels(cards, places));
}

function asked({ metadata }: EarlierKit, { title, id }: KitOptions): { name: DatasetName } {
  return {
    name: { title: title ?? metadata?.title ?? usualKitName.title, id: id ?? metadata?.id ?? usualKitName.id },
  };
}

async function writeKit(
  dir: string,
  root: string,
  contents: KitContents,
  plan: PackPlan,
  { names, kit: earlier, metadata, name }: EarlierKit & { readonly name: DatasetName },
  { signal, progress }: Stoppable,
): Promise<WrittenKit> {
  const hashed = new Map<string, HashedEntry[]>();
  for (const [archive, entries] of contents.archives) hashed.set(archive, await hashAll(entries, signal));
  const raw = [...hashed.values()].flat().reduce((sum, { bytes }) => sum + bytes, 0);
  const total = plan.files.reduce((sum, { bytes }) => sum + bytes, raw);
  const line = progress({ label: "kaggle · pack", total: total / 1e6, unit: "MB" });
  let done = 0;
  const tell = (words: string) => (bytes: number) => {
    done += bytes;
    line.update(done / 1e6, words);
  };
  try {
    const modules = await pythonModules(root);
    const copies = await filesToCopy(dir, plan.files, signal, tell("already there"));
    const all = [
      ...hashed.keys(),
      ...modules.keys(),
      ...plan.files.map((file) => file.name),
      ROOT_LOCK,
      LICENCES,
      README,
    ];
    await beginKit(dir, [...new Set([...names, ...all])]);
    const written: string[] = [];
    const sums = new Map(plan.files.map((file) => [file.name, file.sha256]));
    const sizes = new Map(plan.files.map((file) => [file.name, file.bytes]));
    for (const file of copies) {
      await copyFile(dir, file, signal, tell(file.what));
      written.push(file.name);
    }
    const archives: Record<string, KitArchive> = {};
    for (const [archive, entries] of hashed) {
      const files = filesOf(entries);
      const kept = await standing(join(dir, archive), earlier?.archives[archive], files, signal);
      if (kept === null) written.push(archive);
      else for (const { bytes } of entries) tell("already there")(bytes);
      const { bytes, sha256: sum } = kept ?? (await writeArchive(join(dir, archive), entries, signal, tell(archive)));
      archives[archive] = { bytes, sha256: sum, files };
      sums.set(archive, sum);
      sizes.set(archive, bytes);
    }
    const models = packedModels(plan);
    const kit = kitOf(root, contents, archives, models);
    const texts = new Map([
      ...modules,
      [
        LICENCES,
        await licencesText(contents.packages, models, { version: contents.node, licence: await nodeLicence(contents) }),
      ],
      [README, kitReadme(kit, name, models)],
      [DATASET_METADATA, kitMetadata(kit, name, models, metadata ?? {})],
      ...(models.length > 0 ? [[ROOT_LOCK, formatModelsLock(plan.lock)] as const] : []),
    ]);
    const list = formatKit(kit);
    for (const [file, text] of texts) if (file !== DATASET_METADATA) sums.set(file, sha256(text));
    texts.set(SUMS, sumsText(sums.set(KIT_FILE, sha256(list)))).set(KIT_FILE, list);
    for (const [file, text] of texts) {
      if (await writeWhereOther(join(dir, file), text)) written.push(file);
      sizes.set(file, Buffer.byteLength(text));
    }
    await finishKit(
      dir,
      names.filter((old) => !sizes.has(old)),
    );
    line.finish();
    return { dir, kit, files: sizes, written };
  } catch (error) {
    line.fail(error instanceof Error ? error.message : String(error));
    throw error;
  }
}

function filesOf(entries: readonly HashedEntry[]): Record<string, KitFile> {
  return Object.fromEntries(entries.map(({ path, bytes, sha256: sum, run }) => [path, { bytes, sha256: sum, run }]));
}

/** An archive of an earlier kit, where it holds the same files and is whole; else null. */
async function standing(
  path: string,
  earlier: KitArchive | undefined,
  files: KitArchive["files"],
  signal: AbortSignal,
): Promise<KitArchive | null> {
  if (earlier === undefined || !isDeepStrictEqual({ ...earlier.files }, files)) return null;
  const digest = await digestFile(path, new Map(), signal).catch((error) => {
    signal.throwIfAborted();
    if (error instanceof RagError) return null;
    throw error;
  });
  return digest?.sha256 === earlier.sha256 ? earlier : null;
}

function kitOf(
  root: string,
  { packages, links, node, cuda }: KitContents,
  archives: Kit["archives"],
  models: readonly PackedModel[],
): Kit {
  const version = packages.find(({ place }) => place === "")?.version;
  if (version === undefined) throw kitSourceUnfit(root, "its package.json has no version", "Install it anew");
  const platform = "linux-x64";
  const files = Object.values(archives).map((archive) => archive.files);
  const id = contentId("kit", { version, platform, node, files, links }).slice("kit-".length);
  return { id, version, platform, node, cuda, models: models.map(({ key }) => key), archives, links };
}

function packedModels({ models }: PackPlan): PackedModel[] {
  return models.map(({ card: { key, hubId, licence, commercialUse } }) => ({ key, hubId, licence, commercialUse }));
}

/** The Python modules of the package, by name: they stand beside each other in a kit too. */
async function pythonModules(root: string): Promise<Map<string, string>> {
  const names = (await readdir(join(root, "kaggle"))).filter((name) => /^\w+\.py$/.test(name)).sort();
  return new Map(
    await Promise.all(names.map(async (name) => [name, await readFile(join(root, "kaggle", name), "utf8")] as const)),
  );
}

async function nodeLicence({ archives }: KitContents): Promise<string | null> {
  const entry = [...archives.values()].flat().find(({ path }) => path === "node_modules/node/LICENSE");
  return entry === undefined ? null : readFile(entry.source, "utf8");
}

/** @returns whether it was written: a file that says the same is left alone */
async function writeWhereOther(path: string, text: string): Promise<boolean> {
  if ((await readFile(path, "utf8").catch(() => null)) === text) return false;
  await writeAtomic(path, text);
  return true;
}
