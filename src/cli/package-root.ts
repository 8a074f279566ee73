import { readFile } from "node:fs/promises";
import { join, sep } from "node:path";
import { fileURLToPath } from "node:url";

/** Absolute path of this package's folder. */
export function packageRoot(): string {
  return fileURLToPath(new URL("../../", import.meta.url)).replace(/[\\/]$/, "");
}

/** True in the package's own checkout, false where it is another project's dependency. */
export function isCheckout(root: string): boolean {
  return !root.split(sep).includes("node_modules");
}

/** Version of this package. */
export async function packageVersion(): Promise<string> {
  const { version } = JSON.parse(await readFile(join(packageRoot(), "package.json"), "utf8")) as { version: string };
  return version;
}
