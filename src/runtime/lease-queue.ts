import { lstatSync, mkdirSync, readdirSync, readFileSync, rmdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { atExit } from "../core/at-exit.js";
import { leaseFolderUnfit } from "../core/errors.js";
import { pidNamespace, processRuns, processStart } from "../core/process-start.js";

/** A place in the queue for a device. */
export interface Place {
  /** Who has the device while it is not our turn; null when it is. */
  before(): { readonly pid: number; readonly owner: string } | null;
  /** Gives the place up. Safe to call twice. */
  leave(): void;
}

/** `000000012-4711-8812345-4026531836-3`: a number, and whose it is. Who is first is decided by the whole name. */
const TICKET = /^(\d{9})-(\d+)-(\d*)-(\d*)-\d+$/;
let joined = 0;
/** Files of this process, to be removed when it exits. */
const mineToLeave = new Set<string>();
let forgetAll = () => {};

function leaveAll(): void {
  for (const path of mineToLeave) remove(path);
}

/** Removes a ticket, and the queue's folder where it was the last in it. What the work gave or threw counts more than a ticket that stays. */
function remove(path: string): void {
  try {
    rmSync(path, { force: true });
    rmdirSync(dirname(path));
  } catch {
    // Others are in it, or have removed it; a ticket that can't be removed counts until its process ends.
  }
}

/**
 * Joins the queue for a device. It is a folder with a file for everybody who waits or has the device, and the
 * first of those whose process lives has it: that of a process that was killed does not count from that moment, so nothing
 * has to be cleaned up first. Names hold the process and its start, so a file says who it belongs to as soon as it exists.
 *
 * Numbers are drawn by looking, so two may draw at the same time, and a slow one may come
 * up with a number below that of somebody who has the device already. Whoever finds a higher one than its own just
 * after it has drawn therefore draws again; nobody who has once been first is ever overtaken.
 *
 * The folder is this user's own, in the temporary folder: processes see each other that share both, and their process ids.
 *
 * @throws RagError `lease_folder_unfit`
 */
export function joinQueue(device: string, owner: string): Place {
  let ticket = draw(device, owner);
  return {
    before() {
      let names = living(ticket.folder);
      // Ours is gone where the temporary folder was cleaned: it is as if we came now.
      while (!names.includes(ticket.name)) {
        forget(ticket);
        ticket = draw(device, owner);
        names = living(ticket.folder);
      }
      const first = names[0] as string;
      if (first === ticket.name) return null;
      return { pid: Number(first.split("-")[1]), owner: ownerIn(join(ticket.folder, first)) };
    },
    leave() {
      forget(ticket);
      remove(join(ticket.folder, ticket.name));
    },
  };
}

interface Ticket {
  readonly folder: string;
  readonly name: string;
}

/** Puts a ticket behind all others. @throws RagError `lease_folder_unfit` */
function draw(device: string, owner: string): Ticket {
  const mine = `${process.pid}-${processStart(process.pid)}-${pidNamespace()}-${joined++}`;
  for (;;) {
    const folder = queueFolder(device);
    const last = living(folder).at(-1);
    const name = `${String(Number(last?.slice(0, 9) ?? 0) + 1).padStart(9, "0")}-${mine}`;
    if (!write(join(folder, name), owner)) continue;
    if (living(folder).at(-1) !== name) {
      rmSync(join(folder, name), { force: true });
      continue;
    }
    if (mineToLeave.size === 0) forgetAll = atExit(leaveAll);
    mineToLeave.add(join(folder, name));
    return { folder, name };
  }
}

function forget({ folder, name }: Ticket): void {
  mineToLeave.delete(join(folder, name));
  if (mineToLeave.size === 0) forgetAll();
}

/**
 * Writes a ticket; false where the last one to leave has just removed the folder.
 *
 * @throws RagError `lease_folder_unfit`, and then there is no ticket: one that stayed would keep us waiting for ourselves
 */
function write(path: string, owner: string): boolean {
  try {
    writeFileSync(path, owner.slice(0, 200), { mode: 0o600 });
    return true;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT") return false;
    remove(path);
    throw leaseFolderUnfit(dirname(path), `the system says ${code}`);
  }
}

/** Places of processes that live, the first one first. Others are cleared away: their names never come again. @throws RagError `lease_folder_unfit` */
function living(folder: string): string[] {
  let names: string[];
  try {
    names = readdirSync(folder);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    // Somebody cleaned the temporary folder. What can't be read otherwise may be full of others.
    if (code === "ENOENT") return [];
    throw leaseFolderUnfit(folder, `the system says ${code}`);
  }
  const ours = pidNamespace();
  return names
    .filter((name) => {
      const [, , pid, started, namespace] = TICKET.exec(name) ?? [];
      if (pid === undefined || namespace !== ours) return false;
      if (processRuns(Number(pid), started ?? "")) return true;
      rmSync(join(folder, name), { force: true });
      return false;
    })
    .sort();
}

function ownerIn(path: string): string {
  try {
    return readFileSync(path, "utf8").slice(0, 200);
  } catch {
    return "";
  }
}

/** The temporary folder is everybody's, and what has our name there may be another's trap. */
function queueFolder(device: string): string {
  const me = process.getuid?.();
  const root = join(tmpdir(), `rag-cells-leases-${me ?? "all"}`);
  const folder = join(root, device.replace(/[^\w-]/g, "_"));
  try {
    mkdirSync(root, { recursive: true, mode: 0o700 });
    const found = lstatSync(root);
    if (!found.isDirectory()) throw leaseFolderUnfit(root, "it is no folder");
    if (me !== undefined && found.uid !== me) throw leaseFolderUnfit(root, "it belongs to another user");
    if (me !== undefined && (found.mode & 0o022) !== 0) throw leaseFolderUnfit(root, "others may write to it");
    mkdirSync(folder, { recursive: true, mode: 0o700 });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw code === "lease_folder_unfit" ? error : leaseFolderUnfit(root, `the system says ${code}`);
  }
  return folder;
}
