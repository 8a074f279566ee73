/** A client for one tslab kernel: starts it, runs cells, interrupts, shuts down. */
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { kernelDied, kernelNotStarted, kernelStuck } from "../core/errors.js";
import { Channel } from "./channel.js";
import { cellFailure } from "./failure.js";
import { type KernelProcess, spawnKernel } from "./kernel-process.js";
import { addOutput, type Displays, type Output } from "./outputs.js";
import type { Message } from "./wire.js";

export interface KernelOptions {
  /** The kernel's working directory: relative imports of a cell resolve against it. */
  readonly cwd: string;
  /** Environment of the kernel; that of this process by default. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Milliseconds until a kernel that has not answered is given up. */
  readonly startTimeoutMs?: number;
}

export interface ExecuteOptions {
  /** Receives the outputs as they grow, so that they outlive a kernel that dies; a new array by default. */
  readonly outputs?: Output[];
  /** Called for each piece of output as it comes; for a stream with the new text alone. */
  readonly onOutput?: (output: Output) => void;
  /** Milliseconds after which the cell is interrupted, and the kernel killed if that does not end it. */
  readonly timeoutMs?: number;
}

/** One run of one cell. */
export interface Execution {
  readonly status: "ok" | "error";
  /** Why it failed, as the kernel told it, without colours; null where it did not. */
  readonly failure: string | null;
  readonly executionCount: number | null;
  /** Updated in place while later cells run, where they update a display of this one. */
  readonly outputs: Output[];
  readonly seconds: number;
}

/** tslab refuses cells for 200 ms after one that failed. */
const ABORT_PATIENCE_MS = 2000;
/** An interrupt that comes while a cell is compiled, or just as its first part ends, can be lost: it is sent again. */
const [INTERRUPTS, INTERRUPT_PATIENCE_MS] = [5, 1000];
const SHUTDOWN_PATIENCE_MS = 2000;

/**
 * Starts a kernel and waits until it answers and its broadcasts arrive.
 * @throws RagError `kernel_not_started`, `kernel_died`, `ipc_missing`, `socket_path_too_long`
 */
export async function startKernel(options: KernelOptions): Promise<Kernel> {
  const kernel = new Kernel(await spawnKernel(options.cwd, options.env));
  try {
    await kernel.ready(options.startTimeoutMs ?? 30_000, options.cwd);
    return kernel;
  } catch (error) {
    await kernel.kill();
    throw error;
  }
}

/** A running kernel. Get one from {@link startKernel}; end it with `shutdown()`. */
export class Kernel {
  /** The kernel's process, which is also its process group. */
  readonly pid: number;
  readonly #server: KernelProcess;
  readonly #channel: Channel;
  readonly #displays: Displays = new Map();
  readonly #exited: Promise<void>;
  #languageInfo: Readonly<Record<string, unknown>> = {};
  #stderr: string[] = [];

  constructor(server: KernelProcess) {
    this.pid = server.pid;
    this.#server = server;
    this.#channel = new Channel(server);
    this.#exited = this.#watchExit();
  }

  /** `language_info` as a notebook's metadata has it. */
  get languageInfo(): Readonly<Record<string, unknown>> {
    return this.#languageInfo;
  }

  /** Asks until an answer and its `idle` arrive: what is broadcast before the subscription stands is lost. */
  async ready(timeoutMs: number, cwd: string): Promise<void> {
    const end = performance.now() + timeoutMs;
    while (performance.now() < end) {
      const asked = this.#channel.request("kernel_info_request", {});
      asked.catch(() => {});
      const info = await Promise.race([asked, sleep(100, null)]);
      if (info === null) continue;
      this.#languageInfo = (info.language_info ?? {}) as Record<string, unknown>;
      return;
    }
    throw kernelNotStarted(cwd, this.#server.lastWords() || `no answer within ${timeoutMs / 1000} s`);
  }

  /**
   * Runs a cell. A cell that fails is a result with a `failure`, not an exception.
   * @throws RagError `kernel_died`, `kernel_stuck`
   */
  async execute(code: string, options: ExecuteOptions = {}): Promise<Execution> {
    const patience = performance.now() + ABORT_PATIENCE_MS;
    for (;;) {
      const execution = await this.#executeOnce(code, options);
      if (execution !== null) return execution;
      if (performance.now() > patience) throw kernelStuck("refuses cells after an earlier failure");
      await sleep(25);
    }
  }

  /** Stops the running cell as Jupyter's Stop does: SIGINT to the kernel's whole process group. */
  interrupt(): void {
    this.#signal("SIGINT");
  }

  /**
   * Waits, then for a turn of the kernel's event loop.
   * @returns errors that no cell caught and that were printed since the last cell began, or null.
   */
  async settle(milliseconds = 0): Promise<string | null> {
    if (milliseconds > 0) await sleep(milliseconds);
    await this.#channel.request("kernel_info_request", {});
    return cellFailure("ok", this.#stderr);
  }

  /** Ends the kernel, by force where it does not end by itself within two seconds. */
  async shutdown(): Promise<void> {
    this.#channel.request("shutdown_request", { restart: false }).catch(() => {});
    const patience = new AbortController();
    await Promise.race([this.#exited, sleep(SHUTDOWN_PATIENCE_MS, null, { signal: patience.signal }).catch(() => {})]);
    patience.abort();
    await this.kill();
  }

  /** Ends the kernel and all processes of its group at once. */
  async kill(): Promise<void> {
    this.#signal("SIGKILL");
    await this.#exited;
  }

  /** Null where tslab refused the cell. */
  async #executeOnce(code: string, options: ExecuteOptions): Promise<Execution | null> {
    const outputs = options.outputs ?? [];
    const stderr: string[] = [];
    const onMessage = (message: Message) => {
      const news = addOutput(outputs, this.#displays, message);
      if (news?.output_type === "stream" && news.name === "stderr") stderr.push(news.text);
      if (news !== null) options.onOutput?.(news);
    };
    this.#channel.onStray = onMessage;
    this.#stderr = stderr;
    const began = performance.now();
    const request = {
      code,
      silent: false,
      store_history: true,
      user_expressions: {},
      allow_stdin: false,
      stop_on_error: true,
    };
    const answer = this.#channel.request("execute_request", request, onMessage);
    const { reply, overtime } = await this.#within(answer, options.timeoutMs);
    const seconds = (performance.now() - began) / 1000;
    if (reply.status === "abort") return null;
    // An unhandled rejection is printed one turn after the cell's end.
    await this.settle();
    const failure = overtime ?? cellFailure(String(reply.status), stderr);
    const count = reply.execution_count;
    return {
      status: failure === null ? "ok" : "error",
      failure,
      executionCount: typeof count === "number" ? count : null,
      outputs,
      seconds,
    };
  }

  async #within(
    answer: Promise<Message["content"]>,
    timeoutMs: number | undefined,
  ): Promise<{ reply: Message["content"]; overtime: string | null }> {
    if (timeoutMs === undefined) return { reply: await answer, overtime: null };
    const clock = new AbortController();
    const wait = (ms: number) => sleep(ms, null, { signal: clock.signal }).catch(() => null);
    try {
      const inTime = await Promise.race([answer, wait(timeoutMs)]);
      if (inTime !== null) return { reply: inTime, overtime: null };
      let reply: Message["content"] | null = null;
      for (let sent = 0; sent < INTERRUPTS && reply === null; sent++) {
        this.interrupt();
        reply = await Promise.race([answer, wait(INTERRUPT_PATIENCE_MS)]);
      }
      const limit = `longer than ${timeoutMs / 1000} s`;
      if (reply !== null) return { reply, overtime: `The cell took ${limit} and was interrupted.` };
      this.#channel.fail(kernelStuck(`ran a cell for ${limit} and could not be interrupted, so it was killed`));
      this.#signal("SIGKILL");
      return { reply: await answer, overtime: null };
    } finally {
      clock.abort();
    }
  }

  async #watchExit(): Promise<void> {
    const child = this.#server.child;
    const [code, signal] = (await once(child, "exit")) as [number | null, string | null];
    // What the kernel had sent before its end is still on its way here.
    await sleep(50);
    this.#channel.fail(kernelDied(signal ?? `exit code ${code}`, this.#server.lastWords()));
    this.#channel.close();
    child.stdout?.destroy();
    child.stderr?.destroy();
    await this.#server.clean();
  }

  #signal(signal: "SIGINT" | "SIGKILL"): void {
    const { exitCode, signalCode } = this.#server.child;
    if (exitCode === null && signalCode === null) process.kill(-this.pid, signal);
  }
}
