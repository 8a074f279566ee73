/**
 * The test hub in a process of its own, so that a test can kill a client while the
 * hub goes on and keeps counting: `node main.ts`. The first line of its input is the
 * description, as JSON; it prints its two addresses as JSON, and ends with its input.
 */
import { createInterface } from "node:readline";
import type { HubOptions } from "./routes.ts";
import { type Hub, startHub } from "./server.ts";

let hub: Hub | undefined;
for await (const line of createInterface({ input: process.stdin })) {
  if (hub) continue;
  hub = await startHub(JSON.parse(line) as HubOptions);
  console.log(JSON.stringify({ url: hub.url, cdnUrl: hub.cdnUrl }));
}
await hub?.close();
