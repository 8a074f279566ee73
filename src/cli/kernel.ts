import { resolve } from "node:path";
import { parseArgs } from "node:util";
import { jupyterDataDir, kernelSpec, writeKernelSpec } from "../notebook/kernelspec.js";
import type { Verb } from "./io.js";

/**
 * `rag-cells kernel [--prefix DIR]`: writes the kernelspec and says what to do next.
 * `--print` shows it as JSON and writes nothing, for a program that starts the kernel itself.
 */
export const kernel: Verb = async (args, io) => {
  const { values } = parseArgs({
    args: [...args],
    options: { prefix: { type: "string" }, print: { type: "boolean", default: false } },
  });
  if (values.print) {
    io.out.write(`${JSON.stringify(kernelSpec())}\n`);
    return 0;
  }
  const prefix = values.prefix === undefined ? null : resolve(io.cwd, values.prefix);
  const dataDir = prefix === null ? jupyterDataDir(io.env) : resolve(prefix, "share", "jupyter");
  const path = await writeKernelSpec(dataDir);
  io.out.write(`Kernel "${kernelSpec().display_name}" is in ${path}\n`);
  if (prefix !== null)
    io.out.write(`A Jupyter that does not look there by itself needs: export JUPYTER_PATH=${dataDir}\n`);
  io.out.write("Next: npm run lab, or open a notebook in any Jupyter of yours and choose that kernel.\n");
  io.out.write("It names absolute paths: write it again after moving this folder or changing Node.\n");
  return 0;
};
