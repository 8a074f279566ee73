import { createHash } from "node:crypto";
import { once } from "node:events";
import { createReadStream } from "node:fs";
import { pipeline } from "node:stream/promises";
import { createGzip } from "node:zlib";
import { type Pack, pack } from "tar-stream";
import { kitSourceUnfit } from "../core/errors.js";
import type { KitFile } from "../schema/kit-file.js";
import { openAtomic, type Written } from "../store/atomic.js";
import type { KitEntry } from "./contents.js";

/** The time that npm gives to everything it packs: none of ours, so that equal files make equal archives. */
const TIME = new Date("1985-10-26T08:15:00.000Z");

/** A file on its way into an archive, and what is known of its bytes. */
export interface HashedEntry extends KitEntry, KitFile {}

/**
 * Writes a gzipped tar that holds these files in this order and nothing else. The
 * same files give the same bytes.
 *
 * @param onBytes bytes of each block that was read
 * @throws RagError `kit_source_unfit` where a file changes meanwhile, `store_write_failed`
 */
export async function writeArchive(
  path: string,
  entries: readonly HashedEntry[],
  signal: AbortSignal,
  onBytes: (bytes: number) => void,
): Promise<Written> {
  const out = await openAtomic(path, "an archive of the kit");
  try {
    const packer = pack();
    const filling = fill(packer, entries, onBytes);
    // An error while filling ends the pipeline too, and that is the one which is told.
    filling.catch((error: Error) => (packer as unknown as { destroy(error: Error): void }).destroy(error));
    await pipeline(
      packer,
      createGzip(),
      async (blocks: AsyncIterable<Uint8Array>) => {
        for await (const block of blocks) await out.write(block);
      },
      { signal },
    );
    await filling;
    return await out.commit();
  } catch (error) {
    await out.abort();
    throw error;
  }
}

async function fill(packer: Pack, entries: readonly HashedEntry[], onBytes: (bytes: number) => void): Promise<void> {
  for (const { path, source, run, bytes, sha256 } of entries) {
    const header = { name: path, size: bytes, mode: run ? 0o755 : 0o644, mtime: TIME, uid: 0, gid: 0 };
    const hash = createHash("sha256");
    await new Promise<void>((resolve, reject) => {
      const sink = packer.entry(header, (error) => (error ? reject(error) : resolve()));
      const copy = async () => {
        const blocks = createReadStream(source, { highWaterMark: Math.min(bytes + 1, 1 << 20) });
        for await (const block of blocks as AsyncIterable<Buffer>) {
          hash.update(block);
          onBytes(block.length);
          if (!sink.write(block)) await once(sink, "drain");
        }
        sink.end();
      };
      copy().catch(reject);
    });
    if (hash.digest("hex") !== sha256)
      throw kitSourceUnfit(source, "it changed while it was packed", "Pack again when nothing else writes there");
  }
  packer.finalize();
}
