/** An answer of the test hub before it is sent, and the faults that change one. */
import { gzipSync } from "node:zlib";
import { type Fault, spoiltBody, spoiltFile } from "./faults.ts";
import type { HubFile } from "./repos.ts";

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
  /** Where the body begins in a file and where that file ends, for the count of what was sent; null where it is no file. */
  readonly of?: { readonly from: number; readonly size: number; readonly packed: boolean };
  /** How much of the body is sent before its end, and what its end is. */
  readonly after?: number;
  readonly end?: "close" | "reset" | "shut" | "stall" | "endless";
  readonly pace?: { readonly bytes: number; readonly every: number };
  /** Nothing at all is sent. */
  readonly mute?: "reset" | "silent";
}

const text = (status: number, body: string, headers: Readonly<Record<string, string>> = {}): Answer => ({
  status,
  headers: {
    "Content-Type": "text/plain; charset=utf-8",
    "Content-Length": String(Buffer.byteLength(body)),
    ...headers,
  },
  body: Buffer.from(body),
});

/** JSON with status 200, or what a fault puts in its place. */
export function jsonAnswer(
  value: unknown,
  faults: readonly Fault[],
  headers: Readonly<Record<string, string>>,
): Answer {
  const body = spoiltBody(faults) ?? spoiltFile(Buffer.from(JSON.stringify(value)), faults);
  return {
    status: 200,
    headers: { "Content-Type": "application/json; charset=utf-8", "Content-Length": String(body.length), ...headers },
    body,
  };
}

/** An error as the hub gives it: its code and words in headers, its words in the body. */
export function errorAnswer(status: number, code: string | null, message: string, commit?: string): Answer {
  const body = JSON.stringify({ error: message });
  return text(status, body, {
    "Content-Type": "application/json; charset=utf-8",
    ...(code === null ? {} : { "X-Error-Code": code }),
    "X-Error-Message": message,
    ...(commit === undefined ? {} : { "X-Repo-Commit": commit }),
  });
}

export function redirectAnswer(status: number, to: string, headers: Readonly<Record<string, string>> = {}): Answer {
  return text(status, `Redirecting to ${to}`, { Location: to, ...headers });
}

type Range = { readonly from: number; readonly to: number } | "none" | "outside";

/** One range of a file, its end excluded. What is no range, or several, is none: RFC 9110 lets a server ignore it. */
function rangeIn(size: number, header: string | undefined, faults: readonly Fault[]): Range {
  if (faults.some(({ kind }) => kind === "unsatisfiable")) return "outside";
  const [, first = "", last = ""] = /^bytes=(\d*)-(\d*)$/.exec(header ?? "") ?? [];
  if ((first === "" && last === "") || faults.some(({ kind }) => kind === "ignoreRange")) return "none";
  if (first !== "" && last !== "" && Number(last) < Number(first)) return "none";
  let from = first === "" ? Math.max(0, size - Number(last)) : Number(first);
  const to = first === "" || last === "" ? size : Math.min(size, Number(last) + 1);
  for (const fault of faults) if (fault.kind === "wrongRange") from = Math.max(0, from + fault.by);
  return from >= size || from >= to ? "outside" : { from, to };
}

/** What of a request decides how a file is served. */
export interface FileRequest {
  readonly range: string | undefined;
  readonly ifRange: string | undefined;
  readonly ifNoneMatch: string | undefined;
  /** The client takes gzip and this server gives it, for a small file; a Range is ignored then. */
  readonly gzip: boolean;
}

/** A file's bytes, or the part that is asked for. */
export function fileAnswer(
  file: HubFile,
  etag: string,
  request: FileRequest,
  faults: readonly Fault[],
  more: Readonly<Record<string, string>>,
): Answer {
  const other = spoiltBody(faults);
  const bytes = other ?? spoiltFile(file.bytes, faults);
  const size = bytes.length;
  const name = file.path.slice(file.path.lastIndexOf("/") + 1);
  const headers = {
    "Content-Type": file.lfs ? "application/octet-stream" : "text/plain; charset=utf-8",
    "Content-Disposition": `inline; filename*=UTF-8''${encodeURIComponent(name)};`,
    "Accept-Ranges": "bytes",
    ETag: etag,
    ...more,
  };
  if (request.ifNoneMatch === etag) return { status: 304, headers, body: Buffer.alloc(0) };
  if (request.gzip) {
    const packed = { ...headers, "Content-Encoding": "gzip", Vary: "Accept-Encoding" };
    return {
      status: 200,
      headers: packed,
      body: gzipSync(bytes),
      of: { from: 0, size: file.bytes.length, packed: true },
    };
  }
  const stale = request.ifRange !== undefined && request.ifRange !== etag;
  const range = rangeIn(size, stale ? undefined : request.range, faults);
  if (range === "outside") return text(416, "Range not satisfiable", { "Content-Range": `bytes */${size}` });
  const { from, to } = range === "none" ? { from: 0, to: size } : range;
  const part = range === "none" ? {} : { "Content-Range": `bytes ${from}-${to - 1}/${size}` };
  return {
    status: range === "none" ? 200 : 206,
    headers: { ...headers, ...part, "Content-Length": String(to - from) },
    body: bytes.subarray(from, to),
    ...(other ? {} : { of: { from, size: file.bytes.length, packed: false } }),
  };
}

/** Changes headers by name, whatever their case; null takes one away. */
function withHeaders(answer: Answer, set: Readonly<Record<string, string | null>>): Answer {
  const names = new Set(Object.keys(set).map((name) => name.toLowerCase()));
  const kept = Object.entries(answer.headers).filter(([name]) => !names.has(name.toLowerCase()));
  const added = Object.entries(set).flatMap(([name, value]) => (value === null ? [] : [[name, value] as const]));
  return { ...answer, headers: Object.fromEntries([...kept, ...added]) };
}

/** What the faults make of an answer; those of a file's bytes and range were applied when it was made. */
export function spoiltAnswer(answer: Answer, faults: readonly Fault[]): Answer {
  return faults.reduce(spoil, answer);
}

function spoil(answer: Answer, fault: Fault): Answer {
  switch (fault.kind) {
    case "status": {
      const retry = fault.retryAfter === undefined ? {} : { "Retry-After": String(fault.retryAfter) };
      return text(fault.status, `status ${fault.status}, as the test asked`, retry);
    }
    case "html":
      return text(200, "<!doctype html><title>Sign in</title><h1>Sign in to this network</h1>", {
        "Content-Type": "text/html; charset=utf-8",
      });
    case "redirect":
      return redirectAnswer(fault.status ?? 302, fault.to);
    case "loop":
      return redirectAnswer(302, "/_test/loop/1");
    case "headers":
      return withHeaders(answer, fault.set);
    case "reset":
    case "silent":
      return { ...answer, mute: fault.kind };
    case "cut":
      return { ...answer, after: fault.after, end: fault.how ?? "close" };
    case "short":
      return { ...withHeaders(answer, { Connection: "close" }), after: fault.after, end: "shut" };
    case "stall":
      return { ...answer, after: fault.after, end: "stall" };
    case "endless":
      return { ...withHeaders(answer, { "Content-Length": null }), end: "endless" };
    case "slow":
      return { ...answer, pace: { bytes: fault.bytes, every: fault.every } };
    default:
      return answer;
  }
}
