/**
 * A hub for tests: speaks the file API of Hugging Face's hub on loopback, with a second
 * server on another port in the part of the CDN, and misbehaves on demand.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { spoiltAnswer } from "./answers.ts";
import { control, isControl } from "./control.ts";
import { type Fault, type FaultOptions, faultQueue, type MisbehaviourHandle } from "./faults.ts";
import { type Content, openRepo, type Repo } from "./repos.ts";
import { type HubOptions, hubRoutes } from "./routes.ts";
import { type SeenRequest, send } from "./send.ts";

export interface Hub {
  readonly url: string;
  readonly cdnUrl: string;
  /** Every request to both servers but those of `/_test`, in order of arrival. */
  readonly requests: readonly SeenRequest[];
  /** The commit that main is at. */
  commit(repo: string): string;
  /** What identifies a file's content on main: SHA-256 in LFS, else git's SHA-1. */
  oid(repo: string, path: string): string;
  /** Makes a commit, to which main moves; null removes a file. */
  push(repo: string, changes: Readonly<Record<string, Content | null>>, lfs?: readonly string[]): string;
  /** Bytes of this file sent so far, over all requests. */
  bytesSent(path: string, repo?: string): number;
  /** The parts of this file that were sent, one for each request that got any. */
  rangesSent(path: string, repo?: string): [from: number, to: number][];
  /** A target is a file's path, a repository's id, or `*`; several faults happen together. */
  misbehave(target: string, faults: Fault | readonly Fault[], options?: FaultOptions): MisbehaviourHandle;
  /** Forgets every fault. */
  behave(): void;
  /** Refuses connections from now on, and ends those there are. */
  refuse(host: "hub" | "cdn"): Promise<void>;
  /** Listens again, on the same port. */
  accept(host: "hub" | "cdn"): Promise<void>;
  close(): Promise<void>;
}

/** Parts of files that were sent, by the requests. */
export function rangesSent(
  requests: readonly SeenRequest[],
  path: string,
  repo?: string,
): [from: number, to: number][] {
  return requests
    .filter((seen) => seen.path === path && (repo === undefined || seen.repo === repo))
    .flatMap(({ sent }) => (sent ? [[...sent] as [number, number]] : []));
}

/** Starts both servers on ports that were free. */
export async function startHub(options: HubOptions): Promise<Hub> {
  const repos = new Map(Object.entries(options.repos).map(([id, repo]) => [id, openRepo(id, repo)]));
  const queue = faultQueue();
  const requests: SeenRequest[] = [];
  const running = new Set<Promise<void>>();
  const urls = { hub: "", cdn: "" };
  const routes = hubRoutes(options, repos, urls);

  const found = (id: string): Repo => {
    const repo = repos.get(id);
    if (!repo) throw new Error(`the test hub has no ${id}`);
    return repo;
  };

  async function serve(host: "hub" | "cdn", request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? "/", urls[host]);
    if (isControl(url)) return control(hub, url, request, response);
    const method = request.method ?? "GET";
    const route = routes[host](url);
    const { repo, path } = route;
    const { range = null, authorization = null } = request.headers;
    const faults = queue.take({ repo, path, where: route.where, method, ranged: range !== null });
    const kinds = faults.map(({ kind }) => kind);
    const seen: SeenRequest = {
      ...{ host, method, url: request.url ?? "/", range, authorization, repo, path },
      ...{ status: null, bytes: 0, sent: null, faults: kinds, ended: false },
    };
    requests.push(seen);
    await send(request, response, spoiltAnswer(route.answer(request, faults), faults), seen);
    seen.ended = true;
  }

  const open = (host: "hub" | "cdn") =>
    createServer((request, response) => {
      const work = serve(host, request, response).catch((error: unknown) => {
        console.error(error);
        response.destroy();
      });
      running.add(work);
      void work.finally(() => running.delete(work));
    });
  const servers: Record<"hub" | "cdn", Server> = { hub: open("hub"), cdn: open("cdn") };

  async function listen(host: "hub" | "cdn"): Promise<void> {
    const server = servers[host];
    const port = urls[host] === "" ? 0 : Number(new URL(urls[host]).port);
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(port, "127.0.0.1", () => {
        server.off("error", reject);
        resolve();
      });
    });
    urls[host] = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  async function shut(host: "hub" | "cdn"): Promise<void> {
    const server = servers[host];
    if (!server.listening) return;
    const done = new Promise<void>((resolve) => server.close(() => resolve()));
    server.closeAllConnections();
    await done;
  }

  const hub: Hub = {
    get url() {
      return urls.hub;
    },
    get cdnUrl() {
      return urls.cdn;
    },
    requests,
    commit: (id) => found(id).head(),
    oid(id, path) {
      const file = found(id).files("main")?.files.get(path);
      if (!file) throw new Error(`the test hub has no ${path} in ${id}`);
      return file.oid;
    },
    push: (id, changes, lfs) => found(id).push(changes, lfs),
    bytesSent: (path, id) => rangesSent(requests, path, id).reduce((sum, [from, to]) => sum + to - from, 0),
    rangesSent: (path, id) => rangesSent(requests, path, id),
    misbehave: (target, faults, more) => queue.add(target, faults, more),
    behave: () => queue.clear(),
    refuse: shut,
    accept: listen,
    async close() {
      await Promise.all([shut("hub"), shut("cdn")]);
      await Promise.all(running);
    },
  };
  await listen("hub");
  await listen("cdn");
  return hub;
}
