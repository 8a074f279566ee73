import { createHash } from "node:crypto";
import { sha256 } from "../core/hash.js";
import { jsonDifference } from "../core/json-difference.js";
import { pacer } from "../runtime/pace.js";
import { sha256OfFile } from "../store/hash-file.js";

/** Where two artefacts of one name differ first. */
export interface Place {
  readonly row: number | null;
  readonly field: string;
  readonly values: readonly [string, string];
}

/** A file, or the dense part of one, that must be the same whether other stages run or not. */
export interface DenseArtefact {
  readonly name: string;
  readonly rows: number;
  /** Whether its bytes are the same on every processor. */
  readonly exact: boolean;
  /** Whether a row belongs to the chunk of that row. */
  readonly byChunk: boolean;
  /** Whether it stands in a run's folder: the export's files hold the same rows again. */
  readonly ofRun: boolean;
  /** Lower-case hex sha256: of the file, or of its dense part. */
  sha256(signal: AbortSignal): Promise<string>;
  /** The first 8 hex digits of each row's sha256. */
  rowHashes(signal: AbortSignal): Promise<string>;
}

/** An artefact of numbers: an array, or an index. */
export interface NumbersArtefact extends DenseArtefact {
  readonly form: "numbers";
  open(): Promise<NumberRows>;
}

/** An artefact of JSON values, one a row. */
export interface JsonArtefact extends DenseArtefact {
  readonly form: "json";
  values(signal: AbortSignal): AsyncIterable<unknown>;
}

export type AnyArtefact = NumbersArtefact | JsonArtefact;

/** Rows of numbers, read from disk as they are needed. */
export interface NumberRows {
  readonly rows: number;
  readonly dim: number;
  readRows(from: number, to: number): Promise<Float32Array | Float64Array>;
  close(): Promise<void>;
}

type About = Pick<DenseArtefact, "name" | "rows" | "exact" | "byChunk" | "ofRun">;

/** A file of numbers. */
export function numbersArtefact(about: About, path: string, open: () => Promise<NumberRows>): NumbersArtefact {
  return {
    ...about,
    form: "numbers",
    open,
    sha256: (signal) => sha256OfFile(path, signal),
    async rowHashes(signal) {
      const hashes: string[] = [];
      for await (const { data, dim, rows } of blocks(open, signal)) {
        for (let r = 0; r < rows; r++) {
          const row = data.subarray(r * dim, (r + 1) * dim);
          hashes.push(sha256(new Uint8Array(row.buffer, row.byteOffset, row.byteLength)).slice(0, 8));
        }
      }
      return hashes.join("");
    },
  };
}

/**
 * A file of JSON values.
 *
 * @param path the file, where all of it counts; null where `values` gives a part of it
 */
export function jsonArtefact(about: About, path: string | null, values: JsonArtefact["values"]): JsonArtefact {
  return {
    ...about,
    form: "json",
    values,
    async sha256(signal) {
      if (path !== null) return sha256OfFile(path, signal);
      const hash = createHash("sha256");
      const pace = pacer(signal);
      for await (const value of values(signal)) {
        hash.update(`${JSON.stringify(value)}\n`);
        const turn = pace();
        if (turn) await turn;
      }
      return hash.digest("hex");
    },
    async rowHashes(signal) {
      const hashes: string[] = [];
      for await (const value of values(signal)) hashes.push(sha256(JSON.stringify(value)).slice(0, 8));
      return hashes.join("");
    },
  };
}

/** Where two artefacts differ first; null where their rows are the same. */
export async function firstDifference(a: AnyArtefact, b: AnyArtefact, signal: AbortSignal): Promise<Place | null> {
  if (a.form === "numbers" && b.form === "numbers") return numbersDifference(a, b, signal);
  if (a.form === "json" && b.form === "json") return valuesDifference(a.values(signal), b.values(signal));
  return { row: null, field: "form", values: [a.form, b.form] };
}

async function numbersDifference(a: NumbersArtefact, b: NumbersArtefact, signal: AbortSignal): Promise<Place | null> {
  const other = await b.open();
  try {
    let shape = "";
    for await (const { data, from, rows, dim, all } of blocks(a.open, signal)) {
      shape = `${all} x ${dim}`;
      if (other.dim !== dim || other.rows !== all)
        return { row: null, field: "shape", values: [shape, `${other.rows} x ${other.dim}`] };
      const theirs = await other.readRows(from, from + rows);
      for (let i = 0; i < data.length; i++) {
        if (Object.is(data[i], theirs[i])) continue;
        const field = `dimension ${i % dim}`;
        return { row: from + Math.floor(i / dim), field, values: [String(data[i]), String(theirs[i])] };
      }
    }
    return null;
  } finally {
    await other.close();
  }
}

const BLOCK_NUMBERS = 1 << 16;

async function* blocks(open: () => Promise<NumberRows>, signal: AbortSignal) {
  const source = await open();
  const step = Math.max(1, Math.floor(BLOCK_NUMBERS / source.dim));
  try {
    for (let from = 0; from < source.rows || from === 0; from += step) {
      signal.throwIfAborted();
      const to = Math.min(source.rows, from + step);
      yield { from, rows: to - from, dim: source.dim, all: source.rows, data: await source.readRows(from, to) };
    }
  } finally {
    await source.close();
  }
}

async function valuesDifference(a: AsyncIterable<unknown>, b: AsyncIterable<unknown>): Promise<Place | null> {
  const others = b[Symbol.asyncIterator]();
  let row = 0;
  try {
    for await (const value of a) {
      const { value: other, done } = await others.next();
      if (done) return { row, field: "rows", values: ["more rows", `${row} rows`] };
      if (JSON.stringify(value) !== JSON.stringify(other)) {
        const found = jsonDifference(value, other);
        if (!found) return { row, field: "order of keys", values: [JSON.stringify(value), JSON.stringify(other)] };
        return { row, field: found.path || "value", values: [words(found.a), words(found.b)] };
      }
      row++;
    }
    return (await others.next()).done ? null : { row, field: "rows", values: [`${row} rows`, "more rows"] };
  } finally {
    await others.return?.();
  }
}

function words(value: unknown): string {
  return JSON.stringify(value) ?? "nothing";
}
