/**
 * A parent and a child that is blocked for ever, as in a driver that hangs, with no turn of its event loop:
 * `node blocked.ts` starts `node blocked.ts PARENT` and prints its process id.
 */
import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { endWithParent } from "../../../dist/runtime/end-with-parent.js";

const [parent] = process.argv.slice(2);
if (parent === undefined) {
  const child = spawn(process.execPath, [fileURLToPath(import.meta.url), String(process.pid)], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  child.stdout.once("data", () => console.log(child.pid));
} else {
  endWithParent(Number(parent));
  console.log("blocked");
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
}
