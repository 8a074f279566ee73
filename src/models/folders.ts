import { readdir, readFile, stat } from "node:fs/promises";
import { basename, join } from "node:path";
import { flatName } from "../core/flat-name.js";
import { revisionPattern } from "../schema/model-card.js";
import type { ModelCard } from "../schema/model-types.js";

/** A folder that may hold a model's files. */
export interface ModelFolder {
  readonly folder: string;
  /** The commit, where the folder's place says it. */
  readonly revision: string | null;
  /** True where the folder has all models' files beside each other, named as {@link flatName} does it. */
  readonly packed: boolean;
}

/** Where a model's file is in such a folder, absolute. */
export function placeOf({ folder, packed }: ModelFolder, card: ModelCard, path: string): string {
  return join(folder, packed ? flatName(card.hubId, path) : path);
}

/**
 * The folders under a root where a model can be, that exist, in this order: flat
 * ones, named by the key, by the hub id with `-`, `--` or `/`, by the hub's name
 * alone, or the root itself where it has such a name (an attached data set often
 * is the model); a packed folder, as `packCache` makes it; then the Python hub's
 * layout, at the pinned commit, the one that `refs/main` names, or the only one
 * there is.
 *
 * @param pinned the commit that a lock file names, where the row names none
 */
export async function modelFolders(
  card: ModelCard,
  root: string,
  pinned: string | null = null,
): Promise<ModelFolder[]> {
  const [owner, name] = card.hubId.split("/") as [string, string];
  const flat = [card.key, `${owner}-${name}`, `${owner}--${name}`, join(owner, name), name];
  const found: ModelFolder[] = [];
  if (flat.includes(basename(root)) && (await isFolder(root))) found.push(flatFolder(root));
  for (const folder of flat.map((part) => join(root, part))) {
    if (await isFolder(folder)) found.push(flatFolder(folder));
  }
  if (await exists(join(root, flatName(card.hubId, "config.json"))))
    found.push({ folder: root, revision: null, packed: true });
  for (const hub of [root, join(root, "hub")]) {
    const repository = join(hub, `models--${owner}--${name}`);
    const revision = card.revision ?? pinned ?? (await mainRevision(repository)) ?? (await onlySnapshot(repository));
    if (revision === null) continue;
    const folder = join(repository, "snapshots", revision);
    if (await isFolder(folder)) found.push({ folder, revision, packed: false });
  }
  return found;
}

function flatFolder(folder: string): ModelFolder {
  return { folder, revision: null, packed: false };
}

/** The commit in `refs/main`, or null: what is no commit must not become part of a path. */
async function mainRevision(repository: string): Promise<string | null> {
  const text = await readFile(join(repository, "refs", "main"), "utf8").catch(() => "");
  const revision = text.trim();
  return revisionPattern.test(revision) ? revision : null;
}

/** The one commit that was downloaded by itself, without a branch; of several none is better than another. */
async function onlySnapshot(repository: string): Promise<string | null> {
  const snapshots = await readdir(join(repository, "snapshots")).catch(() => []);
  const [only] = snapshots;
  return only !== undefined && snapshots.length === 1 && revisionPattern.test(only) ? only : null;
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}

async function isFolder(path: string): Promise<boolean> {
  return stat(path).then(
    (info) => info.isDirectory(),
    () => false,
  );
}
