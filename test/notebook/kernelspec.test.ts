import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { isAbsolute, join } from "node:path";
import { after, test } from "node:test";
import { jupyterDataDir, type KernelSpec, writeKernelSpec } from "../../dist/notebook/kernelspec.js";

const folder = mkdtempSync(join(tmpdir(), "spec-"));
after(() => rmSync(folder, { recursive: true }));

test("the kernelspec names files that exist, by absolute paths, and is replaced whole", async () => {
  const path = await writeKernelSpec(folder);
  assert.equal(path, join(folder, "kernels", "rag-cells-typescript", "kernel.json"));
  await writeKernelSpec(folder);
  assert.deepEqual(readdirSync(join(folder, "kernels", "rag-cells-typescript")), ["kernel.json"]);
  const spec = JSON.parse(readFileSync(path, "utf8")) as KernelSpec;
  assert.equal(spec.language, "typescript");
  const node = spec.argv[0];
  const [preload, tslab, ...rest] = spec.argv.slice(spec.argv.indexOf("-r") + 1);
  assert.deepEqual(rest, ["kernel", "--config-path", "{connection_file}"]);
  for (const file of [node, preload, tslab]) assert.ok(file && isAbsolute(file) && existsSync(file), file);
});

test("a folder that can't be written is an error that names the file and the way out", async () => {
  const file = join(folder, "file");
  writeFileSync(file, "");
  await assert.rejects(writeKernelSpec(file), { code: "kernelspec_unwritable", message: /kernel\.json.*--prefix DIR/ });
});

test("the user's Jupyter folder follows Jupyter's rules", () => {
  assert.equal(jupyterDataDir({ JUPYTER_DATA_DIR: "/j", XDG_DATA_HOME: "/x", HOME: "/h" }, "linux"), "/j");
  assert.equal(jupyterDataDir({ XDG_DATA_HOME: "/x", HOME: "/h" }, "linux"), "/x/jupyter");
  assert.equal(jupyterDataDir({ HOME: "/h" }, "linux"), "/h/.local/share/jupyter");
  assert.equal(jupyterDataDir({ HOME: "/h", XDG_DATA_HOME: "/x" }, "darwin"), "/h/Library/Jupyter");
  assert.equal(jupyterDataDir({ HOME: "/h", APPDATA: "/a" }, "win32"), "/a/jupyter");
});
