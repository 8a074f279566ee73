import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { test } from "node:test";
import { until } from "../../lib/processes.ts";
import { goneWithin } from "../../runtime/lib/processes.ts";
import { startHubProcess } from "./process.ts";
import { bytesOf, gitOid } from "./repos.ts";

const MODEL = { bytes: 400_000, seed: 3 };
const PATH = "model.onnx";

/** A client that downloads until it is killed. */
const CLIENT = `
  const response = await fetch(process.argv[1]);
  for await (const _ of response.body);
  console.log(response.status);
`;

test("in a process of its own, the hub goes on and counts when its client is killed", { timeout: 30_000 }, async () => {
  const files = { [PATH]: MODEL, "config.json": Buffer.from([0, 255, 128]) };
  const hub = await startHubProcess({ repos: { "acme/tiny": { files, lfs: [PATH] } } });
  try {
    const url = `${hub.url}/acme/tiny/resolve/main/${PATH}`;
    await hub.misbehave(PATH, { kind: "slow", bytes: 1000, every: 5 });
    const client = spawn(process.execPath, ["-e", CLIENT, url], { stdio: "ignore" });
    const got = async () => (await hub.rangesSent(PATH))[0];
    await until(async () => (((await got())?.[1] ?? 0) > 10_000 ? true : null), "some bytes to be sent");
    client.kill("SIGKILL");
    await once(client, "exit");
    await until(async () => ((await hub.requests()).every(({ ended }) => ended) ? true : null), "the hub to notice");
    const [from, to] = (await got()) ?? [0, 0];
    assert.ok(from === 0 && to > 10_000 && to < MODEL.bytes, String(to));

    const rest = await fetch(url, { headers: { Range: `bytes=${to}-` } });
    assert.equal(rest.status, 206);
    assert.ok(Buffer.from(await rest.arrayBuffer()).equals(bytesOf(MODEL).subarray(to)));
    assert.deepEqual(await hub.rangesSent(PATH, "acme/tiny"), [
      [0, to],
      [to, MODEL.bytes],
    ]);

    const etag = async (path: string) =>
      (await fetch(`${hub.url}/acme/tiny/resolve/main/${path}`, { method: "HEAD" })).headers.get("etag");
    assert.equal(await etag("config.json"), `"${gitOid(Buffer.from([0, 255, 128]))}"`);
    const commit = await hub.push("acme/tiny", { "config.json": "new", gone: null });
    assert.match(commit, /^[0-9a-f]{40}$/);
    assert.equal(await etag("config.json"), `"${gitOid(Buffer.from("new"))}"`);

    await hub.misbehave("*", { kind: "status", status: 503 }, { times: "always" });
    assert.equal((await fetch(url)).status, 503);
    await hub.behave();
    assert.equal((await fetch(url, { redirect: "manual" })).status, 302);
    assert.equal((await fetch(`${hub.url}/_test/other`)).status, 404);
  } finally {
    await hub.close();
  }
  await goneWithin(hub.pid, 1000);
});
