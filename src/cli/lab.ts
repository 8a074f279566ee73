import { spawn } from "node:child_process";
import { once } from "node:events";
import { delimiter, join } from "node:path";
import { jupyterMissing } from "../core/errors.js";
import { jupyterDataDir, writeKernelSpec } from "../notebook/kernelspec.js";
import type { Io, Verb } from "./io.js";
import { isCheckout, packageRoot } from "./package-root.js";

/**
 * `rag-cells lab [ARGUMENTS OF JUPYTER LAB]`: opens JupyterLab in `notebooks/`
 * with the kernel at hand. A checkout keeps the kernelspec to itself (`.cache/`).
 * @throws RagError `jupyter_missing`
 */
export const lab: Verb = async (args, io) => {
  await assertJupyterLab(io);
  const root = packageRoot();
  const dataDir = isCheckout(root) ? join(root, ".cache", "jupyter") : jupyterDataDir(io.env);
  await writeKernelSpec(dataDir);
  const path = [dataDir, io.env.JUPYTER_PATH].filter(Boolean).join(delimiter);
  const child = spawn("jupyter", ["lab", ...args], {
    cwd: join(root, "notebooks"),
    env: { ...io.env, JUPYTER_PATH: path },
    stdio: "inherit",
  });
  // Ctrl-C reaches JupyterLab by itself, and it asks before it stops.
  process.on("SIGINT", () => {});
  process.on("SIGTERM", () => child.kill());
  const [code] = (await once(child, "exit")) as [number | null];
  return code ?? 1;
};

async function assertJupyterLab(io: Io): Promise<void> {
  const child = spawn("jupyter", ["lab", "--version"], { env: io.env, stdio: ["ignore", "ignore", "pipe"] });
  let said = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    said += text;
  });
  const code = await once(child, "close").then(
    ([exit]) => exit as number | null,
    (error: Error) => {
      said = error.message;
      return 1;
    },
  );
  if (code !== 0) throw jupyterMissing(said.trim().split("\n").at(-1) || `jupyter lab --version ended with ${code}`);
}
