import { lstat, readdir, statfs } from "node:fs/promises";
import { dirname, join } from "node:path";
import { diskTooSmall } from "../core/errors.js";
import type { DiskQuota } from "./quota.js";

/** The most room that is left free beside what is written: a full disk harms more than this. */
const MOST_SPARE = 64 << 20;
const LEAST_SPARE = 1 << 20;

/**
 * Room to be left free beside a write: a tenth of it, from 1 to 64 MiB. Other
 * programs write to the disk too, and an estimate is one.
 */
export function spareBytes(bytes: number): number {
  return Math.min(MOST_SPARE, Math.max(LEAST_SPARE, Math.ceil(bytes / 10)));
}

/** Bytes that are free where a folder is, or would be; null where the system does not say. */
export async function freeBytes(folder: string): Promise<number | null> {
  for (let at = folder; ; at = dirname(at)) {
    try {
      const { bavail, bsize } = await statfs(at);
      return bavail * bsize;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOENT" || dirname(at) === at) return null;
    }
  }
}

/** A write that does not fit, in bytes; `needed` has the spare room in it. */
export interface Shortage {
  readonly needed: number;
  readonly free: number;
  /** The quota that is too small; null where the disk itself is. */
  readonly quota: Pick<DiskQuota, "folder" | "bytes"> | null;
}

/** How far the disk of a folder is too small for a write; null where it fits, or where the system does not say. */
export async function shortageOf(folder: string, bytes: number, quota?: DiskQuota | null): Promise<Shortage | null> {
  if (bytes <= 0) return null;
  const needed = bytes + spareBytes(bytes);
  const free = await freeBytes(folder);
  if (free !== null && needed > free) return { needed, free, quota: null };
  if (!quota?.holds(folder)) return null;
  const left = Math.max(0, quota.bytes - (await quota.count()).bytes);
  return needed > left ? { needed, free: left, quota: { folder: quota.folder, bytes: quota.bytes } } : null;
}

/**
 * Refuses to begin a write that can't fit.
 *
 * @param folder where it goes; it may not exist yet
 * @param bytes that will be written there at most
 * @param what names the write in the message, such as `The dense stage`
 * @param elsewhere how another disk is named, as an order to the operator
 * @param quota that counts beside what the disk has free, where the folder lies in its folder
 * @throws RagError `disk_too_small`
 */
export async function requireSpace(
  folder: string,
  bytes: number,
  what: string,
  elsewhere = "name a folder on another disk",
  quota: DiskQuota | null = null,
): Promise<void> {
  const short = await shortageOf(folder, bytes, quota);
  if (short) throw diskTooSmall(what, folder, short, elsewhere);
}

/**
 * Bytes that a file, or a folder with all that is in it, takes on the disk: the
 * blocks the system gave it, not the length it claims. 0 where there is nothing.
 */
export async function diskUsage(path: string): Promise<number> {
  const info = await lstat(path).catch(() => null);
  if (!info) return 0;
  if (!info.isDirectory()) return info.blocks * 512;
  let bytes = 0;
  for (const name of await readdir(path).catch(() => [])) bytes += await diskUsage(join(path, name));
  return bytes;
}
