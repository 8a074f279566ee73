/**
 * A process that opens an encoder, for tests of what becomes of the child when it
 * ends: `node parent.ts MODEL long|idle|exit [webgpu]`. Prints the child's pid.
 */
import { openEncoder } from "../../../dist/runtime/encoder.js";
import { batchOf, optionsFor } from "./table-model.ts";

const [file = "", mode = "", device] = process.argv.slice(2);
const encoder = await openEncoder(optionsFor(file, { provider: { kind: device === "webgpu" ? device : "cpu" } }));
console.log(encoder.pid);
if (mode === "long" || mode === "exit") {
  const running = encoder.encode([
    batchOf(Array.from({ length: 64 }, () => Array.from({ length: 512 }, (_, i) => i % 100))),
  ]);
  if (mode === "exit") setTimeout(() => process.exit(3), 100);
  await running;
}
