/** How the test hub misbehaves: the faults, the queue they wait in, and what each does to an answer. */

/** Which answer a fault changes; `bytes` is the one that carries a file, from the CDN or of a small file. */
export type Where = "info" | "tree" | "resolve" | "bytes";

export type Fault =
  /** Another status: 429 or 503 with Retry-After in seconds or as an HTTP date, 403, 500. */
  | { readonly kind: "status"; readonly status: number; readonly retryAfter?: number | string }
  /** A page of HTML with status 200, as a captive portal or a proxy gives. */
  | { readonly kind: "html" }
  /** A redirect to any address. */
  | { readonly kind: "redirect"; readonly to: string; readonly status?: number }
  /** A redirect that leads to redirects for ever. */
  | { readonly kind: "loop" }
  /** Sets headers; null takes one away. */
  | { readonly kind: "headers"; readonly set: Readonly<Record<string, string | null>> }
  /** The connection is reset before any header. */
  | { readonly kind: "reset" }
  /** The connection stays open and nothing comes, no header either. */
  | { readonly kind: "silent" }
  /** The socket is destroyed after so many bytes of the body; a reset may take back bytes that the client has not read. */
  | { readonly kind: "cut"; readonly after: number; readonly how?: "close" | "reset" }
  /** An orderly end after so many bytes, under a Content-Length that promises more. */
  | { readonly kind: "short"; readonly after: number }
  /** Headers and so many bytes, then silence on an open connection. */
  | { readonly kind: "stall"; readonly after: number }
  /** So many bytes every so many milliseconds. */
  | { readonly kind: "slow"; readonly bytes: number; readonly every: number }
  /** The body, then more without end, chunked; ends with the connection. */
  | { readonly kind: "endless" }
  /** The file is so many bytes longer, or shorter where negative; every header agrees with that. */
  | { readonly kind: "size"; readonly by: number }
  /** One byte of the file is another: the one in the middle, if none is named. */
  | { readonly kind: "flip"; readonly at?: number }
  /** 200 and the whole file in answer to a Range. */
  | { readonly kind: "ignoreRange" }
  /** 206 of a range that starts so many bytes later, or earlier; Content-Range says so. */
  | { readonly kind: "wrongRange"; readonly by: number }
  /** 416 in answer to a Range that is right. */
  | { readonly kind: "unsatisfiable" }
  /** JSON that is none, that is nested so deep, or that is valid and so many bytes long. */
  | { readonly kind: "garbage" }
  | { readonly kind: "deep"; readonly levels: number }
  | { readonly kind: "large"; readonly bytes: number }
  /** Any other body, with the headers of the right one. */
  | { readonly kind: "body"; readonly body: string };

export interface FaultOptions {
  /** How often it happens: once, if not said. */
  readonly times?: number | "always";
  /** How many answers it would fit are left alone first. */
  readonly skip?: number;
  /** Which answers; if not said, those that carry a file for faults of a body, the tree for JSON, else any. */
  readonly where?: Where;
  /** If not said, GET for faults of a body, else any. */
  readonly method?: "GET" | "HEAD";
}

/** What a request asks for, as far as faults are chosen by it. */
export interface Asked {
  readonly repo: string | null;
  readonly path: string | null;
  readonly where: readonly Where[];
  readonly method: string;
  readonly ranged: boolean;
}

export interface MisbehaviourHandle {
  /** How often it has happened. */
  readonly happened: number;
  /** It happens no more. */
  stop(): void;
}

export interface FaultQueue {
  add(target: string, faults: Fault | readonly Fault[], options?: FaultOptions): MisbehaviourHandle;
  /** The faults of the first in the queue that fits; uses it up once. */
  take(asked: Asked): readonly Fault[];
  clear(): void;
}

const ofBody = [
  "cut",
  "short",
  "stall",
  "slow",
  "endless",
  "size",
  "flip",
  "ignoreRange",
  "wrongRange",
  "unsatisfiable",
];
const ofRange = ["ignoreRange", "wrongRange", "unsatisfiable"];
const ofJson = ["garbage", "deep", "large"];

/** A queue of faults. A target is a file's path, a repository's id, or `*`. */
export function faultQueue(): FaultQueue {
  let waiting: ((asked: Asked) => readonly Fault[] | null)[] = [];
  return {
    add(target, given, { times = 1, skip = 0, ...options } = {}) {
      const faults = "kind" in given ? [given] : given;
      const some = (kinds: readonly string[]) => faults.some(({ kind }) => kinds.includes(kind));
      const where = options.where ?? (some(ofBody) ? "bytes" : some(ofJson) ? "tree" : null);
      const method = options.method ?? (some(ofBody) || some(ofJson) ? "GET" : null);
      let left = times === "always" ? Number.POSITIVE_INFINITY : times;
      let toSkip = skip;
      let happened = 0;
      waiting.push((asked) => {
        if (left <= 0 || (target !== "*" && target !== asked.path && target !== asked.repo)) return null;
        if ((where && !asked.where.includes(where)) || (method && method !== asked.method)) return null;
        if ((some(ofRange) && !asked.ranged) || toSkip-- > 0) return null;
        left--;
        happened++;
        return faults;
      });
      return {
        get happened() {
          return happened;
        },
        stop() {
          left = 0;
        },
      };
    },
    take(asked) {
      for (const fits of waiting) {
        const faults = fits(asked);
        if (faults) return faults;
      }
      return [];
    },
    clear() {
      waiting = [];
    },
  };
}

/** The file that is served instead: longer, shorter, or with one other byte. */
export function spoiltFile(bytes: Buffer, faults: readonly Fault[]): Buffer {
  let spoilt = bytes;
  for (const fault of faults) {
    if (fault.kind === "size")
      spoilt = fault.by < 0 ? spoilt.subarray(0, fault.by) : Buffer.concat([spoilt, Buffer.alloc(fault.by, "+")]);
    if (fault.kind === "flip" && spoilt.length > 0) {
      const at = fault.at ?? Math.floor(spoilt.length / 2);
      spoilt = Buffer.from(spoilt);
      spoilt.writeUInt8(spoilt.readUInt8(at) ^ 0xff, at);
    }
  }
  return spoilt;
}

/** What is served in place of the right JSON, or null. */
export function spoiltBody(faults: readonly Fault[]): Buffer | null {
  for (const fault of faults) {
    if (fault.kind === "garbage") return Buffer.from('[{"type":"file","path":');
    if (fault.kind === "deep") return Buffer.from("[".repeat(fault.levels) + "]".repeat(fault.levels));
    if (fault.kind === "large") return Buffer.from(`["${"x".repeat(Math.max(0, fault.bytes - 4))}"]`);
    if (fault.kind === "body") return Buffer.from(fault.body);
  }
  return null;
}
