import { hubAnswerBad } from "../../core/errors.js";
import { type HubFile, parseRevision, parseTree } from "../../schema/hub-api.js";
import { type HubAccess, WrongAnswer } from "./access.js";
import { askHub, type HubAnswer } from "./request.js";
import { type Retries, withRetries } from "./retry.js";

/** Largest answer of the API that is read. */
const MOST_BYTES = 8 << 20;
/** Pages of one listing; a page has up to 1,000 entries. */
const MOST_PAGES = 100;

/** A repository at one commit, and its files. */
export interface HubRepository {
  readonly revision: string;
  readonly files: readonly HubFile[];
}

/**
 * Resolves a revision to its commit and lists the files there.
 *
 * @param revision a commit, or null for the head of `main`
 * @throws RagError `hub_not_found`, `hub_denied`, `hub_unreachable`, `hub_busy`, `hub_answer_bad`, `hub_refused`
 */
export async function lookUpRepository(
  access: HubAccess,
  hubId: string,
  revision: string | null,
  retries: Retries,
  signal: AbortSignal,
): Promise<HubRepository> {
  const what = revision === null ? hubId : `${hubId} at ${revision.slice(0, 12)}`;
  const base = `${access.endpoint}/api/models/${hubId}`;
  const ask = <T>(url: string, read: (json: unknown, answer: HubAnswer) => T | null) =>
    withRetries(access, what, retries, signal, async () => {
      const answer = await askHub(access, url, what, { accept: "application/json" }, signal);
      const value = read(await jsonOf(answer), answer);
      if (value === null) throw new WrongAnswer("its answer is not what the hub's API gives");
      return value;
    });

  const commit = revision ?? (await ask(`${base}/revision/main`, parseRevision));
  const files: HubFile[] = [];
  let next: string | null = `${base}/tree/${commit}?recursive=true`;
  for (let page = 0; next !== null; page++) {
    if (page >= MOST_PAGES) throw hubAnswerBad(what, access.endpoint, `its listing has more than ${MOST_PAGES} pages`);
    const read: { files: HubFile[]; next: string | null } = await ask(next, (json, answer) => {
      const entries = parseTree(json);
      return entries && { files: entries, next: nextPage(answer.header("link"), access) };
    });
    files.push(...read.files);
    next = read.next;
  }
  return { revision: commit, files };
}

/** The next page of a listing: only ever on the hub itself. */
function nextPage(link: string | null, { endpoint }: HubAccess): string | null {
  const url = /<([^>]+)>\s*;\s*rel="next"/.exec(link ?? "")?.[1];
  if (url === undefined || !URL.canParse(url, endpoint)) return null;
  const next = new URL(url, endpoint);
  return `${new URL(endpoint).origin}${next.pathname}${next.search}`;
}

async function jsonOf(answer: HubAnswer): Promise<unknown> {
  const pieces: Uint8Array[] = [];
  let bytes = 0;
  try {
    for await (const piece of answer.body()) {
      bytes += piece.byteLength;
      if (bytes > MOST_BYTES) throw new WrongAnswer(`its answer is longer than ${MOST_BYTES} bytes`);
      pieces.push(piece);
    }
  } finally {
    answer.cancel();
  }
  try {
    return JSON.parse(Buffer.concat(pieces).toString("utf8"));
  } catch {
    const kind = answer.header("content-type") ?? "no content type";
    throw new WrongAnswer(`its answer is no JSON (${kind.slice(0, 60)})`);
  }
}
