import { constants } from "node:fs";
import { type Entry, fromFdPromise } from "yauzl";
import type { ArchiveEntry } from "./entry.js";

const { S_IFMT, S_IFREG, S_IFDIR, S_IFLNK } = constants;
/** What kind of file a Unix mode says it is; archives made elsewhere say nothing. */
const kinds: ReadonlyMap<number, string> = new Map([
  [0, "file"],
  [S_IFREG, "file"],
  [S_IFDIR, "folder"],
  [S_IFLNK, "a link"],
]);

const options = { autoClose: false, lazyEntries: true, decodeStrings: false, validateEntrySizes: false };

/**
 * Entries of a zip file, by its central directory. Names come as they are, since the
 * library would turn a backslash into a slash, and here it is to be refused; bytes are
 * counted by who reads them, who can name the entry.
 */
export async function* zipEntries(fd: number): AsyncGenerator<ArchiveEntry> {
  const zip = await fromFdPromise(fd, options);
  for await (const entry of zip.eachEntry()) {
    const name = entry.fileNameRaw.toString("utf8");
    yield {
      name,
      kind: kindOf(entry, name),
      bytes: entry.uncompressedSize,
      async *content() {
        yield* (await zip.openReadStreamPromise(entry)) as AsyncIterable<Buffer>;
      },
    };
  }
}

function kindOf(entry: Entry, name: string): string {
  if (entry.isEncrypted()) return "encrypted";
  const kind = kinds.get((entry.externalFileAttributes >>> 16) & S_IFMT) ?? "a device or a pipe";
  if (kind === "file" && name.endsWith("/")) return "folder";
  if (kind === "file" && !entry.canDecodeFileData())
    return `compressed by a method that is not read (${entry.compressionMethod})`;
  return kind;
}
