import { RagError } from "../core/errors.js";
import type { ArchiveEntry, Refuse } from "./entry.js";

/**
 * What is in an entry, and no byte beyond what it declares.
 *
 * @throws what `refuse` makes
 */
export async function* contentOf(entry: ArchiveEntry, refuse: Refuse): AsyncGenerator<Uint8Array> {
  let bytes = 0;
  try {
    for await (const block of entry.content()) {
      bytes += block.byteLength;
      if (bytes > entry.bytes) throw refuse(entry.name, `holds more than the ${entry.bytes} bytes that it declares`);
      yield block;
    }
  } catch (error) {
    throw error instanceof RagError ? error : refuse(entry.name, `is damaged (${(error as Error).message})`, error);
  }
  if (bytes < entry.bytes) throw refuse(entry.name, `ends after ${bytes} of the ${entry.bytes} bytes that it declares`);
}
