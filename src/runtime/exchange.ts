import { randomUUID } from "node:crypto";
import { closeSync, openSync, read, readSync, unlinkSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import type { TokenBatch } from "./types.js";

/**
 * What goes between the two processes beside messages. Token ids and results pass
 * through files of the temporary folder that both have open and that have no name any
 * more: a channel takes many turns of both event loops for what they hold, and the
 * inference process has none while it computes. They are read from memory, never synced,
 * and go with the processes.
 */
export interface Exchange {
  /** For the `stdio` of the process, behind its channel: see {@link FIRST_FD}. */
  readonly files: readonly number[];
  /**
   * Puts what of a batch is not there yet, in the place of what was put last and not begun.
   *
   * @throws Error of the system; then nothing of it is there
   */
  put(batch: readonly TokenBatch[]): Put;
  /** Puts the rest of a batch that is computed now: its place is not touched until the next one begins. @throws Error those of `put` */
  begin(batch: readonly TokenBatch[]): Put;
  /** Results from a place on, in memory of their own. */
  results(at: number, bytes: number): Promise<Uint8Array>;
  /** Closes the files, when nothing is being read. */
  close(): Promise<void>;
}

/** A batch, and where it stands. */
export interface Put {
  readonly batch: readonly TokenBatch[];
  readonly slot: Slot;
  readonly places: readonly Place[];
}

/** Batches stand in two files: one is filled while the other is computed. */
export type Slot = 0 | 1;

/** Where a micro-batch stands in its file: ids (int32), mask and types (a byte each), `[rows, length]`. */
export interface Place {
  readonly rows: number;
  readonly length: number;
  readonly at: number;
}

/** In the inference process the files for both slots have this number and the next, and the one for results the next but one. */
const FIRST_FD = 4;
const RESULTS_FD = FIRST_FD + 2;

const readPart = promisify(read);

/** @throws Error of the system, such as for a temporary folder that is full */
export function openExchange(): Exchange {
  const files = [openNameless(), openNameless(), openNameless()] as const;
  const reading = new Set<Promise<unknown>>();
  let last: { readonly batch: readonly TokenBatch[]; readonly slot: Slot; places: Place[]; end: number } | null = null;
  let begun: Slot = 0;
  let closed = false;

  const put = (batch: readonly TokenBatch[]): Put => {
    // The number of a file that is closed may be another's by now.
    if (closed) throw new Error("the process is gone");
    const mine = last?.batch === batch ? last : ({ batch, slot: begun === 0 ? 1 : 0, places: [], end: 0 } as const);
    const places = [...mine.places];
    let { end } = mine;
    last = null; // Until all of it is there.
    for (const { rows, length, ids, mask, types } of batch.slice(places.length)) {
      places.push({ rows, length, at: end });
      for (const { buffer, byteOffset, byteLength } of [ids, mask, types]) {
        writeAll(files[mine.slot], new Uint8Array(buffer, byteOffset, byteLength), end);
        end += byteLength;
      }
    }
    last = { batch, slot: mine.slot, places, end };
    return last;
  };
  return {
    files,
    put,
    begin(batch) {
      const all = put(batch);
      begun = all.slot;
      return all;
    },
    results(at, bytes) {
      const found = readFrom(files[2], at, bytes).finally(() => reading.delete(found));
      reading.add(found);
      return found;
    },
    async close() {
      closed = true;
      await Promise.allSettled(reading);
      for (const file of files) closeSync(file);
    },
  };
}

/** In the inference process: a micro-batch that was put there. @throws RangeError where it is not all there */
export function takeMicroBatch(slot: Slot, { rows, length, at }: Place): TokenBatch {
  const tokens = rows * length;
  const all = new Uint8Array(6 * tokens);
  for (let got = 0; got < all.length; ) {
    const more = readSync(FIRST_FD + slot, all, got, all.length - got, at + got);
    if (more === 0) throw new RangeError(`only ${got} of ${all.length} bytes of a batch came`);
    got += more;
  }
  return {
    rows,
    length,
    ids: new Int32Array(all.buffer, 0, tokens),
    mask: all.subarray(4 * tokens, 5 * tokens),
    types: all.subarray(5 * tokens),
  };
}

/** In the inference process: hands results over, from a place on. */
export function giveResults(payload: Uint8Array, at: number): void {
  writeAll(RESULTS_FD, payload, at);
}

function openNameless(): number {
  const path = join(tmpdir(), `rag-cells-${randomUUID()}`);
  const file = openSync(path, "wx+", 0o600);
  unlinkSync(path);
  return file;
}

function writeAll(file: number, bytes: Uint8Array, at: number): void {
  for (let done = 0; done < bytes.length; ) done += writeSync(file, bytes, done, bytes.length - done, at + done);
}

async function readFrom(file: number, at: number, bytes: number): Promise<Uint8Array> {
  const all = new Uint8Array(bytes);
  for (let got = 0; got < bytes; ) {
    const { bytesRead } = await readPart(file, all, got, bytes - got, at + got);
    if (bytesRead === 0) throw new RangeError(`they end after ${got} of ${bytes} bytes`);
    got += bytesRead;
  }
  return all;
}
