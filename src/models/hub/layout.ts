import { mkdir, rename, rm, stat, symlink } from "node:fs/promises";
import { basename, dirname, join, relative } from "node:path";
import { modelCacheWriteFailed } from "../../core/errors.js";
import type { HubFile } from "../../schema/hub-api.js";
import { syncFolder, writeAtomic } from "../../store/atomic.js";

/**
 * The Python hub's layout of a cache, so that Python tools share it:
 * `models--owner--name/blobs/<hash>` holds the bytes, `snapshots/<commit>/<path>`
 * links to them, `refs/main` names a commit.
 * https://huggingface.co/docs/huggingface_hub/guides/manage-cache
 */
export interface HubLayout {
  readonly folder: string;
  blob(file: HubFile): string;
  /** The same file while it is fetched; a name of our own, since Python's client writes to its own. */
  partial(file: HubFile): string;
  snapshot(revision: string): string;
}

/** How names of half-fetched files end. */
export const PARTIAL_ENDING = ".rag-cells.incomplete";

/** Where a repository lies in a cache. */
export function hubLayout(cacheDir: string, hubId: string): HubLayout {
  const folder = join(cacheDir, `models--${hubId.replace("/", "--")}`);
  const blob = ({ digest }: HubFile) => join(folder, "blobs", digest.hex);
  return {
    folder,
    blob,
    partial: (file) => `${blob(file)}${PARTIAL_ENDING}`,
    snapshot: (revision) => join(folder, "snapshots", revision),
  };
}

/** Systems without links answer with one of these; the file itself then stands in the snapshot, as Python's client does it. */
const NO_LINKS = ["EPERM", "ENOTSUP", "EOPNOTSUPP", "ENOSYS", "EINVAL"];

/** Gives a fetched and checked file its names, each at once and durably. */
export async function placeFile(layout: HubLayout, revision: string, file: HubFile): Promise<void> {
  const target = join(layout.snapshot(revision), file.path);
  const blob = layout.blob(file);
  const aside = join(dirname(target), `.${basename(target)}.${process.pid}.link`);
  try {
    if (await isFile(layout.partial(file))) {
      await rename(layout.partial(file), blob);
      await syncFolder(dirname(blob));
    }
    await mkdir(dirname(target), { recursive: true });
    await rm(aside, { force: true });
    await symlink(relative(dirname(target), blob), aside).catch(async (cause: NodeJS.ErrnoException) => {
      if (!NO_LINKS.includes(cause.code ?? "")) throw cause;
      await rename(blob, aside);
    });
    await rename(aside, target);
    await syncFolder(dirname(target));
  } catch (cause) {
    throw modelCacheWriteFailed(target, cause);
  }
}

/** Makes a commit the one that `main` is known to be, which is where Python's client looks first. */
export async function writeMainRef(layout: HubLayout, revision: string): Promise<void> {
  await writeAtomic(join(layout.folder, "refs", "main"), revision, "a reference of the model cache");
}

/** Bytes of a file; 0 where there is none. */
export async function bytesAt(path: string): Promise<number> {
  return stat(path).then(
    (info) => (info.isFile() ? info.size : 0),
    () => 0,
  );
}

async function isFile(path: string): Promise<boolean> {
  return stat(path).then(
    (info) => info.isFile(),
    () => false,
  );
}
