import { hubDenied, hubNotFound, hubRefused } from "../../core/errors.js";
import { type HubAccess, Transient } from "./access.js";

/** An answer whose body is not read yet. */
export interface HubAnswer {
  readonly status: number;
  readonly headers: Headers;
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
    const location = answer.headers.get("location");
    if (status >= 300 && status < 400 && location !== null) {
      at = redirected(at, location, what);
      continue;
    }
    if (status === 429 || status === 408 || status >= 500)
      throw new Transient(`the hub answered with status ${status}`, {
        retryAfterMs: retryAfter(answer.headers.get("retry-after")),
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

async function send(
  url: URL,
  headers: Readonly<Record<string, string>>,
  { limits }: HubAccess,
  signal: AbortSignal,
): Promise<HubAnswer> {
  const quiet = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  const heard = () => {
    clearTimeout(timer);
    timer = setTimeout(() => quiet.abort(), limits.silenceMs);
  };
  const failed = (cause: unknown) => {
    clearTimeout(timer);
    if (signal.aborted) return signal.reason;
    if (quiet.signal.aborted) return new Transient(`${url.host} said nothing for ${limits.silenceMs / 1000} s`);
    return transportFailure(url, cause);
  };
  heard();
  try {
    const both = AbortSignal.any([signal, quiet.signal]);
    const response = await fetch(url.href, { headers, redirect: "manual", signal: both });
    heard();
    return {
      status: response.status,
      headers: response.headers,
      async *body() {
        try {
          for await (const piece of response.body ?? []) {
            // What the reader does with a piece, such as a slow write, is not the server's silence.
            clearTimeout(timer);
            yield piece as Uint8Array;
            heard();
          }
          clearTimeout(timer);
        } catch (cause) {
          throw failed(cause);
        } finally {
          clearTimeout(timer);
        }
      },
      cancel() {
        clearTimeout(timer);
        response.body?.cancel().catch(() => {});
      },
    };
  } catch (cause) {
    throw failed(cause);
  }
}

/** `fetch` says only that it failed; why stands in the cause, or in the first of several where a name has several addresses. */
function transportFailure(url: URL, error: unknown): Transient {
  const outer = (error as { cause?: unknown }).cause ?? error;
  const cause = outer instanceof AggregateError ? outer.errors[0] : outer;
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
