import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { missing, note, ok } from "../core/checks.js";
import { loadZmq, tslabCommand } from "../notebook/zmq.js";
import type { DoctorCheck } from "../schema/doctor-types.js";
import { reasonOf } from "./check.js";

const AGAIN = "Run npm ci, or npm install, again; on Kaggle run the bootstrap's cell again";

/** The kernel's two packages; the one has native code that has to fit this Node and this system. */
export function checkKernel(): DoctorCheck {
  try {
    const tslab = versionIn(dirname(dirname(tslabCommand())));
    return loadZmq().capability.ipc
      ? ok("kernel", `tslab ${tslab}`)
      : note("kernel", `tslab ${tslab}, without Unix sockets`, "Notebooks run in Jupyter only: npm run lab");
  } catch (error) {
    return missing("kernel", `tslab can't be loaded: ${reasonOf(error)}`, AGAIN);
  }
}

/** faiss-node is optional, and its native code may end the process that loads it. */
export async function checkFaiss(root: string): Promise<DoctorCheck> {
  const without = "FAISS indexes are written and checked without it";
  const load = `const m = require("faiss-node"); if (typeof m.IndexFlatIP !== "function") process.exit(2);`;
  try {
    createRequire(join(root, "package.json")).resolve("faiss-node");
  } catch {
    return note("faiss-node", `not installed: ${without}`);
  }
  return promisify(execFile)(process.execPath, ["-e", load], { cwd: root, timeout: 20_000 }).then(
    () => ok("faiss-node", "loads"),
    (error) =>
      note(
        "faiss-node",
        `installed, and does not load (${reasonOf(error)}): ${without}`,
        "npm run setup:faiss builds it",
      ),
  );
}

/** Version of the package in a folder. */
export function versionIn(folder: string): string {
  return (JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) as { version: string }).version;
}
