/**
 * tslab's own converter, executor and message handler in a process of their own,
 * without sockets: cells come in by IPC, and what the kernel would have published
 * goes back. So a test sees what a notebook would be sent.
 */
import { type ChildProcess, fork } from "node:child_process";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";

/** A message of the kernel: a display, an update of one, or text on a stream. */
export interface Published {
  readonly type: "display_data" | "update_display_data" | "stdout" | "stderr";
  readonly id: string | null;
  readonly data: Readonly<Record<string, string>>;
  /** Milliseconds of the kernel's clock. */
  readonly at: number;
}

export interface CellResult {
  readonly status: string;
  readonly published: readonly Published[];
}

export interface BareKernel {
  run(code: string): Promise<CellResult>;
  stop(): void;
}

/** Starts a kernel whose working directory is the repository. */
export function startKernel(): BareKernel {
  const root = fileURLToPath(new URL("../../", import.meta.url));
  const child: ChildProcess = fork(fileURLToPath(import.meta.url), [], {
    cwd: root,
    stdio: ["ignore", "ignore", "inherit", "ipc"],
  });
  return {
    run: (code) =>
      new Promise((resolve, reject) => {
        child.once("exit", (exit) => reject(new Error(`the kernel ended with ${exit}`)));
        child.once("message", (result) => {
          child.removeAllListeners("exit");
          resolve(result as CellResult);
        });
        child.send(code);
      }),
    stop: () => child.disconnect(),
  };
}

interface Message {
  readonly data: Record<string, string>;
  readonly transient: { readonly display_id?: string };
}

function serve(): void {
  const require = createRequire(import.meta.url);
  const { createConverter } = require("tslab/dist/converter.js");
  const { createExecutor } = require("tslab/dist/executor.js");
  const { JupyterHandlerImpl } = require("tslab/dist/jupyter.js");
  const converter = createConverter({ isJS: false, isBrowser: false });
  const executor = createExecutor(process.cwd(), { node: converter, close: () => converter.close() }, console);
  const handler = new JupyterHandlerImpl(executor, false);
  process.on("message", async (code: string) => {
    const published: Published[] = [];
    const at = () => performance.now();
    const { status } = await handler.handleExecute(
      { code },
      (type: "stdout" | "stderr", text: string) =>
        published.push({ type, id: null, data: { "text/plain": text }, at: at() }),
      ({ data, transient }: Message, update?: boolean) =>
        published.push({
          type: update ? "update_display_data" : "display_data",
          id: transient.display_id ?? null,
          data,
          at: at(),
        }),
    );
    process.send?.({ status, published });
  });
  process.on("disconnect", () => process.exit());
}

if (process.argv[1] === fileURLToPath(import.meta.url)) serve();
