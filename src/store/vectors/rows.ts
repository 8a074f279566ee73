import type { DatabaseSync } from "node:sqlite";
import { isRow, type RowSpace, sealed, unsealed } from "./payload.js";

/** Bytes of a text's hash. */
export const KEY_BYTES = 32;

/** When a row was used: by a counter that only grows, and by the clock, which may run backwards. */
export interface Mark {
  readonly used: number;
  /** Seconds since 1970. */
  readonly at: number;
}

/** The rows of a database. What writes wants a transaction around it. Texts are hashes of 32 bytes, one after the other. */
export interface Rows {
  /** 1 for each text that has a row. */
  known(space: RowSpace, texts: Uint8Array): Uint8Array;
  /** The payload of each row, null where there is none; `damaged` lists those that failed their checksum. */
  take(space: RowSpace, texts: Uint8Array): { readonly payloads: (Uint8Array | null)[]; readonly damaged: number[] };
  /** Marks rows as used, where they were not by this pass already. */
  touch(space: RowSpace, texts: Uint8Array, rows: readonly number[], mark: Mark): void;
  /** Writes rows, in place of those that are there; what is no row of its space is left out. Returns how many were written. */
  keep(space: RowSpace, texts: Uint8Array, payloads: readonly Uint8Array[], mark: Mark): number;
  remove(space: RowSpace, texts: Uint8Array, rows: readonly number[]): void;
  /** A mark above all that were given before. */
  nextMark(): Mark;
}

/** Prepares the statements of a connection. @throws SQLite's own errors */
export function prepareRows(db: DatabaseSync): Rows {
  const findSpace = db.prepare("SELECT id FROM spaces WHERE hash = ?");
  const addSpace = db.prepare("INSERT INTO spaces (hash, model, dtype, output, width) VALUES (?, ?, ?, ?, ?)");
  const findKey = db.prepare("SELECT vector FROM keys WHERE space = ? AND text = ?");
  // One statement sees one state of the file: between two, another process may put a row in the place of this one.
  const readVector = db.prepare(
    "SELECT data FROM keys LEFT JOIN vectors ON vectors.id = keys.vector WHERE space = ? AND text = ?",
  );
  const touchKey = db.prepare("UPDATE keys SET used = ?, at = ? WHERE space = ? AND text = ? AND used < ?");
  const addKey = db.prepare("INSERT INTO keys (space, text, vector, bytes, used, at) VALUES (?, ?, ?, ?, ?, ?)");
  const addVector = db.prepare("INSERT INTO vectors (data) VALUES (?)");
  const removeKey = db.prepare("DELETE FROM keys WHERE space = ? AND text = ?");
  const removeVector = db.prepare("DELETE FROM vectors WHERE id = ?");
  const countPass = db.prepare("UPDATE meta SET value = value + 1 WHERE name = 'pass' RETURNING value");

  const spaceId = ({ hash }: RowSpace) => (findSpace.get(hash) as { id: number } | undefined)?.id;
  const vectorId = (space: number, text: Uint8Array) =>
    (findKey.get(space, text) as { vector: number } | undefined)?.vector;
  const drop = (space: number, text: Uint8Array) => {
    const vector = vectorId(space, text);
    if (vector === undefined) return;
    removeVector.run(vector);
    removeKey.run(space, text);
  };

  return {
    known(space, texts) {
      const id = spaceId(space);
      const known = new Uint8Array(texts.byteLength / KEY_BYTES);
      if (id === undefined) return known;
      return known.map((_, i) => (vectorId(id, textAt(texts, i)) === undefined ? 0 : 1));
    },
    take(space, texts) {
      const payloads: (Uint8Array | null)[] = new Array(texts.byteLength / KEY_BYTES).fill(null);
      const damaged: number[] = [];
      const id = spaceId(space);
      if (id === undefined) return { payloads, damaged };
      for (let i = 0; i < payloads.length; i++) {
        const text = textAt(texts, i);
        const row = readVector.get(id, text) as { data: Uint8Array | null } | undefined;
        if (row === undefined) continue;
        const payload = row.data ? unsealed(space.hash, text, row.data) : null;
        if (payload !== null && isRow(space, payload)) payloads[i] = payload;
        else damaged.push(i);
      }
      return { payloads, damaged };
    },
    touch(space, texts, rows, { used, at }) {
      const id = spaceId(space);
      if (id !== undefined) for (const i of rows) touchKey.run(used, at, id, textAt(texts, i), used);
    },
    keep(space, texts, payloads, { used, at }) {
      const { hash, model, dtype, output, width } = space;
      const id = spaceId(space) ?? Number(addSpace.run(hash, model, dtype, output, width).lastInsertRowid);
      let written = 0;
      for (const [i, payload] of payloads.entries()) {
        if (!isRow(space, payload)) continue;
        const text = textAt(texts, i);
        drop(id, text);
        const { lastInsertRowid } = addVector.run(sealed(hash, text, payload));
        addKey.run(id, text, lastInsertRowid, payload.byteLength, used, at);
        written++;
      }
      return written;
    },
    remove(space, texts, rows) {
      const id = spaceId(space);
      if (id !== undefined) for (const i of rows) drop(id, textAt(texts, i));
    },
    nextMark: () => ({ used: (countPass.get() as { value: number }).value, at: Math.floor(Date.now() / 1000) }),
  };
}

function textAt(texts: Uint8Array, i: number): Uint8Array {
  return texts.subarray(i * KEY_BYTES, (i + 1) * KEY_BYTES);
}
