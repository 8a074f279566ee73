/** The kernel's process and where it listens. */
import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { kernelNotStarted, socketPathTooLong } from "../core/errors.js";
import { kernelSpec } from "./kernelspec.js";

export interface KernelProcess {
  readonly child: ChildProcess;
  readonly pid: number;
  /** Signs every message of this kernel. */
  readonly key: string;
  readonly shell: string;
  readonly iopub: string;
  /** The end of what the process itself wrote to stdout and stderr, for error messages. */
  lastWords(): string;
  /** Removes the folder of sockets. */
  clean(): Promise<void>;
}

/** Unix socket paths end at 107 bytes on Linux, 103 on macOS. */
const LONGEST_SOCKET_PATH = 103;

/**
 * Starts a kernel in `cwd`. It listens on Unix sockets in a private folder:
 * there is no port to collide with and nobody else can connect. Like Jupyter,
 * it makes the kernel the head of a process group of its own.
 */
export async function spawnKernel(
  cwd: string,
  env?: Readonly<Record<string, string | undefined>>,
): Promise<KernelProcess> {
  const folder = await mkdtemp(join(tmpdir(), "rag-kernel-"));
  const ip = join(folder, "k");
  if (Buffer.byteLength(`${ip}:5`) > LONGEST_SOCKET_PATH) {
    await rm(folder, { recursive: true });
    throw socketPathTooLong(ip, LONGEST_SOCKET_PATH);
  }
  const key = randomBytes(32).toString("hex");
  const connection = { transport: "ipc", ip, shell_port: 1, iopub_port: 2, stdin_port: 3, control_port: 4, hb_port: 5 };
  const connectionFile = join(folder, "connection.json");
  await writeFile(
    connectionFile,
    JSON.stringify({ ...connection, key, signature_scheme: "hmac-sha256", parent_pid: process.pid }),
    { mode: 0o600 },
  );
  const [command, ...args] = kernelSpec().argv.map((arg) => (arg === "{connection_file}" ? connectionFile : arg));
  const child = spawn(command as string, args, { cwd, env, detached: true, stdio: ["ignore", "pipe", "pipe"] });
  const clean = () => rm(folder, { recursive: true, force: true });
  if (child.pid === undefined) {
    const error = await new Promise<Error>((resolve) => child.once("error", resolve));
    await clean();
    throw kernelNotStarted(cwd, error.message);
  }
  const lastWords = keepTail(child);
  return { child, pid: child.pid, key, shell: `ipc://${ip}:1`, iopub: `ipc://${ip}:2`, lastWords, clean };
}

function keepTail(child: ChildProcess): () => string {
  let tail = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding("utf8").on("data", (text: string) => {
      tail = (tail + text).slice(-2000);
    });
  }
  return () => tail.trim();
}
