import { contentUuid, sha256 } from "../core/hash.js";
import type { Chunk } from "../schema/types.js";

/** Raised whenever a key changes its meaning. The reference's last one was 1.3. */
export const PAYLOAD_VERSION = "2.0";

/** The id of a chunk's point: a UUID from the chunk's own id, the same on every export. */
export function pointId(chunkId: string): string {
  return contentUuid(chunkId);
}

/**
 * What Qdrant keeps beside a point's vectors: the whole text and where it stands.
 * `row` is the row in every `.npy`, FAISS and JSONL file of the export. Names are
 * the reference's where it has one; `chunk_hash` is the first 16 hex digits of the
 * text's sha256. Offsets are UTF-16 code units.
 */
export function payloadOf(chunk: Chunk, row: number): Record<string, unknown> {
  return {
    text: chunk.text,
    chunk_id: chunk.id,
    document: chunk.document,
    document_id: chunk.documentId,
    document_name: fileName(chunk.document),
    source_path: chunk.document,
    section_path: chunk.sectionPath,
    hierarchy_path: chunk.sectionPath.join(" > "),
    heading: chunk.sectionPath.at(-1) ?? "",
    start: chunk.start,
    own_start: chunk.ownStart,
    end: chunk.end,
    content_type: chunk.contentType,
    token_count: chunk.tokens,
    char_count: chunk.text.length,
    chunk_index: chunk.index,
    row,
    scores: chunk.scores,
    chunk_hash: sha256(chunk.text).slice(0, 16),
    payload_version: PAYLOAD_VERSION,
  };
}

/** A chunk's row in the metadata file: its payload without the text, under the reference's other names too. */
export function metadataOf(chunk: Chunk, row: number): Record<string, unknown> {
  const { text: _, ...payload } = payloadOf(chunk, row);
  return {
    id: pointId(chunk.id),
    ...payload,
    global_chunk_id: row,
    heading_text: payload.heading,
    start_char: chunk.start,
    end_char: chunk.end,
    source_filename: payload.document_name,
    content_digest: sha256(chunk.text),
  };
}

function fileName(document: string): string {
  return document.slice(document.lastIndexOf("/") + 1);
}
