import { open } from "node:fs/promises";
import type { Archive, Refuse } from "./entry.js";
import { tarEntries } from "./tar.js";
import { zipEntries } from "./zip.js";

/** Where a tar file says what it is. */
const TAR_MAGIC = { text: "ustar", at: 257 };

/**
 * Opens an archive by what is in it, whatever its name: zip, tar or gzipped tar.
 *
 * @throws what `refuse` makes
 */
export async function openArchive(path: string, refuse: Refuse): Promise<Archive> {
  const file = await open(path, "r").catch((cause: Error) => {
    throw refuse(null, `it can't be read (${cause.message})`, cause);
  });
  try {
    const head = Buffer.alloc(TAR_MAGIC.at + TAR_MAGIC.text.length);
    await file.read(head, 0, head.length, 0);
    const begins = head.toString("latin1");
    const close = () => file.close();
    if (begins.startsWith("PK\x03\x04")) return { path, entries: () => zipEntries(file.fd), close };
    const gzipped = begins.startsWith("\x1f\x8b");
    if (gzipped || begins.startsWith(TAR_MAGIC.text, TAR_MAGIC.at))
      return { path, entries: (signal) => tarEntries(file, gzipped, signal), close };
  } catch (cause) {
    await file.close();
    throw refuse(null, `it can't be read (${(cause as Error).message})`, cause);
  }
  await file.close();
  throw refuse(null, "it is no zip file, tar file or gzipped tar file");
}
