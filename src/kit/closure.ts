import { readFile, realpath } from "node:fs/promises";
import { basename, dirname, join, relative, sep } from "node:path";
import { kitSourceUnfit } from "../core/errors.js";

/** An installed package that rag-cells needs at run time. */
export interface InstalledPackage {
  readonly name: string;
  readonly version: string;
  /** As its package.json says it. */
  readonly licence: string;
  /** Absolute. */
  readonly dir: string;
  /** Its folder in the kit, with `/`; empty for rag-cells itself. */
  readonly place: string;
  readonly manifest: Manifest;
}

/** What is read of a package.json. */
export interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly license?: unknown;
  readonly bin?: string | Readonly<Record<string, string>>;
  readonly files?: readonly string[];
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
}

/** What packages need to run, where what they name is for their install scripts. */
const NEEDED_TO_RUN: Readonly<Record<string, readonly string[]>> = { node: [], "faiss-node": ["bindings"] };

/**
 * The package at `root` and every package that it needs at run time, as they are
 * installed: in its own checkout or as a dependency of another project. In the kit the
 * package stands at the top and all others below its `node_modules`, as in a checkout.
 *
 * @throws RagError `kit_source_unfit` where one is missing, or links stand for packages
 */
export async function productionPackages(root: string): Promise<readonly InstalledPackage[]> {
  const found = new Map<string, InstalledPackage>();
  const edges: { readonly from: string; readonly name: string; readonly dir: string }[] = [];
  const queue = [await packageAt(root, "")];
  for (const one of queue) {
    found.set(one.place, one);
    for (const { name, needed } of needsOf(one.manifest)) {
      const dir = await resolvePackage(one.dir, name);
      if (dir === null && !needed) continue;
      if (dir === null)
        throw kitSourceUnfit(
          root,
          `${name}, which ${one.name} needs, is not installed`,
          "Run npm ci, or npm install, in its project",
        );
      const place = placeInKit(root, dir);
      const other = queue.find((queued) => queued.place === place);
      if (other !== undefined && other.dir !== dir)
        throw kitSourceUnfit(root, `two versions of ${name} would have one place`, "Pack from a checkout of rag-cells");
      edges.push({ from: one.place, name, dir });
      if (other === undefined) queue.push(await packageAt(dir, place));
    }
  }
  for (const { from, name, dir } of edges)
    if (resolveInKit(found, from, name)?.dir !== dir)
      throw kitSourceUnfit(root, `${name} would be another one for ${from}`, "Pack from a checkout of rag-cells");
  return [...found.values()].sort((a, b) => (a.place < b.place ? -1 : 1));
}

/** Names of the packages that one asks for; an optional one, or a peer, may be absent. */
function needsOf(manifest: Manifest): { name: string; needed: boolean }[] {
  const only = Object.hasOwn(NEEDED_TO_RUN, manifest.name) ? NEEDED_TO_RUN[manifest.name] : undefined;
  if (only !== undefined) return only.map((name) => ({ name, needed: true }));
  const optional = { ...manifest.optionalDependencies, ...manifest.peerDependencies };
  const needed = Object.keys(manifest.dependencies ?? {}).filter((name) => !Object.hasOwn(optional, name));
  return [
    ...needed.map((name) => ({ name, needed: true })),
    ...Object.keys(optional).map((name) => ({ name, needed: false })),
  ];
}

async function packageAt(dir: string, place: string): Promise<InstalledPackage> {
  const manifest = JSON.parse(await readFile(join(dir, "package.json"), "utf8")) as Manifest;
  const { name, version, license } = manifest;
  const licence = typeof license === "string" ? license : "not stated";
  return { name, version, licence, dir, place, manifest };
}

/** The folder of a package as Node finds it from another one, or null. */
async function resolvePackage(from: string, name: string): Promise<string | null> {
  for (let at = from; ; at = dirname(at)) {
    if (basename(at) !== "node_modules") {
      const dir = join(at, "node_modules", name);
      const real = await realpath(join(dir, "package.json")).catch(() => null);
      if (real !== null) {
        if (real !== join(await realpath(at), "node_modules", name, "package.json"))
          throw kitSourceUnfit(
            dir,
            "it is a link to a package elsewhere",
            "Install with npm, which makes no such links",
          );
        return dir;
      }
    }
    if (dirname(at) === at) return null;
  }
}

/** Where a package's folder goes: what was beside rag-cells is below it in the kit. */
function placeInKit(root: string, dir: string): string {
  const own = relative(root, dir);
  const beside = relative(dirname(root), dir);
  const place = own.startsWith("..") ? join("node_modules", beside) : own;
  if (place.includes(".."))
    throw kitSourceUnfit(root, `${dir} lies outside of its project`, "Pack from a checkout of rag-cells");
  return place.split(sep).join("/");
}

/** The package that Node would find in the unpacked kit. */
function resolveInKit(found: ReadonlyMap<string, InstalledPackage>, from: string, name: string) {
  for (let at = from; ; at = at.slice(0, Math.max(0, at.lastIndexOf("/node_modules/")))) {
    const one = found.get(at === "" ? `node_modules/${name}` : `${at}/node_modules/${name}`);
    if (one !== undefined || at === "") return one;
  }
}
