/** What another process may ask the test hub, under `/_test`: what it saw, and to misbehave or to push. */
import type { IncomingMessage, ServerResponse } from "node:http";
import { json } from "node:stream/consumers";
import type { Fault, FaultOptions } from "./faults.ts";
import type { Content } from "./repos.ts";
import type { Hub } from "./server.ts";

/** What is posted to `/_test/misbehave`. */
export interface Misbehave {
  readonly target: string;
  readonly faults: Fault | readonly Fault[];
  readonly options?: FaultOptions;
}

/** What is posted to `/_test/push`. */
export interface Push {
  readonly repo: string;
  readonly changes: Readonly<Record<string, Content | null>>;
  readonly lfs?: readonly string[];
}

/** The addresses that are answered here and that no request is noted of. */
export function isControl({ pathname }: URL): boolean {
  return pathname.startsWith("/_test/") && !pathname.startsWith("/_test/loop/");
}

export async function control(hub: Hub, url: URL, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const answer = await answerTo(hub, `${request.method} ${url.pathname}`, request);
  response.writeHead(answer === undefined ? 404 : 200, { "Content-Type": "application/json" });
  response.end(JSON.stringify(answer ?? null));
}

async function answerTo(hub: Hub, asked: string, request: IncomingMessage): Promise<unknown> {
  switch (asked) {
    case "GET /_test/requests":
      return hub.requests;
    case "POST /_test/misbehave": {
      const { target, faults, options } = (await json(request)) as Misbehave;
      hub.misbehave(target, faults, options);
      return true;
    }
    case "POST /_test/behave":
      hub.behave();
      return true;
    case "POST /_test/push": {
      const { repo, changes, lfs } = (await json(request)) as Push;
      return hub.push(repo, changes, lfs);
    }
    default:
      return undefined;
  }
}
