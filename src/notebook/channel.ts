/** Requests to a kernel and what comes back: replies on one socket, broadcasts on another. */
import { randomUUID } from "node:crypto";
import { ipcMissing } from "../core/errors.js";
import type { KernelProcess } from "./kernel-process.js";
import { decodeMessage, encodeRequest, type Message } from "./wire.js";
import { loadZmq, type ZmqDealer, type ZmqSubscriber } from "./zmq.js";

type Content = Message["content"];
type OnMessage = (message: Message) => void;

interface Pending {
  readonly onMessage: OnMessage;
  readonly resolve: (content: Content) => void;
  readonly reject: (error: unknown) => void;
  reply: Content | null;
  idle: boolean;
}

export class Channel {
  /** Receives broadcasts that belong to no open request: output that comes after its cell's end. */
  onStray: OnMessage = () => {};
  readonly #key: string;
  readonly #session = randomUUID();
  readonly #shell: ZmqDealer;
  readonly #iopub: ZmqSubscriber;
  readonly #pending = new Map<string, Pending>();
  #sending: Promise<void> = Promise.resolve();
  #failure: unknown = null;

  constructor(server: KernelProcess) {
    const zmq = loadZmq();
    if (!zmq.capability.ipc) throw ipcMissing(process.platform);
    const options = { linger: 0, reconnectInterval: 20, receiveHighWaterMark: 0 };
    this.#key = server.key;
    this.#shell = new zmq.Dealer(options);
    this.#iopub = new zmq.Subscriber(options);
    this.#shell.connect(server.shell);
    this.#iopub.connect(server.iopub);
    this.#iopub.subscribe();
    this.#listen(this.#shell, (message, pending) => {
      pending.reply = message.content;
    });
    this.#listen(this.#iopub, (message, pending) => {
      if (message.type !== "status") pending.onMessage(message);
      else if (message.content.execution_state === "idle") pending.idle = true;
    });
  }

  /** Resolves with the reply's content once the broadcast `idle` has been seen too, so that no output is missing. */
  request(type: string, content: object, onMessage: OnMessage = () => {}): Promise<Content> {
    if (this.#failure !== null) return Promise.reject(this.#failure);
    const { id, frames } = encodeRequest(this.#key, this.#session, type, content);
    return new Promise((resolve, reject) => {
      this.#pending.set(id, { onMessage, resolve, reject, reply: null, idle: false });
      this.#sending = this.#sending.then(() => this.#shell.send(frames)).catch((error: unknown) => this.fail(error));
    });
  }

  /** Rejects all open and all later requests with `error`; the first error stays. */
  fail(error: unknown): void {
    this.#failure ??= error;
    for (const pending of this.#pending.values()) pending.reject(this.#failure);
    this.#pending.clear();
  }

  /** Call `fail` first. */
  close(): void {
    this.#shell.close();
    this.#iopub.close();
  }

  async #listen(socket: ZmqDealer | ZmqSubscriber, apply: (message: Message, pending: Pending) => void): Promise<void> {
    try {
      for (;;) {
        const message = decodeMessage(this.#key, await socket.receive());
        const id = message.parentId ?? "";
        const pending = this.#pending.get(id);
        if (pending === undefined) {
          this.onStray(message);
          continue;
        }
        apply(message, pending);
        if (pending.reply === null || !pending.idle) continue;
        this.#pending.delete(id);
        pending.resolve(pending.reply);
      }
    } catch (error) {
      this.fail(error);
    }
  }
}
