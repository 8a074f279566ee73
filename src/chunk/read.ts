import { createHash } from "node:crypto";
import type { Stats } from "node:fs";
import { open } from "node:fs/promises";
import { TextDecoder } from "node:util";
import { binaryDocument, documentTooLarge, documentUnreadable, notUtf8, RagError } from "../core/errors.js";
import type { FoundDocument } from "./find.js";
import { firstBadByte } from "./utf8.js";

/** A document as it was read. */
export interface DocumentText {
  /** The text, decoded from UTF-8 without a byte order mark; line endings as they are. All offsets count its UTF-16 code units. */
  readonly source: string;
  readonly bytes: number;
  /** Of the file's bytes, a byte order mark included. */
  readonly sha256: string;
  /** How the file looked before it was read. */
  readonly file: Stats;
}

/** Largest document by default: 64 MiB. Its text takes twice that in memory, or once where it is Latin. */
export const MAX_DOCUMENT_BYTES = 64 * 2 ** 20;

const SLICE = 2 ** 20;

/**
 * Reads a document, a megabyte at a time so that hashing and decoding hold the event loop for a millisecond only.
 *
 * @throws RagError `document_unreadable`, `document_too_large`, `not_utf8`, `binary_document`
 */
export async function readDocument(
  { path, document }: FoundDocument,
  maxBytes = MAX_DOCUMENT_BYTES,
): Promise<DocumentText> {
  try {
    const { slices, file } = await readSlices(path, document, maxBytes);
    const hash = createHash("sha256");
    const decoder = new TextDecoder("utf-8", { fatal: true });
    const texts: string[] = [];
    let bytes = 0;
    for (const slice of slices) {
      hash.update(slice);
      texts.push(decode(decoder, slice, slices, document));
      bytes += slice.length;
      await new Promise((resolve) => setImmediate(resolve));
    }
    texts.push(decode(decoder, null, slices, document));
    const source = texts.join("");
    const nul = source.indexOf("\0");
    if (nul !== -1) throw binaryDocument(document, nul);
    return { source, bytes, sha256: hash.digest("hex"), file };
  } catch (error) {
    throw error instanceof RagError ? error : documentUnreadable(document, path, error);
  }
}

/** The file's bytes; a file that grew over the limit while it was read is too large as well. */
async function readSlices(
  path: string,
  document: string,
  maxBytes: number,
): Promise<{ slices: Buffer[]; file: Stats }> {
  const file = await open(path, "r");
  try {
    const stats = await file.stat();
    const { size } = stats;
    if (size > maxBytes) throw documentTooLarge(document, size, maxBytes);
    const slices: Buffer[] = [];
    for (let bytes = 0; ; ) {
      const room = Math.min(SLICE, Math.max(size - bytes, 0) + 1);
      const { buffer, bytesRead } = await file.read(Buffer.allocUnsafe(room), 0, room, bytes);
      if (bytesRead === 0) return { slices, file: stats };
      bytes += bytesRead;
      if (bytes > maxBytes) throw documentTooLarge(document, bytes, maxBytes);
      slices.push(buffer.subarray(0, bytesRead));
    }
  } finally {
    await file.close();
  }
}

function decode(decoder: TextDecoder, slice: Buffer | null, slices: readonly Buffer[], document: string): string {
  try {
    return slice ? decoder.decode(slice, { stream: true }) : decoder.decode();
  } catch {
    const all = Buffer.concat(slices);
    const at = firstBadByte(all);
    throw notUtf8(document, at, all[at] ?? 0, all.subarray(0, 2).toString("hex"));
  }
}
