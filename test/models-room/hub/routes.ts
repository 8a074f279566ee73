/** What stands behind each address of the test hub and of its CDN. */
import { createHash } from "node:crypto";
import type { IncomingMessage } from "node:http";
import { type Answer, errorAnswer, type FileRequest, fileAnswer, jsonAnswer, redirectAnswer } from "./answers.ts";
import type { Fault, Where } from "./faults.ts";
import { type HubFile, type Repo, type RepoOptions, treeEntries } from "./repos.ts";

export interface HubOptions {
  readonly repos: Readonly<Record<string, RepoOptions>>;
  /** Most entries of the tree on one page; 1000, as on the real hub, if not said. */
  readonly pageSize?: number;
  /** Small files are a relative 307 away, as on the real hub now; else resolve serves them itself. True, if not said. */
  readonly relativeRedirect?: boolean;
  /** Small files come in gzip to who accepts it, with no Content-Length, as on the real hub. False, if not said. */
  readonly gzip?: boolean;
  /** A gate closes the API too. On the real hub it closes the files only: false, if not said. */
  readonly gateApi?: boolean;
  /** What a repository that is none gets: 401 is what the real hub tells those without a token. 404, if not said. */
  readonly unknownRepo?: 401 | 404;
}

export interface Route {
  readonly where: readonly Where[];
  readonly repo: string | null;
  readonly path: string | null;
  answer(request: IncomingMessage, faults: readonly Fault[]): Answer;
}

const notFound = (): Route => ({
  where: [],
  repo: null,
  path: null,
  answer: () => errorAnswer(404, null, "Sorry, we can't find the page you are looking for."),
});

/** `/_test/loop/N`, where the redirect loop goes on. */
const loop = ([, , turn]: readonly string[]): Route => ({
  ...notFound(),
  answer: () => redirectAnswer(302, `/_test/loop/${Number(turn) + 1}`),
});

const encoded = (path: string) => path.split("/").map(encodeURIComponent).join("/");

/** The two servers' addresses, once they listen. */
export interface Urls {
  hub: string;
  cdn: string;
}

/** Finds what an address of either server stands for. */
export function hubRoutes(
  options: HubOptions,
  repos: ReadonlyMap<string, Repo>,
  urls: Urls,
): Record<keyof Urls, (url: URL) => Route> {
  const signatures = new Set<string>();

  /** Why a request gets no answer of its own, or null. */
  function refusal(repo: Repo | undefined, gated: boolean, authorization: string | undefined): Answer | null {
    if (!repo)
      return options.unknownRepo === 401
        ? errorAnswer(401, null, "Invalid username or password.")
        : errorAnswer(404, "RepoNotFound", "Repository not found");
    if (!gated || repo.gatedBy === null || authorization === `Bearer ${repo.gatedBy}`) return null;
    return authorization === undefined
      ? errorAnswer(401, "GatedRepo", `Access to model ${repo.id} is restricted. Please log in.`)
      : errorAnswer(
          403,
          "GatedRepo",
          `Access to model ${repo.id} is restricted and you are not in the authorized list.`,
        );
  }

  function apiRoute(
    id: string,
    where: "info" | "tree",
    revision: string,
    folder: string,
    query: URLSearchParams,
  ): Route {
    return {
      where: [where],
      repo: id,
      path: null,
      answer({ headers: { authorization } }, faults) {
        const repo = repos.get(id);
        const refused = refusal(repo, options.gateApi ?? false, authorization);
        if (refused) return refused;
        const at = repo?.files(revision);
        if (!repo || !at) return errorAnswer(404, "RevisionNotFound", `Invalid rev id: ${revision}`);
        return where === "info"
          ? jsonAnswer(info(repo, at.commit, [...at.files.values()], query), faults, {})
          : treeAnswer(id, revision, folder, at.files, query, faults);
      },
    };
  }

  function treeAnswer(
    id: string,
    revision: string,
    folder: string,
    files: ReadonlyMap<string, HubFile>,
    query: URLSearchParams,
    faults: readonly Fault[],
  ): Answer {
    const entries = treeEntries(files, folder, query.get("recursive") === "true");
    if (entries.length === 0 && folder !== "") return errorAnswer(404, "EntryNotFound", `${folder} does not exist`);
    const limit = Math.min(Number(query.get("limit") ?? Number.POSITIVE_INFINITY) || 1, options.pageSize ?? 1000);
    const from = Number(Buffer.from(query.get("cursor") ?? "", "base64").toString()) || 0;
    const next = new URLSearchParams(query);
    next.set("limit", String(limit));
    next.set("cursor", Buffer.from(String(from + limit)).toString("base64"));
    const below = folder === "" ? "" : `/${encoded(folder)}`;
    const page = `${urls.hub}/api/models/${id}/tree/${encodeURIComponent(revision)}${below}?${next}`;
    const link: Record<string, string> = from + limit < entries.length ? { Link: `<${page}>; rel="next"` } : {};
    return jsonAnswer(entries.slice(from, from + limit), faults, link);
  }

  /** `cached`: the request is where a small file's relative redirect leads. */
  function fileRoute(id: string, revision: string, path: string, cached: boolean): Route {
    const file = repos.get(id)?.files(revision)?.files.get(path);
    const direct = cached || (options.relativeRedirect === false && !file?.lfs);
    return {
      where: cached ? ["bytes"] : direct ? ["resolve", "bytes"] : ["resolve"],
      repo: id,
      path,
      answer(request, faults) {
        const repo = repos.get(id);
        const refused = refusal(repo, true, request.headers.authorization);
        if (refused) return refused;
        const at = repo?.files(revision);
        if (!at) return errorAnswer(404, "RevisionNotFound", `Invalid rev id: ${revision}`);
        if (!file || (cached && file.lfs)) return errorAnswer(404, "EntryNotFound", "Entry not found", at.commit);
        const etag = `"${file.oid}"`;
        const commit = { "X-Repo-Commit": at.commit };
        if (direct) return fileAnswer(file, etag, asked(request, options.gzip ?? false), faults, commit);
        const linked = { ...commit, "X-Linked-Etag": etag, "Accept-Ranges": "bytes" };
        if (file.lfs) {
          const size = String(file.bytes.length);
          return redirectAnswer(302, signed(id, at.commit, path), { ...linked, "X-Linked-Size": size });
        }
        const query = `${encodeURIComponent(`/${id}/resolve/${revision}/${path}`)}=&etag=${encodeURIComponent(etag)}`;
        return redirectAnswer(307, `/api/resolve-cache/models/${id}/${at.commit}/${encoded(path)}?${query}`, linked);
      },
    };
  }

  /** An address on the CDN; each has a signature of its own, as on the real one, and none works without. */
  function signed(id: string, commit: string, path: string): string {
    const signature = createHash("sha1").update(`${path} ${signatures.size}`).digest("hex");
    signatures.add(signature);
    return `${urls.cdn}/bridge/${id}/${commit}/${encoded(path)}?Expires=4102444800&Signature=${signature}`;
  }

  function hubRoute(url: URL): Route {
    const parts = url.pathname.slice(1).split("/").map(decodeURIComponent);
    if (parts[0] === "_test") return loop(parts);
    const [api, kind, owner = "", name = "", verb, revision = "main", ...rest] = parts;
    if (api === "api" && kind === "models" && name) {
      const id = `${owner}/${name}`;
      if (verb === undefined || (verb === "revision" && rest.length === 0))
        return apiRoute(id, "info", revision, "", url.searchParams);
      if (verb === "tree") return apiRoute(id, "tree", revision, rest.join("/"), url.searchParams);
    }
    if (api === "api" && kind === "resolve-cache" && owner === "models") {
      const [cachedName = "", commit = "", ...path] = parts.slice(4);
      return fileRoute(`${name}/${cachedName}`, commit, path.join("/"), true);
    }
    if (parts[2] === "resolve" && parts.length > 4)
      return fileRoute(`${api}/${kind}`, parts[3] ?? "", parts.slice(4).join("/"), false);
    return notFound();
  }

  function cdnRoute(url: URL): Route {
    const parts = url.pathname.slice(1).split("/").map(decodeURIComponent);
    if (parts[0] === "_test") return loop(parts);
    const [, owner, name, commit = "", ...rest] = parts;
    const [repo, path] = [`${owner}/${name}`, rest.join("/")];
    const file = repos.get(repo)?.files(commit)?.files.get(path);
    if (!file) return notFound();
    return {
      where: ["bytes"],
      repo,
      path,
      answer(request, faults) {
        if (!signatures.has(url.searchParams.get("Signature") ?? "")) return errorAnswer(403, null, "Access denied");
        const etag = `"${createHash("md5").update(file.oid).digest("hex")}"`;
        return fileAnswer(file, etag, asked(request, false), faults, {});
      },
    };
  }

  return { hub: hubRoute, cdn: cdnRoute };
}

/** What the API says of a repository; `blobs=true` adds sizes and hashes. */
function info(repo: Repo, commit: string, files: readonly HubFile[], query: URLSearchParams): object {
  const blobs = query.get("blobs") === "true";
  const blob = ({ bytes, blobId, lfs }: HubFile) => ({
    blobId,
    size: bytes.length,
    ...(lfs ? { lfs: { sha256: lfs.oid, size: lfs.size, pointerSize: lfs.pointerSize } } : {}),
  });
  return {
    id: repo.id,
    modelId: repo.id,
    author: repo.id.split("/")[0],
    sha: commit,
    lastModified: "2026-01-01T00:00:00.000Z",
    private: false,
    gated: repo.gatedBy === null ? false : "manual",
    disabled: false,
    tags: [],
    downloads: 0,
    likes: 0,
    siblings: files.map((file) => ({ rfilename: file.path, ...(blobs ? blob(file) : {}) })),
  };
}

function asked({ headers }: IncomingMessage, gzip: boolean): FileRequest {
  return {
    range: headers.range,
    ifRange: headers["if-range"] as string | undefined,
    ifNoneMatch: headers["if-none-match"],
    gzip: gzip && /\bgzip\b/.test(String(headers["accept-encoding"] ?? "")),
  };
}
