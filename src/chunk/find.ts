import { readdir, realpath, stat } from "node:fs/promises";
import { dirname, extname, join, relative, sep } from "node:path";
import { glob } from "tinyglobby";
import { badPattern, documentsOutside, folderMissing, noDocuments, unsupportedDocuments } from "../core/errors.js";
import { commonFolder, type ParsedPattern, parsePattern } from "./patterns.js";

/** A file that patterns matched. */
export interface FoundDocument {
  /** Absolute. */
  readonly path: string;
  /** Path from the corpus root, with `/`: the document's name, the same on every machine. */
  readonly document: string;
}

/** File name endings that are read, in lower case, and as what. */
export const FORMATS: Readonly<Record<string, "markdown" | "text">> = {
  ".md": "markdown",
  ".markdown": "markdown",
  ".txt": "text",
  ".rst": "text",
};

/** Files that are looked at together. */
const AT_ONCE = 64;

/**
 * The documents that patterns match, sorted by the code points of their names.
 * The corpus root is the deepest folder that all patterns have in common before
 * their wildcards, so names hold no `..` and nothing of the machine. Patterns
 * are globs (`*`, `**`, `?`, `{a,b}`, `[ab]`); one that begins with `!` excludes;
 * hidden files are not matched. A file with several names (links) counts once.
 *
 * @param root folder that relative patterns start from
 * @throws RagError `bad_pattern`, `folder_missing`, `no_documents`, `unsupported_documents`, `documents_outside`
 */
export async function findDocuments(patterns: string | readonly string[], root: string): Promise<FoundDocument[]> {
  const { documents, folder } = await matchDocuments(patterns, root);
  return withoutLinks(documents, folder);
}

/**
 * What patterns match, as {@link findDocuments} finds it, before links are looked
 * through: a file may stand here under several names, or be a link out of the root.
 *
 * @throws RagError those of {@link findDocuments} but `documents_outside`
 */
export async function matchDocuments(
  patterns: string | readonly string[],
  root: string,
): Promise<{ readonly documents: readonly FoundDocument[]; readonly folder: string }> {
  const parsed = await Promise.all([patterns].flat().map((pattern) => parsePattern(pattern, root)));
  const wanted = parsed.filter(({ exclude }) => !exclude);
  if (wanted.length === 0) throw badPattern(patterns, "names no files to read");
  const folder = commonFolder(wanted.map((pattern) => pattern.folder));
  for (const pattern of wanted) await requireFolder(pattern);
  const paths = await matches(wanted);
  for (const path of await matches(parsed.filter(({ exclude }) => exclude))) paths.delete(path);
  const documents = [...paths].map((path) => ({ path, document: relative(folder, path).split(sep).join("/") }));
  documents.sort((a, b) => byCodePoints(a.document, b.document));
  if (documents.length === 0) throw noDocuments([patterns].flat(), folder, await contentsOf(folder));
  const foreign = documents.filter(({ path }) => !FORMATS[extname(path).toLowerCase()]);
  if (foreign.length > 0)
    throw unsupportedDocuments(
      foreign.map(({ document }) => document),
      Object.keys(FORMATS),
    );
  return { documents, folder };
}

async function matches(patterns: readonly ParsedPattern[]): Promise<Set<string>> {
  const paths = new Set<string>();
  for (const { glob: pattern, folder } of patterns) {
    for (const path of await glob(pattern, { cwd: folder, expandDirectories: false })) paths.add(join(folder, path));
  }
  return paths;
}

async function requireFolder({ pattern, folder }: ParsedPattern): Promise<void> {
  const isFolder = async (path: string) => (await stat(path).catch(() => null))?.isDirectory() ?? false;
  if (await isFolder(folder)) return;
  let above = dirname(folder);
  while (!(await isFolder(above))) above = dirname(above);
  throw folderMissing(pattern, folder, above, await contentsOf(above));
}

/** What stands in a folder, without what is below: names of files, then of folders with a slash behind. */
async function contentsOf(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  const files = entries.filter((entry) => !entry.isDirectory()).map(({ name }) => name);
  const folders = entries.filter((entry) => entry.isDirectory()).map(({ name }) => `${name}/`);
  return [...files.sort(byCodePoints), ...folders.sort(byCodePoints)];
}

/** Refuses links out of the corpus root; of several names of one file, keeps its own, or the first. */
async function withoutLinks(documents: readonly FoundDocument[], folder: string): Promise<FoundDocument[]> {
  const realRoot = await realpath(folder);
  const outside: string[] = [];
  const kept = new Map<string, FoundDocument>();
  for (let at = 0; at < documents.length; at += AT_ONCE) {
    const some = documents.slice(at, at + AT_ONCE);
    const reals = await Promise.all(some.map(({ path }) => realpath(path)));
    some.forEach((found, i) => {
      const name = relative(realRoot, reals[i] as string)
        .split(sep)
        .join("/");
      if (name === ".." || name.startsWith("../") || name.startsWith("/")) outside.push(found.document);
      else if (!kept.has(name) || name === found.document) kept.set(name, found);
    });
  }
  if (outside.length > 0) throw documentsOutside(outside, folder);
  return [...kept.values()].sort((a, b) => byCodePoints(a.document, b.document));
}

/** UTF-8 sorts like code points, UTF-16 does not. */
function byCodePoints(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}
