import { lstat, mkdir, readlink, rm, symlink } from "node:fs/promises";
import { join, resolve } from "node:path";
import { linkBlocked } from "../core/errors.js";
import type { Verb } from "./io.js";
import { isCheckout, packageRoot } from "./package-root.js";

/**
 * `rag-cells link`: in the package's own checkout, makes `node_modules/rag-cells`
 * a link to the checkout. A notebook's `import * as rag from "rag-cells"` then has
 * types, which tslab looks for in node_modules alone. Does nothing elsewhere.
 */
export const link: Verb = async () => {
  const root = packageRoot();
  if (isCheckout(root)) await linkPackage(root);
  return 0;
};

/**
 * Links `root` into its own `node_modules`; safe to repeat.
 * @returns the link's path.
 * @throws RagError `link_blocked`
 */
export async function linkPackage(root: string): Promise<string> {
  const modules = join(root, "node_modules");
  const path = join(modules, "rag-cells");
  const there = await lstat(path).catch(() => null);
  if (there !== null) {
    if (!there.isSymbolicLink()) throw linkBlocked(path);
    if (resolve(modules, await readlink(path)) === resolve(root)) return path;
    await rm(path);
  }
  await mkdir(modules, { recursive: true });
  await symlink(process.platform === "win32" ? root : "..", path, "junction");
  return path;
}
