import { extname } from "node:path";
import { contentId } from "../core/hash.js";
import { pacer } from "../runtime/pace.js";
import type { Chunk, DocumentRecord } from "../schema/types.js";
import { blankOutside } from "./account.js";
import { FORMATS, type FoundDocument } from "./find.js";
import { headingReader } from "./heading.js";
import { createMeter, type SplitOptions, type TokenLimit } from "./meter.js";
import { readDocument } from "./read.js";
import { splitDocument } from "./split.js";

/** A document and its chunks. Every character is in exactly one own span (`ownStart .. end`), or blank. */
export interface ChunkedDocument {
  readonly record: DocumentRecord;
  readonly chunks: readonly Chunk[];
  /** White space in no chunk's own span, in UTF-16 code units. */
  readonly blank: number;
}

/** How a walk over documents goes on. */
export interface ChunkWalk {
  readonly signal?: AbortSignal;
  /** Called with each document before it is read. */
  readonly onDocument?: (found: FoundDocument, index: number) => void;
  /** Largest document, in bytes. Default: 64 MiB. */
  readonly maxBytes?: number;
}

/**
 * Cuts documents into chunks, one document at a time: what is in memory is one
 * document. Lets the event loop turn every 8 ms, also inside a document.
 *
 * @param limits the models that chunks are for; no chunk is longer than any of them allows
 * @throws RagError what `readDocument`, `splitDocument` and `createMeter` throw, and whatever the signal aborts with
 */
export async function* chunkDocuments(
  files: readonly FoundDocument[],
  limits: readonly TokenLimit[],
  options: SplitOptions = {},
  walk: ChunkWalk = {},
): AsyncGenerator<ChunkedDocument> {
  const meter = createMeter(limits, options);
  const headingText = await headingReader();
  const pace = pacer(walk.signal);
  for (const [index, found] of files.entries()) {
    walk.signal?.throwIfAborted();
    walk.onDocument?.(found, index);
    const { source, bytes, sha256 } = await readDocument(found, walk.maxBytes);
    const { document } = found;
    const documentId = contentId("doc", { document, sha256 });
    const format = FORMATS[extname(found.path).toLowerCase()] ?? "text";
    const chunks: Chunk[] = [];
    for (const chunk of splitDocument({ document, documentId, source, format }, meter, headingText)) {
      if (chunk) chunks.push(chunk);
      const turn = pace();
      if (turn) await turn;
    }
    const blank = blankOutside(document, source, chunks);
    const record = { document, documentId, sha256, bytes, characters: source.length, chunks: chunks.length };
    yield { record, chunks, blank };
  }
}
