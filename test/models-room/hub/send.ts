/** Writes an answer to its socket and counts what went out. */
import type { IncomingMessage, ServerResponse } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import type { Answer } from "./answers.ts";

/** A request as the hub saw it. While its answer is being sent, the numbers grow. */
export interface SeenRequest {
  readonly host: "hub" | "cdn";
  readonly method: string;
  /** With the query. */
  readonly url: string;
  readonly range: string | null;
  /** The value of the Authorization header, where one came. */
  readonly authorization: string | null;
  /** The repository and file that are asked for, where they are. */
  readonly repo: string | null;
  readonly path: string | null;
  /** Null while no header has been sent. */
  status: number | null;
  /**
   * Bytes of the body that the kernel has taken; the client may not have read them all.
   * Of an answer in gzip these are the packed bytes.
   */
  bytes: number;
  /** The part of the file that these bytes are, its end excluded; null where they are no part of it. */
  sent: [from: number, to: number] | null;
  /** The kinds of the faults it met. */
  readonly faults: readonly string[];
  /** No more will be sent. */
  ended: boolean;
}

const CHUNK = 64 * 1024;

/** True once the kernel has the chunk, false where the connection has gone. */
function write(response: ServerResponse, chunk: Uint8Array, gone: AbortSignal): Promise<boolean> {
  return new Promise((resolve) => {
    if (gone.aborted) return resolve(false);
    const lost = () => resolve(false);
    gone.addEventListener("abort", lost, { once: true });
    response.write(chunk, (error) => {
      gone.removeEventListener("abort", lost);
      resolve(!error);
    });
  });
}

/** Resolves when the connection or the response is over. */
function over(gone: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (gone.aborted) resolve();
    else gone.addEventListener("abort", () => resolve(), { once: true });
  });
}

/** Sends an answer; resolves when nothing of it will be sent any more. */
export async function send(
  request: IncomingMessage,
  response: ServerResponse,
  answer: Answer,
  seen: SeenRequest,
): Promise<void> {
  const closed = new AbortController();
  const gone = closed.signal;
  response.once("close", () => closed.abort());
  response.on("error", () => closed.abort());
  if (request.socket.destroyed) return;
  if (answer.mute === "reset") {
    request.socket.resetAndDestroy();
    return;
  }
  if (answer.mute === "silent") return over(gone);
  response.writeHead(answer.status, answer.headers);
  seen.status = answer.status;
  if (request.method === "HEAD" || answer.status === 304) {
    response.end();
    return;
  }
  response.flushHeaders();
  if (!(await sendBody(response, answer, seen, gone))) return;
  if (answer.end === undefined) response.end();
  else if (answer.end === "shut") request.socket.end();
  else if (answer.end === "close") request.socket.destroy();
  else if (answer.end === "reset") request.socket.resetAndDestroy();
  else if (answer.end === "stall") await over(gone);
  else {
    const more = Buffer.alloc(answer.pace?.bytes ?? CHUNK, "+");
    while (await write(response, more, gone)) {
      seen.bytes += more.length;
      if (answer.pace && !(await pause(answer.pace.every, gone))) return;
    }
  }
}

/** Sends the body up to where the answer breaks off; false where the connection went first. */
async function sendBody(
  response: ServerResponse,
  answer: Answer,
  seen: SeenRequest,
  gone: AbortSignal,
): Promise<boolean> {
  const until = Math.min(answer.after ?? answer.body.length, answer.body.length);
  const step = answer.pace?.bytes ?? CHUNK;
  for (let at = 0; at < until; ) {
    const chunk = answer.body.subarray(at, Math.min(at + step, until));
    if (!(await write(response, chunk, gone))) return false;
    at += chunk.length;
    seen.bytes += chunk.length;
    if (answer.of && !answer.of.packed)
      seen.sent = [answer.of.from, Math.min(answer.of.from + at, Math.max(answer.of.size, answer.of.from))];
    if (answer.of?.packed && at === answer.body.length) seen.sent = [0, answer.of.size];
    if (answer.pace && !(await pause(answer.pace.every, gone))) return false;
  }
  return true;
}

async function pause(milliseconds: number, gone: AbortSignal): Promise<boolean> {
  return sleep(milliseconds, true, { signal: gone }).catch(() => false);
}
