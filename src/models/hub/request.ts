import type { IncomingMessage } from "node:http";
import { hubDenied, hubNotFound, hubRefused } from "../../core/errors.js";
import { type HubAccess, Transient } from "./access.js";

/** An answer whose body is not read yet. */
export interface HubAnswer {
  readonly status: number;
  /** A header's value, by its lower-case name. */
  header(name: string): string | null;
  /** The body piece by piece; a silence in it is a {@link Transient}. */
  body(): AsyncGenerator<Uint8Array>;
  /** Gives the connection up. */
  cancel(): void;
}

const MOST_REDIRECTS = 5;
/** The system could not connect at all. */
const UNREACHABLE = ["ENOTFOUND", "EAI_AGAIN", "ECONNREFUSED", "ENETUNREACH", "EHOSTUNREACH", "ENETDOWN"];

/**
 * Asks for a URL and follows redirects by hand: the token goes to the hub's own
 * origin and to no other, and a secure address never leads to an insecure one.
 *
 * @param what names the thing in errors, such as `onnx/model.onnx of acme/tiny`
 * @throws Transient, RagError `hub_denied`, `hub_not_found`, `hub_refused`, or what the signal aborts with
 */
export async function askHub(
  access: HubAccess,
  url: string,
  what: string,
  headers: Readonly<Record<string, string>>,
  signal: AbortSignal,
): Promise<HubAnswer> {
  const own = new URL(access.endpoint).origin;
  let at = new URL(url);
  for (let hops = 0; hops <= MOST_REDIRECTS; hops++) {
    const token = access.token !== null && at.origin === own ? { authorization: `Bearer ${access.token}` } : {};
    const answer = await send(at, { ...headers, ...token, "accept-encoding": "identity" }, access, signal);
    const { status } = answer;
    if (status === 200 || status === 206 || status === 416) return answer;
    answer.cancel();
    const location = answer.header("location");
    if (status >= 300 && status < 400 && location !== null) {
      at = redirected(at, location, what);
      continue;
    }
    if (status === 429 || status === 408 || status >= 500)
      throw new Transient(`the hub answered with status ${status}`, {
        retryAfterMs: retryAfter(answer.header("retry-after")),
      });
    if (status === 401 || status === 403) throw hubDenied(what, own, status, access.token !== null);
    if (status === 404) throw hubNotFound(what, own);
    throw hubRefused(what, own, `it answered with status ${status}`);
  }
  throw hubRefused(what, own, `it redirected more than ${MOST_REDIRECTS} times`);
}

function redirected(from: URL, location: string, what: string): URL {
  const to = URL.canParse(location, from.href) ? new URL(location, from) : null;
  const secure = to?.protocol === "https:" || (to?.protocol === "http:" && from.protocol === "http:");
  if (to && secure && to.username === "" && to.password === "") return to;
  const shown = to ? `${to.protocol}//${to.host}` : location;
  throw hubRefused(what, from.origin, `it redirected to ${JSON.stringify(shown)}, which is no secure web address`);
}

/**
 * One request, by Node's own HTTP client. Not by `fetch`: an answer that ends early
 * while its reader is behind fails an assertion inside Node 24's `fetch`, outside of
 * any promise, and that ends the kernel.
 */
async function send(
  url: URL,
  headers: Readonly<Record<string, string>>,
  { limits }: HubAccess,
  signal: AbortSignal,
): Promise<HubAnswer> {
  // Loaded when it is needed: the two are a good part of the package's import, and a primed session never asks.
  const client = url.protocol === "https:" ? await import("node:https") : await import("node:http");
  const request = client.request(url, { headers, signal });
  let silent = false;
  // Counts while nothing moves on the connection, whoever waits for whom.
  request.setTimeout(limits.silenceMs, () => {
    silent = true;
    request.destroy();
  });
  const failed = (cause: unknown) => {
    if (signal.aborted) return signal.reason;
    if (silent) return new Transient(`${url.host} said nothing for ${limits.silenceMs / 1000} s`);
    return transportFailure(url, cause);
  };
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    request.once("response", resolve);
    // Stays for good: what happens to the connection later is told by the body.
    request.on("error", reject);
    request.end();
  }).catch((cause) => {
    throw failed(cause);
  });
  // Without a listener an error that comes before the body is read would end the process.
  response.on("error", () => {});
  return {
    status: response.statusCode ?? 0,
    header: (name) => {
      const value = response.headers[name];
      return value === undefined ? null : String(value);
    },
    async *body() {
      try {
        for await (const piece of response) yield piece as Uint8Array;
      } catch (cause) {
        throw failed(cause);
      }
    },
    cancel: () => void response.destroy(),
  };
}

/** Why there is no connection: the system's code, of the first address where a name has several. */
function transportFailure(url: URL, error: unknown): Transient {
  const cause = error instanceof AggregateError ? error.errors[0] : error;
  const { code = "", message = String(cause) } = cause as { code?: string; message?: string };
  return new Transient(`no connection to ${url.host} (${code || message})`, {
    cause: error,
    unreachable: UNREACHABLE.includes(code),
  });
}

/** `Retry-After`: seconds or a date; null where it says neither. */
function retryAfter(value: string | null): number | null {
  if (value === null) return null;
  if (/^\d{1,9}$/.test(value.trim())) return Number(value) * 1000;
  const date = Date.parse(value);
  return Number.isNaN(date) ? null : Math.max(0, date - Date.now());
}
