import { spawn } from "node:child_process";

/** Environment variables of a process. */
export type Env = Readonly<Record<string, string | undefined>>;

/** What a tool of the system said, or why it said nothing. */
export type ToolAnswer =
  | { readonly kind: "said"; readonly code: number | null; readonly stdout: string; readonly stderr: string }
  /** There is no such command. */
  | { readonly kind: "absent"; readonly words: string }
  /** It could not be started for another reason, such as its rights. */
  | { readonly kind: "unstartable"; readonly words: string }
  | { readonly kind: "silent"; readonly seconds: number };

/** Most characters that are read of either stream; a tool that writes more is cut off there. */
const MOST = 2 ** 20;

/**
 * Runs a tool of the system with a time limit. A tool that hangs, even in the driver where
 * no signal reaches it, is left behind: its group is killed and not waited for.
 *
 * @param seconds time limit
 */
export function askTool(command: string, args: readonly string[], env: Env, seconds: number): Promise<ToolAnswer> {
  return new Promise((resolve) => {
    // A group of its own: what a script has started goes with it.
    const child = spawn(command, args, {
      cwd: "/",
      env: { ...env },
      stdio: ["ignore", "pipe", "pipe"],
      detached: true,
    });
    const text = { stdout: "", stderr: "" };
    for (const name of ["stdout", "stderr"] as const) {
      child[name].setEncoding("utf8").on("data", (piece: string) => {
        if (text[name].length < MOST) text[name] += piece.slice(0, MOST - text[name].length);
      });
    }
    const leave = () => {
      try {
        process.kill(-(child.pid as number), "SIGKILL");
      } catch {
        // It is gone already.
      }
      child.unref();
      child.stdout.destroy();
      child.stderr.destroy();
      resolve({ kind: "silent", seconds });
    };
    const timer = setTimeout(leave, seconds * 1000);
    child.once("error", (error: NodeJS.ErrnoException) => {
      clearTimeout(timer);
      resolve({ kind: error.code === "ENOENT" ? "absent" : "unstartable", words: error.message });
    });
    child.once("close", (code) => {
      clearTimeout(timer);
      resolve({ kind: "said", code, ...text });
    });
  });
}
