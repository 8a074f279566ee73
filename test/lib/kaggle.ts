import { spawnSync } from "node:child_process";
import { mkdirSync, realpathSync } from "node:fs";
import { join } from "node:path";
import { python } from "./python.ts";
import { scratch } from "./sample.ts";

/** What ran in the box. */
export interface BoxRun {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A stand-in for a Kaggle container, as close as namespaces come to it. */
export interface KaggleBox {
  /** Where the box's root lies outside of it: `/kaggle/working` is `<root>/kaggle/working`. */
  readonly root: string;
  /** Runs a program in it, by its path in the box. */
  run(command: readonly string[], env?: Readonly<Record<string, string>>): BoxRun;
}

/** Mounts inside the namespaces of this one process, so that all is gone when it ends. */
const SCRIPT = `set -e
root=$1 kit=$2 python=$3; shift 3
for part in bin sbin lib lib64; do
  if [ -L /$part ]; then [ -L $root/$part ] || ln -s $(readlink /$part) $root/$part
  elif [ -d /$part ]; then mkdir -p $root/$part; mount --rbind /$part $root/$part; fi
done
for part in usr etc dev; do mkdir -p $root/$part; mount --rbind /$part $root/$part; done
mkdir -p $root/proc; mount -t proc proc $root/proc
case $python in /usr/*) ;; *) mkdir -p $root$python; mount --bind $python $root$python;; esac
mount --bind $kit $root/kaggle/input/kit
mount -o remount,bind,ro,noexec $root/kaggle/input/kit
exec chroot $root /usr/bin/env -i HOME=/root PATH=/nowhere "$@"`;

/**
 * A folder that looks like a Kaggle container from inside: the kit in `/kaggle/input/kit`,
 * read-only and nothing in it to be run, `/kaggle/working` to write to, no network, no
 * Node on the PATH, and nothing of this checkout. What is not like it: the system's own
 * programs and libraries are those of this machine.
 *
 * @returns the box; why there is none, in words, where this user or system may not make one
 */
export async function kaggleBox(kit: string): Promise<KaggleBox | string> {
  const root = await scratch("kaggle");
  for (const folder of ["kaggle/input/kit", "kaggle/working", "tmp", "root", "nowhere"])
    mkdirSync(join(root, folder), { recursive: true });
  const prefix = spawnSync(python, ["-c", "import sys; print(sys.base_prefix)"], { encoding: "utf8" }).stdout.trim();
  const box: KaggleBox = {
    root,
    run(command, env = {}) {
      const settings = Object.entries(env).map(([name, value]) => `${name}=${value}`);
      const { status, stdout, stderr } = spawnSync(
        "unshare",
        [
          "-r",
          "-n",
          "-m",
          "-p",
          "-f",
          "sh",
          "-c",
          SCRIPT,
          "sh",
          root,
          kit,
          realpathSync(prefix),
          ...settings,
          ...command,
        ],
        { encoding: "utf8", maxBuffer: 64 << 20 },
      );
      return { status, stdout, stderr };
    },
  };
  const tried = box.run(["/usr/bin/env", "true"], { PATH: "/usr/bin:/bin" });
  return tried.status === 0 ? box : `a stand-in for Kaggle can't be made here: ${tried.stderr.trim()}`;
}

/** The Python that has the standard library alone, by its path in a box. */
export function boxPython(): string {
  return spawnSync(python, ["-c", "import os, sys; print(os.path.realpath(sys.executable))"], {
    encoding: "utf8",
  }).stdout.trim();
}
