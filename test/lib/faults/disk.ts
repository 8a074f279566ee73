/**
 * A disk that keeps its word and no more: a file's content is durable as of its last
 * sync, a folder's entries as of the folder's last sync. A new file, a rename or a new
 * folder is lost with the power as long as the folder it stands in was not synced.
 * Keeps that state in memory beside the real folder, and can lay it out as it would be
 * found after a power cut.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, dirname, join, relative } from "node:path";
import { type Operation, onOperation } from "./operations.ts";

interface File {
  readonly kind: "file";
  /** Content at the last sync. */
  durable: Buffer;
}

interface Folder {
  readonly kind: "folder";
  entries: Map<string, File | Folder>;
  /** Entries at the last sync. */
  durable: Map<string, File | Folder>;
}

/** Chance, where the system had written some of what was not synced; null where it had written none. */
type Chance = (() => number) | null;

/** The model of one folder. */
export interface StrictDisk {
  /**
   * Lays out under `target`, a new folder, what is left when the power goes now.
   *
   * @param chance numbers in 0..1 that decide for each file and folder how much of what was not synced is there; null: nothing of it
   */
  cut(target: string, chance: (() => number) | null): void;
}

/** Follows every operation under `root`; what is there now is durable. */
export function followDisk(root: string): StrictDisk {
  const top = scan(root);
  const find = (path: string): File | Folder | undefined => {
    let node: File | Folder | undefined = top;
    for (const part of relative(root, path).split("/").filter(Boolean))
      node = node?.kind === "folder" ? node.entries.get(part) : undefined;
    return node;
  };
  const folderOf = (path: string): Folder => {
    const folder = find(dirname(path));
    if (folder?.kind !== "folder") throw new Error(`the disk's model knows no folder for ${path}`);
    return folder;
  };
  const put = (path: string, node: File | Folder) => folderOf(path).entries.set(basename(path), node);

  const after = ({ kind, path, to }: Operation, synced: Buffer | null): void => {
    if (kind === "open" && !find(path)) put(path, { kind: "file", durable: Buffer.alloc(0) });
    if (kind === "mkdir" && !find(path)) put(path, { kind: "folder", entries: new Map(), durable: new Map() });
    if (kind === "rm" && !existsSync(path)) find(dirname(path)) && folderOf(path).entries.delete(basename(path));
    if ((kind === "rename" || kind === "link") && to) {
      put(to, find(path) as File | Folder);
      if (kind === "rename") folderOf(path).entries.delete(basename(path));
    }
    if (kind !== "sync") return;
    const node = find(path);
    if (!node) throw new Error(`the disk's model does not know ${path}`);
    if (node.kind === "folder") node.durable = new Map(node.entries);
    else node.durable = synced as Buffer;
  };

  onOperation(async (operation, run) => {
    if (!operation.path.startsWith(root)) return run();
    // As it is when the sync begins. Not by its path: the file may be open for writing only, or renamed.
    const bytes = operation.kind === "sync" ? contentOf(operation) : null;
    const result = await run();
    after(operation, bytes);
    return result;
  });

  return { cut: (target, chance) => lay(top, root, target, chance) };
}

function contentOf({ handle }: Operation): Buffer | null {
  try {
    return readFileSync(`/proc/self/fd/${handle?.fd}`);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EISDIR") return null;
    throw error;
  }
}

function scan(path: string): Folder {
  const entries = new Map<string, File | Folder>();
  for (const entry of readdirSync(path, { withFileTypes: true })) {
    const inner = join(path, entry.name);
    entries.set(entry.name, entry.isDirectory() ? scan(inner) : { kind: "file", durable: readFileSync(inner) });
  }
  return { kind: "folder", entries, durable: new Map(entries) };
}

/** @param real where the folder lies now, as far as it still does */
function lay(folder: Folder, real: string, target: string, chance: Chance): void {
  mkdirSync(target);
  const entries = !chance || chance() < 0.5 ? folder.durable : folder.entries;
  for (const [name, node] of entries) {
    // Under another name by now, or gone: only what was synced can be told.
    const here = folder.entries.get(name) === node ? join(real, name) : null;
    if (node.kind === "folder") lay(node, here ?? "/nowhere", join(target, name), chance);
    else writeFileSync(join(target, name), left(node, here, chance));
  }
}

/** A file's content after the cut: as synced, or with more or less of what was written since. */
function left({ durable }: File, path: string | null, chance: Chance): Buffer {
  if (!chance || path === null || !existsSync(path) || chance() < 0.4) return durable;
  const now = readFileSync(path);
  const length = chance() < 0.5 ? now.length : Math.floor(chance() * (now.length + 1));
  // The system writes pages in any order: from here on the disk still has what it had, or nothing.
  const from = Math.floor(chance() * (length + 1));
  const mixed = Buffer.alloc(Math.max(length, Math.min(durable.length, now.length)));
  durable.copy(mixed, 0, 0, Math.min(durable.length, mixed.length));
  now.copy(mixed, 0, 0, from);
  return mixed;
}
