import { readFileSync, statSync } from "node:fs";
import { RagError } from "../core/errors.js";
import { sha256 } from "../core/hash.js";
import { pacer } from "../runtime/pace.js";
import type { StaleReason } from "../schema/lineage-types.js";
import type { DocumentSources, SourceDocument } from "../schema/sources-file.js";
import { sha256OfFile } from "../store/hash-file.js";

/** What became of a chunk run's documents since, by name. */
export interface DocumentChanges {
  readonly changed: readonly string[];
  readonly added: readonly string[];
  readonly removed: readonly string[];
  /** Files that look other than they did, and were not read again for want of time. */
  readonly unread: number;
}

/** A document's file and its name. */
interface Found {
  readonly path: string;
  readonly document: string;
}

/** How the chunk stage finds documents. */
export interface DocumentFinder {
  /** What patterns match, before links are looked through: a tenth of the time. */
  match(patterns: readonly string[], base: string): Promise<{ readonly documents: readonly Found[] }>;
  find(patterns: readonly string[], base: string): Promise<readonly Found[]>;
}

/** How a file looks from outside. */
type Stamp = Pick<SourceDocument, "bytes" | "mtimeMs" | "ctimeMs">;

/** Digests of files that look other than when they were chunked, by path and stamp. */
export type DocumentMemory = Map<string, string>;

const NAMED = 3;
const SMALL = 1 << 18;

/**
 * A file's stamp, fit to be compared with a later one. A file that changed just now
 * can change again within one tick of its file system's clock and keep its times: it
 * gets none, and is hashed when it is looked at next. Some clocks tick in whole seconds.
 */
export function stampOf(file: { size: number; mtimeMs: number; ctimeMs: number }, now: number): Stamp {
  const tick = Number.isInteger(file.ctimeMs / 1000) ? 2000 : 50;
  return { bytes: file.size, mtimeMs: file.mtimeMs, ctimeMs: file.ctimeMs < now - tick ? file.ctimeMs : 0 };
}

/**
 * Holds the documents on disk against what a chunk run read: a stat each, and a
 * hash of what looks different. Files are asked for synchronously, which costs a
 * quarter of the time; the event loop turns every 8 ms.
 *
 * @param hashMs time after which no further file is read
 * @returns the changes, or why they can't be known; and the sources with the stamps of now, where some are new
 */
export async function lookAtDocuments(
  sources: DocumentSources,
  finder: DocumentFinder,
  memory: DocumentMemory,
  hashMs: number,
): Promise<{ documents: DocumentChanges | { unknown: string }; renewed: DocumentSources | null }> {
  const found = await foundNow(sources, finder);
  if ("unknown" in found) return { documents: found, renewed: null };
  const known = new Map(sources.documents.map((source) => [source.document, source]));
  const added = found.documents.filter(({ document }) => !known.has(document)).map(({ document }) => document);
  const changed: string[] = [];
  const now = new Map<string, SourceDocument>();
  const pace = pacer();
  const until = performance.now() + hashMs;
  let unread = 0;
  for (const { path, document } of found.documents) {
    const source = known.get(document);
    known.delete(document);
    if (!source) continue;
    const stamp = await stampNow(path, source, memory, performance.now() < until);
    if (stamp === "other") changed.push(document);
    else if (stamp === "unread") unread++;
    else if (stamp.ctimeMs !== source.ctimeMs) now.set(document, { ...source, ...stamp });
    const turn = pace();
    if (turn) await turn;
  }
  const renewed = sources.documents.map((source) => now.get(source.document) ?? source);
  return {
    documents: { changed, added, removed: [...known.keys()], unread },
    renewed: now.size > 0 ? { ...sources, documents: renewed } : null,
  };
}

/** The stamp of a file that holds what the run read; a word where it holds something else, or would have to be read and may not. */
async function stampNow(
  path: string,
  source: SourceDocument,
  memory: DocumentMemory,
  mayRead: boolean,
): Promise<Stamp | "other" | "unread"> {
  const file = statSync(path, { throwIfNoEntry: false });
  if (!file || file.size !== source.bytes) return "other";
  if (file.mtimeMs === source.mtimeMs && file.ctimeMs === source.ctimeMs) return source;
  const stamp = stampOf(file, Date.now());
  const key = [path, stamp.bytes, stamp.mtimeMs, stamp.ctimeMs].join("\n");
  const seen = stamp.ctimeMs === 0 ? undefined : memory.get(key);
  if (seen === undefined && !mayRead) return "unread";
  const sha = seen ?? (await digest(path, file.size).catch(() => ""));
  if (stamp.ctimeMs !== 0) memory.set(key, sha);
  return sha === source.sha256 ? stamp : "other";
}

/** A stream costs a millisecond a file; the small ones, which most are, need none. */
async function digest(path: string, bytes: number): Promise<string> {
  return bytes <= SMALL ? sha256(readFileSync(path)) : sha256OfFile(path);
}

/** The files that the patterns mean now. Names are enough to see that they are the same ones, where no links are among them. */
async function foundNow(
  { base, patterns, documents }: DocumentSources,
  finder: DocumentFinder,
): Promise<{ documents: readonly Found[] } | { unknown: string }> {
  try {
    const matched = await finder.match(patterns, base);
    const names = new Set(documents.map(({ document }) => document));
    const same =
      matched.documents.length === names.size && matched.documents.every(({ document }) => names.has(document));
    return same ? matched : { documents: await finder.find(patterns, base) };
  } catch (error) {
    const code = error instanceof RagError ? error.code : "";
    if (code === "no_documents") return { documents: [] };
    if (code === "folder_missing")
      return { unknown: `its documents are not at hand: nothing is in ${base} as ${patterns.join(", ")}` };
    return { unknown: `its documents can't be looked at: ${error instanceof Error ? error.message : String(error)}` };
  }
}

/** Names up to three documents of each kind and counts the rest. */
export function documentReason({ changed, added, removed }: DocumentChanges): StaleReason[] {
  const parts = [named(changed, "changed"), named(added, "added"), named(removed, "removed")].filter(Boolean);
  return parts.length === 0 ? [] : [{ cause: "documents", words: parts.join("; "), changed, added, removed }];
}

function named(names: readonly string[], what: string): string {
  if (names.length === 0) return "";
  const more = names.length > NAMED ? ` and ${names.length - NAMED} more` : "";
  return `${names.slice(0, NAMED).join(", ")}${more} ${what}`;
}
