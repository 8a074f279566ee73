/** A kernel that samples a simulated GPU: says its process's and nvidia-smi's ids, and waits to be killed. */
import { execFileSync } from "node:child_process";
import { startSampler } from "../../../dist/runtime/sampler.js";
import { simulatedDevices } from "../../../dist/runtime/simulated/devices.js";

const devices = await simulatedDevices({ simulation: "t4x2" });
startSampler(devices, {
  onReading: once(() => {
    const children = execFileSync("ps", ["-o", "pid=", "--ppid", String(process.pid)], { encoding: "utf8" });
    console.log(children.trim().split(/\s+/)[0]);
  }),
});
setInterval(() => {}, 1000);

function once(work: () => void): () => void {
  let done = false;
  return () => {
    if (!done) work();
    done = true;
  };
}
