/** Another kernel: takes leases again and again, works a moment, and writes down when it had them. */
import { appendFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { CPU } from "../../../dist/runtime/devices/types.js";
import { withLeases } from "../../../dist/runtime/lease.js";

const [uuids, turns, workMs, log] = process.argv.slice(2) as [string, string, string, string];
const devices = uuids
  .split(",")
  .map((uuid, i) => ({ ...CPU, kind: "cuda" as const, name: `cuda:${i}`, uuid, provider: { kind: "cuda" as const } }));
const write = (what: string) => appendFileSync(log, `${what} ${process.pid} ${process.hrtime.bigint()}\n`);

console.log("ready");
for (let turn = 0; turn < Number(turns); turn++) {
  await withLeases(devices, `dense turn ${turn}`, { waitSeconds: 60, read: () => null }, async () => {
    write("has");
    await sleep(Number(workMs));
    write("gives");
  });
}
