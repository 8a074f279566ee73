import { contentOf } from "../archive/content.js";
import { RagError } from "../core/errors.js";
import { SESSION_PACK_FILE, type SessionPackFile } from "../schema/session-pack.js";
import type { PackListing } from "./list.js";
import { checkedName } from "./names.js";
import type { OpenedPack } from "./open.js";

/**
 * Reads every file of a pack and holds it against the manifest.
 *
 * @param take is given each file and gives the sha256 of what it took
 * @throws RagError `bad_session_pack`, and what `take` throws
 */
export async function readPack(
  opened: OpenedPack,
  { files, prefix }: PackListing,
  signal: AbortSignal,
  take: (path: string, blocks: AsyncIterable<Uint8Array>) => Promise<string>,
): Promise<void> {
  const { refuse } = opened;
  const missing = new Set(files.keys());
  const put = async (path: string, blocks: AsyncIterable<Uint8Array>) => {
    const wanted = files.get(path) as SessionPackFile["files"][number];
    const sum = await take(path, blocks);
    if (sum !== wanted.sha256)
      throw refuse(
        prefix + path,
        `has sha256 ${sum.slice(0, 12)}..., the manifest says ${wanted.sha256.slice(0, 12)}...: it was altered or damaged`,
      );
    missing.delete(path);
  };
  try {
    for await (const entry of opened.entries(signal)) {
      const name = checkedName(entry, refuse);
      const path = name?.startsWith(prefix) ? name.slice(prefix.length) : null;
      if (path === null || path === SESSION_PACK_FILE) continue;
      const wanted = files.get(path);
      if (wanted?.bytes !== entry.bytes || !missing.has(path)) throw refuse(entry.name, "changed while it was read");
      await put(path, stoppable(contentOf(entry, refuse), signal));
    }
    // An upload may lose files of no bytes; what is in them is known.
    for (const path of missing) if (files.get(path)?.bytes === 0) await put(path, stoppable([], signal));
  } catch (error) {
    signal.throwIfAborted();
    throw error instanceof RagError ? error : refuse(null, `it is damaged (${(error as Error).message})`, error);
  }
  for (const path of missing) throw refuse(prefix + path, "went missing while it was read");
}

async function* stoppable(
  blocks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  for await (const block of blocks) {
    signal.throwIfAborted();
    yield block;
  }
}
