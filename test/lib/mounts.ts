import { execFileSync } from "node:child_process";
import type { TestContext } from "node:test";
import { scratch } from "./sample.ts";

/** A small file system of its own. */
export interface Mounted {
  readonly dir: string;
  remount(options: string): void;
}

/** Mounts a tmpfs for the time of a test; null, with the test skipped for a stated reason, where this user may not. */
export async function tmpfs(t: TestContext, options: string): Promise<Mounted | null> {
  const dir = await scratch("tmpfs");
  const mount = (arguments_: readonly string[]) => execFileSync("mount", arguments_, { stdio: "pipe" });
  try {
    mount(["-t", "tmpfs", "-o", options, "tmpfs", dir]);
  } catch (error) {
    t.skip(`a small file system can't be mounted here: ${(error as Error).message.trim()}`);
    return null;
  }
  t.after(() => {
    execFileSync("umount", ["-l", dir]);
  });
  return { dir, remount: (changed) => void mount(["-o", `remount,${changed}`, dir]) };
}
