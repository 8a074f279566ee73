/** tslab's own zeromq: the same library on both ends, and no second native module to install. */
import { createRequire } from "node:module";
import { dirname, join } from "node:path";

export interface ZmqSocket {
  connect(address: string): void;
  close(): void;
}

export interface ZmqDealer extends ZmqSocket {
  send(frames: readonly (string | Uint8Array)[]): Promise<void>;
  receive(): Promise<Buffer[]>;
}

export interface ZmqSubscriber extends ZmqSocket {
  subscribe(): void;
  receive(): Promise<Buffer[]>;
}

export interface Zmq {
  readonly capability: { readonly ipc?: boolean };
  readonly Dealer: new (options: Record<string, unknown>) => ZmqDealer;
  readonly Subscriber: new (options: Record<string, unknown>) => ZmqSubscriber;
}

const fromHere = createRequire(import.meta.url);

/** Absolute path of tslab's command. */
export function tslabCommand(): string {
  return join(dirname(fromHere.resolve("tslab/package.json")), "bin", "tslab");
}

/** Loads zeromq as tslab does. */
export function loadZmq(): Zmq {
  return createRequire(tslabCommand())("zeromq") as Zmq;
}
