import { posix } from "node:path";
import { contentOf } from "../archive/content.js";
import type { ArchiveEntry, Refuse } from "../archive/entry.js";
import { nameProblem } from "../archive/names.js";
import { RagError } from "../core/errors.js";
import { sha256 } from "../core/hash.js";
import { parseSessionPack, SESSION_PACK_FILE, type SessionPackFile } from "../schema/session-pack.js";
import { checkedName, foldedName } from "./names.js";
import type { OpenedPack } from "./open.js";

/** A session has some files for each of its runs. */
const MOST_ENTRIES = 200_000;
/** The manifest of as many. */
const MOST_TEXT = 64 << 20;
/** Deflate can't do better than this. What would is made of entries that share their bytes. */
const MOST_RATIO = 1032;
/** Names that belong to the machine where the session is opened. */
const OURS = /^(session\.lock(\..*)?|session-pack\.json)$/;

/** What a pack says that it holds, all of it checked but the content. */
export interface PackListing {
  readonly pack: SessionPackFile;
  /** The manifest, and its hash: what tells this pack from any other. */
  readonly text: string;
  readonly sha256: string;
  /** By path in the session's folder. */
  readonly files: ReadonlyMap<string, SessionPackFile["files"][number]>;
  readonly bytes: number;
  /** What stands before every path in this archive; empty, or the folders around it. */
  readonly prefix: string;
}

/**
 * Goes through a pack before anything of it is written: names, kinds and sizes of its
 * entries, each listed in the manifest and each listed file there.
 *
 * @throws RagError `bad_session_pack`
 */
export async function listPack(opened: OpenedPack, signal: AbortSignal): Promise<PackListing> {
  const { refuse } = opened;
  try {
    return await listed(opened, signal);
  } catch (error) {
    signal.throwIfAborted();
    throw error instanceof RagError ? error : refuse(null, `it is damaged (${(error as Error).message})`, error);
  }
}

async function listed(opened: OpenedPack, signal: AbortSignal): Promise<PackListing> {
  const { refuse, size } = opened;
  const entries: Pick<ArchiveEntry, "name" | "bytes">[] = [];
  const folded = new Set<string>();
  const manifests: { name: string; text: string }[] = [];
  let count = 0;
  let total = 0;
  for await (const entry of opened.entries(signal)) {
    signal.throwIfAborted();
    if (++count > MOST_ENTRIES) throw refuse(entry.name, `is one too many: at most ${MOST_ENTRIES} are read`);
    const name = checkedName(entry, refuse);
    if (name === null) continue;
    const key = foldedName(name);
    if (folded.has(key)) throw refuse(entry.name, "comes twice, or differs from another in upper and lower case only");
    folded.add(key);
    entries.push({ name, bytes: entry.bytes });
    total += entry.bytes;
    if (posix.basename(name) !== SESSION_PACK_FILE) continue;
    if (entry.bytes > MOST_TEXT) throw refuse(entry.name, `has ${entry.bytes} bytes; at most ${MOST_TEXT} are read`);
    manifests.push({ name, text: await textOf(entry, refuse) });
  }
  if (size !== null && total > size * MOST_RATIO)
    throw refuse(null, `its entries declare ${total} bytes, more than a file of ${size} can hold`);
  const [manifest, second] = manifests;
  if (!manifest)
    throw refuse(
      null,
      `it holds no ${SESSION_PACK_FILE}, so nothing says which bytes are the right ones; was it cut off?`,
    );
  if (second) throw refuse(second.name, `is the second manifest, beside ${manifest.name}`);
  const parsed = parseSessionPack(manifest.text);
  if (!parsed.ok) throw refuse(manifest.name, parsed.problem);
  const prefix = manifest.name.slice(0, -SESSION_PACK_FILE.length);
  const files = filesOf(parsed.pack, (path, problem) =>
    refuse(manifest.name, `lists ${JSON.stringify(path)}, which ${problem}`),
  );
  if (!files.has("session.json")) throw refuse(manifest.name, "lists no session.json, so it is of no session");
  holdAgainst(files, entries, prefix, refuse);
  return {
    pack: parsed.pack,
    text: manifest.text,
    sha256: sha256(manifest.text),
    files,
    bytes: [...files.values()].reduce((sum, { bytes }) => sum + bytes, 0),
    prefix,
  };
}

/** The files that a manifest lists, whose paths can all stand in one folder. */
function filesOf(
  { files }: SessionPackFile,
  refuse: (path: string, problem: string) => Error,
): Map<string, SessionPackFile["files"][number]> {
  const byPath = new Map<string, SessionPackFile["files"][number]>();
  const folded = new Set<string>();
  for (const file of files) {
    const { path } = file;
    const problem = nameProblem(path);
    if (problem !== null) throw refuse(path, problem);
    if (path.split("/").some((step) => step === "" || step.startsWith(".") || Buffer.byteLength(step) > 255))
      throw refuse(path, "has a step that is empty, hidden or too long");
    if (OURS.test(path)) throw refuse(path, "belongs to no session");
    if (folded.has(foldedName(path)))
      throw refuse(path, "comes twice, or differs from another in upper and lower case only");
    folded.add(foldedName(path));
    byPath.set(path, file);
  }
  for (const path of byPath.keys())
    for (let above = posix.dirname(path); above !== "."; above = posix.dirname(above))
      if (folded.has(foldedName(above))) throw refuse(path, `lies below ${JSON.stringify(above)}, which is a file`);
  return byPath;
}

function holdAgainst(
  files: PackListing["files"],
  entries: readonly Pick<ArchiveEntry, "name" | "bytes">[],
  prefix: string,
  refuse: Refuse,
): void {
  const seen = new Set<string>();
  for (const { name, bytes } of entries) {
    if (name === prefix + SESSION_PACK_FILE) continue;
    const path = name.startsWith(prefix) ? name.slice(prefix.length) : null;
    const file = path === null ? undefined : files.get(path);
    if (!file) throw refuse(name, `is not in its ${SESSION_PACK_FILE}`);
    if (file.bytes !== bytes) throw refuse(name, `has ${bytes} bytes, ${SESSION_PACK_FILE} says ${file.bytes}`);
    seen.add(file.path);
  }
  for (const { path, bytes } of files.values())
    if (bytes > 0 && !seen.has(path))
      throw refuse(null, `it lacks ${JSON.stringify(path)}, which its ${SESSION_PACK_FILE} lists`);
}

async function textOf(entry: ArchiveEntry, refuse: Refuse): Promise<string> {
  const blocks: Uint8Array[] = [];
  for await (const block of contentOf(entry, refuse)) blocks.push(block);
  return Buffer.concat(blocks).toString("utf8");
}
