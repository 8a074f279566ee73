import { type Entry, fromFdPromise } from "yauzl";
import type { ArchiveEntry } from "./entry.js";

/** Flags of an entry: encrypted, strongly encrypted, its header hidden by encryption. */
const ENCRYPTED = 0x1 | 0x40 | 0x2000;
/** The part of a Unix mode that says what kind of file it is. */
const KIND = 0o170000;
const kinds: Readonly<Record<number, string>> = {
  0: "file",
  16807: "file",
  9604: "folder",
  21609: "a link",
};

/**
 * Entries of a zip file, by its central directory. Names come as they are: the
 * library would turn a backslash into a slash, and here it is to be refused.
 */
export async function* zipEntries(fd: number): AsyncGenerator<ArchiveEntry> {
  const zip = await fromFdPromise(fd, { autoClose: false, lazyEntries: true, decodeStrings: false });
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
  if ((entry.generalPurposeBitFlag & ENCRYPTED) !== 0) return "encrypted";
  const kind = kinds[(entry.externalFileAttributes >>> 16) & KIND] ?? "a device or a pipe";
  if (kind === "file" && name.endsWith("/")) return "folder";
  if (kind === "file" && !entry.canDecodeFileData())
    return `compressed by a method that is not read (${entry.compressionMethod})`;
  return kind;
}
