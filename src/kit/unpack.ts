import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { chmod, lstat, mkdir, open, readdir, readFile, rename, rm, stat, symlink, writeFile } from "node:fs/promises";
import { basename, dirname, join, resolve, sep } from "node:path";
import { tarEntries } from "../archive/tar.js";
import { badKit, folderTaken, kitWriteFailed, quote, quoteList, RagError } from "../core/errors.js";
import { digestFile } from "../models/digest.js";
import { KIT_FILE, type Kit, type KitArchive, type KitFile, parseKit } from "../schema/kit-file.js";
import { isAlive, syncFolder } from "../store/atomic.js";
import { parseSums, SUMS, UNFINISHED } from "./folder.js";
import { HOME_FILE, usualHome } from "./place.js";

/** A kit that is ready to be used. */
export interface UnpackedKit {
  /** Absolute. */
  readonly dir: string;
  readonly kit: Kit;
  /** False where it stood there already. */
  readonly written: boolean;
}

/**
 * Checks every file of a kit, and unpacks it: run bits and links are made as its list
 * says. The folder appears when all of it was checked; before, and after a failure,
 * there is none, or the earlier one. The kit itself is only read.
 *
 * @param from the kit's folder; an archive may stand there as the folder that an upload made of it
 * @param to a new folder, an empty one, or one that a kit was unpacked to; null for {@link usualHome}
 * @throws RagError `bad_kit`, `folder_taken`, `kit_write_failed`, or what the signal aborts with
 */
export async function unpackKit(from: string, to: string | null, signal: AbortSignal): Promise<UnpackedKit> {
  const source = resolve(from);
  const kit = await readKit(source);
  const unpacked = await checkSums(source, kit, signal);
  const dir = to === null ? usualHome(kit) : resolve(to);
  if (to === null) await checkOwn(dirname(dir));
  const there = await lookAtHome(dir);
  if (there === kit.id) return { dir, kit, written: false };
  try {
    const aside = await openAside(dir);
    try {
      for (const [name, archive] of Object.entries(kit.archives)) {
        const folder = unpacked.get(name);
        if (folder === undefined) await unpackArchive(join(source, name), archive, aside, signal);
        else await copyFolder(folder, archive, aside, signal);
      }
      await makeLinks(kit, aside);
      await writeFile(join(aside, HOME_FILE), homeText(kit));
      await putInPlace(aside, dir, there !== null);
    } catch (error) {
      await rm(aside, { recursive: true, force: true });
      throw error;
    }
  } catch (error) {
    if (signal.aborted || error instanceof RagError) throw error;
    throw kitWriteFailed(dir, error);
  }
  return { dir, kit, written: true };
}

/** The list of a kit. @throws RagError `bad_kit` */
export async function readKit(dir: string): Promise<Kit> {
  const names: string[] = await readdir(dir).catch((error: NodeJS.ErrnoException) => {
    throw badKit(dir, `it can't be read (${error.code})`);
  });
  if (names.includes(UNFINISHED)) throw badKit(dir, "its packing did not end; run kaggle pack again");
  if (!names.includes(KIT_FILE)) throw badKit(dir, `it has no ${KIT_FILE}`);
  const parsed = parseKit(await readFile(join(dir, KIT_FILE), "utf8"));
  if (!parsed.ok) throw badKit(dir, `${KIT_FILE} can't be used (${quote(parsed.problem)})`);
  return parsed.kit;
}

/**
 * Holds every file against the sums. All that is wrong is told at once.
 *
 * @returns the folders that stand in place of archives
 */
async function checkSums(dir: string, kit: Kit, signal: AbortSignal): Promise<Map<string, string>> {
  const sums = parseSums(await readFile(join(dir, SUMS), "utf8").catch(() => ""));
  if (sums.size === 0) throw badKit(dir, `${SUMS} is missing or empty`);
  const folders = new Map<string, string>();
  const problems: string[] = [];
  for (const [name, wanted] of sums) {
    const folder = Object.hasOwn(kit.archives, name) ? await folderOf(dir, name) : null;
    if (folder !== null) folders.set(name, folder);
    else if (basename(name) !== name) problems.push(`${SUMS} names ${quote(name)}, which is no name of a file`);
    else {
      const info = await stat(join(dir, name)).catch(() => null);
      if (!info?.isFile()) problems.push(`${quote(name)} is missing`);
      else if ((await digestFile(join(dir, name), new Map(), signal)).sha256 !== wanted)
        problems.push(`${quote(name)} is altered or cut off`);
    }
  }
  for (const [name, { sha256 }] of Object.entries(kit.archives))
    if (sums.get(name) !== sha256) problems.push(`${SUMS} and ${KIT_FILE} differ about ${name}`);
  if (problems.length > 0) {
    const more = problems.length > 8 ? ` and ${problems.length - 8} more` : "";
    throw badKit(dir, `${problems.slice(0, 8).join("; ")}${more}`);
  }
  return folders;
}

/** The folder that an upload may have made of an archive. */
async function folderOf(dir: string, name: string): Promise<string | null> {
  for (const folder of [join(dir, name), join(dir, name.replace(/\.[^.]*$/, ""))])
    if ((await stat(folder).catch(() => null))?.isDirectory()) return folder;
  return null;
}

/** In a folder that all may write to, another user could have put something under our name. @throws RagError `folder_taken` */
async function checkOwn(base: string): Promise<void> {
  const info = await lstat(base).catch(() => null);
  if (info !== null && (!info.isDirectory() || info.uid !== process.getuid?.() || (info.mode & 0o022) !== 0))
    throw folderTaken(base, "it is not a folder of this user alone", "Name another one with --to");
}

/** Id of the kit that a folder was unpacked from; null where there is no folder or an empty one. @throws RagError `folder_taken` */
async function lookAtHome(dir: string): Promise<string | null> {
  const names: string[] = await readdir(dir).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return [];
    throw folderTaken(dir, error.code === "ENOTDIR" ? "it is no folder" : error.message, "Name another one with --to");
  });
  if (names.length === 0) return null;
  if (!names.includes(HOME_FILE))
    throw folderTaken(
      dir,
      `it holds ${quoteList(names, 5)} and is no unpacked kit`,
      "Name a new or an empty one with --to",
    );
  const text = await readFile(join(dir, HOME_FILE), "utf8");
  return /"id": "([0-9a-f]{16})"/.exec(text)?.[1] ?? "";
}

/** What an unpacked folder says of itself; the Python bootstrap reads and writes the same. */
function homeText({ id, version, node, models }: Kit): string {
  return `${JSON.stringify({ schema: "rag-cells/home@1", id, version, node, models, from: "kit" }, null, 1)}\n`;
}

/** Begins a folder beside the one that it will be; what killed processes left of it goes. */
async function openAside(dir: string): Promise<string> {
  const parent = dirname(dir);
  await mkdir(parent, { recursive: true, mode: 0o700 });
  for (const name of await readdir(parent)) {
    const pid = Number(/^\.(.*)\.(\d+)\.(?:unpacking|old)$/.exec(name)?.[2] ?? 0);
    if (pid > 0 && name.startsWith(`.${basename(dir)}.`) && (pid === process.pid || !isAlive(pid)))
      await rm(join(parent, name), { recursive: true, force: true });
  }
  const aside = join(parent, `.${basename(dir)}.${process.pid}.unpacking`);
  await mkdir(aside);
  return aside;
}

/** A folder that stands under the name, or the empty one that does, gives way; two at once leave one whole folder. */
async function putInPlace(aside: string, dir: string, taken: boolean): Promise<void> {
  if (taken) {
    const old = join(dirname(dir), `.${basename(dir)}.${process.pid}.old`);
    await rename(dir, old);
    await rename(aside, dir);
    await rm(old, { recursive: true, force: true });
  } else await rename(aside, dir);
  await syncFolder(dirname(dir));
}

async function unpackArchive(path: string, { files }: KitArchive, to: string, signal: AbortSignal): Promise<void> {
  const missing = new Set(Object.keys(files));
  const made = new Set<string>();
  const archive = await open(path, "r");
  try {
    for await (const entry of tarEntries(archive, true, signal)) {
      const file = missing.delete(entry.name) ? (files[entry.name] as KitFile) : null;
      if (file === null || entry.kind !== "file")
        throw badKit(path, `its entry ${quote(entry.name)} is not in ${KIT_FILE}`);
      await placeFile(join(to, entry.name), file, entry.content(), made);
    }
  } catch (error) {
    const damaged = !(error instanceof RagError) && (error as NodeJS.ErrnoException).syscall === undefined;
    throw damaged && !signal.aborted ? badKit(path, `it is damaged (${quote((error as Error).message)})`) : error;
  } finally {
    await archive.close();
  }
  if (missing.size > 0) throw badKit(path, `it lacks ${quoteList([...missing], 3)}`);
}

async function copyFolder(folder: string, { files }: KitArchive, to: string, signal: AbortSignal): Promise<void> {
  const made = new Set<string>();
  for (const [path, file] of Object.entries(files)) {
    signal.throwIfAborted();
    const source = join(folder, path);
    if (!(await stat(source).catch(() => null))?.isFile()) throw badKit(folder, `${quote(path)} is missing`);
    await placeFile(join(to, path), file, createReadStream(source) as AsyncIterable<Uint8Array>, made);
  }
}

/** Not synced: a folder of temporary files does not outlive the system, and thousands of syncs take minutes. */
async function placeFile(
  path: string,
  { sha256, run }: KitFile,
  content: AsyncIterable<Uint8Array>,
  made: Set<string>,
): Promise<void> {
  const parent = dirname(path);
  if (!made.has(parent)) await mkdir(parent, { recursive: true });
  made.add(parent);
  const hash = createHash("sha256");
  const file = await open(path, "wx", run ? 0o755 : 0o644);
  try {
    for await (const block of content) {
      hash.update(block);
      await file.writeFile(block);
    }
  } finally {
    await file.close();
  }
  if (hash.digest("hex") !== sha256) throw badKit(path, `it is not what ${KIT_FILE} says`);
  if (run) await chmod(path, 0o755);
}

async function makeLinks({ links }: Kit, to: string): Promise<void> {
  for (const [path, target] of Object.entries(links)) {
    const link = join(to, path);
    const end = resolve(dirname(link), target);
    if (end !== to && !end.startsWith(to + sep)) throw badKit(to, `its link ${quote(path)} leads out of the folder`);
    await mkdir(dirname(link), { recursive: true });
    await symlink(target, link);
  }
}
