import assert from "node:assert/strict";
import { tmpdir } from "node:os";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { startKernel } from "../../dist/notebook/kernel.js";

test("a kernel that is asked while its sockets are being bound answers", async () => {
  const slow = fileURLToPath(new URL("fixtures/slow-bind.cjs", import.meta.url));
  const env = { ...process.env, NODE_OPTIONS: `--require ${JSON.stringify(slow)}` };
  // The client asks ten times a second from before the sockets are there.
  const kernel = await startKernel({ cwd: tmpdir(), env, startTimeoutMs: 10_000 });
  const { outputs } = await kernel.execute("6 * 7");
  assert.match(JSON.stringify(outputs), /42/);
  await kernel.shutdown();
});
