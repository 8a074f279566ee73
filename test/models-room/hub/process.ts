/** Starts the test hub in a process of its own and speaks to it. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Misbehave, Push } from "./control.ts";
import type { Content } from "./repos.ts";
import type { HubOptions } from "./routes.ts";
import type { SeenRequest } from "./send.ts";
import { rangesSent } from "./server.ts";

export interface HubProcess {
  readonly url: string;
  readonly cdnUrl: string;
  readonly pid: number;
  requests(): Promise<SeenRequest[]>;
  rangesSent(path: string, repo?: string): Promise<[from: number, to: number][]>;
  misbehave(...[target, faults, options]: MisbehaveArguments): Promise<void>;
  behave(): Promise<void>;
  push(repo: string, changes: Push["changes"], lfs?: readonly string[]): Promise<string>;
  close(): Promise<void>;
}

type MisbehaveArguments = [target: string, faults: Misbehave["faults"], options?: Misbehave["options"]];

/** Bytes as JSON can say them. */
function said(content: Content | null): Content | null {
  return content instanceof Uint8Array ? { base64: Buffer.from(content).toString("base64") } : content;
}

function allSaid<T extends Content | null>(files: Readonly<Record<string, T>>): Record<string, Content | null> {
  return Object.fromEntries(Object.entries(files).map(([path, content]) => [path, said(content)]));
}

/** Resolves once the hub listens. It ends with `close`, and with this process. */
export async function startHubProcess(options: HubOptions): Promise<HubProcess> {
  const child = spawn(process.execPath, [join(import.meta.dirname, "main.ts")], { stdio: ["pipe", "pipe", "inherit"] });
  const ended = once(child, "exit");
  const repos = Object.entries(options.repos).map(([id, repo]) => [id, { ...repo, files: allSaid(repo.files) }]);
  child.stdin.on("error", () => {}); // It ended: its exit says so below.
  child.stdin.write(`${JSON.stringify({ ...options, repos: Object.fromEntries(repos) })}\n`);
  const lines = createInterface({ input: child.stdout });
  const first = await Promise.race([once(lines, "line"), ended.then(() => null)]);
  if (!first) throw new Error("the test hub ended before it listened");
  const { url, cdnUrl } = JSON.parse(String(first[0])) as { url: string; cdnUrl: string };

  async function ask(path: string, body?: object): Promise<unknown> {
    const post = body && { method: "POST", body: JSON.stringify(body) };
    const response = await fetch(`${url}/_test/${path}`, { ...post, signal: AbortSignal.timeout(30_000) });
    if (!response.ok) throw new Error(`/_test/${path} answered ${response.status}`);
    return response.json();
  }
  const requests = async () => (await ask("requests")) as SeenRequest[];
  return {
    url,
    cdnUrl,
    pid: child.pid ?? 0,
    requests,
    rangesSent: async (path, repo) => rangesSent(await requests(), path, repo),
    async misbehave(target, faults, more) {
      await ask("misbehave", { target, faults, ...(more ? { options: more } : {}) } satisfies Misbehave);
    },
    async behave() {
      await ask("behave", {});
    },
    async push(repo, changes, lfs) {
      const push: Push = { repo, changes: allSaid(changes), ...(lfs ? { lfs } : {}) };
      return (await ask("push", push)) as string;
    },
    async close() {
      child.stdin.end();
      await ended;
    },
  };
}
