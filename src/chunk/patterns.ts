import { stat } from "node:fs/promises";
import { basename, dirname, isAbsolute, parse, resolve, sep } from "node:path";
import { escapePath } from "tinyglobby";
import { badPattern } from "../core/errors.js";

/** A pattern taken apart: a folder, and what is matched below it. */
export interface ParsedPattern {
  /** As the operator wrote it. */
  readonly pattern: string;
  readonly exclude: boolean;
  /** The longest leading part without wildcards, absolute. */
  readonly folder: string;
  /** Glob pattern, relative to the folder. */
  readonly glob: string;
}

const WILDCARD = /[*?[\]{}()|\\]/;

/**
 * Takes a pattern apart. A file or folder that exists is meant by its name,
 * whatever characters that has; `!` at the start excludes what the rest matches.
 *
 * @param root folder that relative patterns start from
 * @throws RagError `bad_pattern`
 */
export async function parsePattern(pattern: unknown, root: string): Promise<ParsedPattern> {
  if (typeof pattern !== "string" || pattern.trim() === "") throw badPattern(pattern, "is no pattern");
  const exclude = pattern.startsWith("!");
  const text = exclude ? pattern.slice(1) : pattern;
  const path = resolve(root, text);
  const there = await stat(path).catch(() => null);
  if (there?.isDirectory()) throw badPattern(pattern, "is a folder", `${text.replace(/\/+$/, "")}/**/*.md`);
  if (there) return { pattern, exclude, folder: dirname(path), glob: escapePath(basename(path)) };
  const parts = text.split("/").filter((part) => part !== "." && part !== "");
  let folder = isAbsolute(text) ? parse(path).root : resolve(root);
  let wild = 0;
  for (; wild < parts.length - 1; wild++) {
    const next = resolve(folder, parts[wild] as string);
    if (WILDCARD.test(parts[wild] as string) && !(await stat(next).catch(() => null))) break;
    folder = next;
  }
  const rest = parts.slice(wild);
  if (rest.includes("..")) throw badPattern(pattern, 'has ".." behind a wildcard');
  return { pattern, exclude, folder, glob: rest.join("/") };
}

/** The deepest folder that holds all given ones, at least one. */
export function commonFolder(folders: readonly string[]): string {
  const paths = folders.map((folder) => folder.split(sep));
  const first = paths[0] ?? [];
  const differs = first.findIndex((part, i) => paths.some((path) => path[i] !== part));
  return first.slice(0, differs === -1 ? first.length : differs).join(sep) || sep;
}
