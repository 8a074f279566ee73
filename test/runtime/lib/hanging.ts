/** A kernel whose simulated GPU never answers: says the process's id and its folder, and waits to be killed. */
import { openEncoder } from "../../../dist/runtime/encoder.js";
import { batchOf, gpus, optionsOn } from "./simulated.ts";

const [gpu] = await gpus({ faults: [{ batch: 0, kind: "hang" }] });
if (gpu?.provider.kind !== "simulated") throw new Error("no simulation");
const encoder = await openEncoder(optionsOn(gpu));
console.log(`${encoder.pid} ${gpu.provider.stateDir}`);
await encoder.encode([batchOf(1, 8)]);
