import type { FileHandle } from "node:fs/promises";
import { pipeline } from "node:stream/promises";
import { createGunzip } from "node:zlib";
import { extract, type Headers } from "tar-stream";
import type { ArchiveEntry } from "./entry.js";

/** What an entry takes beside its content: its headers, long names and time stamps, the filling to a full block. */
const BESIDE_ENTRY = 4096;
/** What an archive takes beside its entries, and what is read ahead. The library keeps a long header in memory whole, so one of gigabytes must not get through. */
const BESIDE_ARCHIVE = 4 << 20;

const kinds: Readonly<Record<string, string>> = {
  file: "file",
  directory: "folder",
  symlink: "a link",
  link: "a hard link",
  "character-device": "a device",
  "block-device": "a device",
  fifo: "a pipe",
};

/** Entries of a tar file, gzipped or not. */
export async function* tarEntries(
  file: FileHandle,
  gzipped: boolean,
  signal: AbortSignal,
): AsyncGenerator<ArchiveEntry> {
  const source = file.createReadStream({ start: 0, autoClose: false, highWaterMark: 1 << 18 });
  const reader = extract();
  let allowed = BESIDE_ARCHIVE;
  async function* measured(blocks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    let read = 0;
    for await (const block of blocks) {
      read += block.byteLength;
      if (read > allowed) throw new Error("it holds more beside its entries than their names need");
      yield block;
    }
  }
  const filling = gzipped
    ? pipeline(source, createGunzip(), measured, reader, { signal })
    : pipeline(source, measured, reader, { signal });
  // The reader fails with the same error, and that is the one which is told.
  filling.catch(() => {});
  for await (const entry of reader) {
    const { name, type, size = 0 } = entry.header;
    // A size that is none would let the library wait for ever.
    if (!Number.isSafeInteger(size) || size < 0) throw new Error(`an entry of it declares ${size} bytes`);
    allowed += size + BESIDE_ENTRY;
    yield { name, kind: kindOf(type), bytes: size, content: () => entry as AsyncIterable<Uint8Array> };
    entry.resume();
  }
  await filling;
}

function kindOf(type: Headers["type"]): string {
  return kinds[type ?? ""] ?? "of a kind that is not unpacked";
}
