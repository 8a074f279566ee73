import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { setupFaiss } from "../../dist/cli/setup-faiss.js";

const root = fileURLToPath(new URL("../../", import.meta.url));

describe("setup-faiss", () => {
  it("says in one line why there will be none, which is no error, and touches nothing", async () => {
    const project = await mkdtemp(join(tmpdir(), "rag-setup-"));
    const printed: string[] = [];
    const code = await setupFaiss({ project, env: { PATH: project }, print: (line) => printed.push(line) });
    assert.equal(code, 0);
    assert.equal(printed.length, 1);
    assert.match(
      printed[0] ?? "",
      /^faiss-node was not set up: (this system has no apt-get|this is \w+, and it is built on Debian and Ubuntu only)\. Flat FAISS indexes are written, read and checked without it\.$/,
    );
    assert.deepEqual(await readdir(project), []);
    await rm(project, { recursive: true });
  });

  const built = existsSync(join(root, "node_modules/faiss-node/build/Release/faiss-node.node"));
  it("does nothing where it was built before", {
    skip: !built && "faiss-node is not built; npm run setup:faiss builds it",
  }, async () => {
    const printed: string[] = [];
    assert.equal(await setupFaiss({ project: root, print: (line) => printed.push(line) }), 0);
    assert.deepEqual(printed, ["faiss-node 0.5.1 is built and works; nothing to do."]);
  });
});
