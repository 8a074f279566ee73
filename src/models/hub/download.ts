import { createHash, type Hash } from "node:crypto";
import { createReadStream } from "node:fs";
import { type FileHandle, mkdir, open, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { hubAnswerBad, modelCacheWriteFailed } from "../../core/errors.js";
import type { HubFile } from "../../schema/hub-api.js";
import { type HubAccess, Transient, WrongAnswer } from "./access.js";
import { askHub, type HubAnswer } from "./request.js";
import { type Retries, withRetries } from "./retry.js";

/** A file to fetch: where it is on the hub. */
export interface Wanted {
  readonly hubId: string;
  readonly revision: string;
  readonly file: HubFile;
}

/** What a finished download was. */
export interface Downloaded {
  readonly sha256: string;
  /** Bytes that an earlier attempt had left on disk. */
  readonly resumedBytes: number;
}

/**
 * Fetches one file into `partial`, behind the bytes that stand there, and checks
 * size and hash. What is on disk after a kill is gone on from; a file whose hash is
 * wrong is begun anew once, since the fault may lie in what an earlier attempt left.
 *
 * @param onBytes how many bytes of the file are on disk now
 * @throws RagError `hub_answer_bad` (wrong size or hash, twice), `model_cache_write_failed`, those of the request
 */
export async function downloadFile(
  access: HubAccess,
  wanted: Wanted,
  partial: string,
  retries: Retries,
  signal: AbortSignal,
  onBytes: (onDisk: number) => void,
): Promise<Downloaded> {
  const { hubId, revision, file } = wanted;
  const what = `${file.path} of ${hubId}`;
  const url = `${access.endpoint}/${hubId}/resolve/${revision}/${file.path}`;
  const out = await openPartial(partial, file, signal);
  const resumedBytes = out.bytes;
  try {
    for (let mismatches = 0; ; ) {
      onBytes(out.bytes);
      await withRetries(access, what, retries, signal, async (progressed) => {
        if (out.bytes === file.bytes) return;
        const range: Record<string, string> = out.bytes > 0 ? { range: `bytes=${out.bytes}-` } : {};
        const answer = await askHub(access, url, what, range, signal);
        try {
          if (checkAnswer(answer, file, out.bytes) === "from the start") await out.restart();
          await receive(answer, file, out, () => {
            progressed();
            onBytes(out.bytes);
          });
        } finally {
          answer.cancel();
        }
      });
      const { expected, found, sha256 } = await out.finish();
      if (found === expected) return { sha256, resumedBytes: mismatches > 0 ? 0 : resumedBytes };
      await out.restart();
      if (mismatches++ > 0)
        throw hubAnswerBad(
          what,
          access.endpoint,
          `the file's ${file.digest.kind} is ${found}, it should be ${expected}`,
        );
    }
  } finally {
    await out.close();
  }
}

/**
 * Whether a file on disk is what the hub lists: its sha256, or null where it is not there or is something else.
 *
 * @throws what the signal aborts with
 */
export async function sha256OfWhole(path: string, file: HubFile, signal: AbortSignal): Promise<string | null> {
  const hashes = begin(file.bytes, file.digest.kind);
  try {
    if ((await stat(path)).size !== file.bytes) return null;
    for await (const block of createReadStream(path, { highWaterMark: 1 << 20, signal }))
      for (const hash of hashes) hash.update(block as Buffer);
  } catch (error) {
    if (signal.aborted) throw signal.reason;
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw modelCacheWriteFailed(path, error);
  }
  const { found, sha256 } = digests(hashes);
  return found === file.digest.hex ? sha256 : null;
}

/** Takes the body as it comes. More than the file has is a wrong answer at once, so that an endless one ends. */
async function receive(answer: HubAnswer, file: HubFile, out: Partial, wrote: () => void): Promise<void> {
  for await (const piece of answer.body()) {
    if (out.bytes + piece.byteLength > file.bytes) {
      await out.restart();
      throw new WrongAnswer(`it sent more than the ${file.bytes} bytes that the file has`);
    }
    await out.write(piece);
    wrote();
  }
  if (out.bytes < file.bytes) throw new Transient(`the connection ended after ${out.bytes} of ${file.bytes} bytes`);
}

/** Whether the answer goes on behind what is there. @throws WrongAnswer */
function checkAnswer({ status, header }: HubAnswer, file: HubFile, have: number): "behind" | "from the start" {
  const type = header("content-type") ?? "";
  const encoding = header("content-encoding") ?? "identity";
  const length = header("content-length");
  if (/^text\/html\b/i.test(type)) throw new WrongAnswer("it sent a web page in place of the file");
  if (encoding !== "identity") throw new WrongAnswer(`it sent the file as ${JSON.stringify(encoding.slice(0, 30))}`);
  if (status === 416) throw new WrongAnswer(`it has no byte ${have} of a file of ${file.bytes} bytes`);
  if (status === 206) {
    const range = /^bytes (\d+)-\d+\/(\d+|\*)$/.exec(header("content-range") ?? "");
    if (Number(range?.[1]) !== have)
      throw new WrongAnswer(`it was asked for the bytes from ${have} on and sent others`);
    if (range?.[2] !== "*" && Number(range?.[2]) !== file.bytes)
      throw new WrongAnswer(`it says that the file has ${range?.[2]} bytes, its listing says ${file.bytes}`);
    return "behind";
  }
  if (length !== null && Number(length) !== file.bytes)
    throw new WrongAnswer(`it says that the file has ${length} bytes, its listing says ${file.bytes}`);
  return "from the start";
}

/** A file in the making, and the hashes of what is in it. */
interface Partial {
  readonly bytes: number;
  write(piece: Uint8Array): Promise<void>;
  /** Forgets everything written so far. */
  restart(): Promise<void>;
  /** Makes it durable. */
  finish(): Promise<{ expected: string; found: string; sha256: string }>;
  close(): Promise<void>;
}

async function openPartial(path: string, { bytes: size, digest }: HubFile, signal: AbortSignal): Promise<Partial> {
  const guard = async <T>(work: () => Promise<T>): Promise<T> => {
    try {
      return await work();
    } catch (cause) {
      if (signal.aborted) throw signal.reason;
      throw modelCacheWriteFailed(path, cause);
    }
  };
  const file: FileHandle = await guard(async () => {
    await mkdir(dirname(path), { recursive: true });
    return open(path, "r+").catch(() => open(path, "w+"));
  });
  let bytes = 0;
  let hashes = begin(size, digest.kind);
  const restart = () =>
    guard(async () => {
      await file.truncate(0);
      bytes = 0;
      hashes = begin(size, digest.kind);
    });
  try {
    if ((await file.stat()).size > size) await restart();
    // Hashed again rather than remembered: after a power cut it may not be what was written.
    const buffer = Buffer.allocUnsafe(1 << 20);
    for (;;) {
      signal.throwIfAborted();
      const { bytesRead } = await guard(() => file.read(buffer, 0, buffer.length, bytes));
      if (bytesRead === 0) break;
      for (const hash of hashes) hash.update(buffer.subarray(0, bytesRead));
      bytes += bytesRead;
    }
  } catch (error) {
    await file.close();
    throw error;
  }
  return {
    get bytes() {
      return bytes;
    },
    write: (piece) =>
      guard(async () => {
        for (let done = 0; done < piece.byteLength; )
          done += (await file.write(piece, done, piece.byteLength - done, bytes + done)).bytesWritten;
        for (const hash of hashes) hash.update(piece);
        bytes += piece.byteLength;
      }),
    restart,
    finish: () =>
      guard(async () => {
        await file.sync();
        return { expected: digest.hex, ...digests(hashes) };
      }),
    close: () => file.close(),
  };
}

/** sha256 first; behind it git's hash of a blob where the hub names the file by that. */
function begin(size: number, kind: HubFile["digest"]["kind"]): Hash[] {
  const sha256 = createHash("sha256");
  return kind === "sha256" ? [sha256] : [sha256, createHash("sha1").update(`blob ${size}\0`)];
}

function digests(hashes: readonly Hash[]): { found: string; sha256: string } {
  const [sha256, other] = hashes.map((hash) => hash.digest("hex")) as [string, string | undefined];
  return { found: other ?? sha256, sha256 };
}
