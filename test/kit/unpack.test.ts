import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import {
  accessSync,
  chmodSync,
  constants,
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { RagError } from "../../dist/index.js";
import { unpackKit } from "../../dist/kit/unpack.js";
import { tmpfs } from "../lib/mounts.ts";
import { until } from "../lib/processes.ts";
import { python } from "../lib/python.ts";
import { root, scratch } from "../lib/sample.ts";
import { fakePackage, packFake } from "./fake.ts";

const kit = join(await scratch("kit"), "kit");
const { kit: list } = await packFake(await fakePackage(), kit, { models: ["sample-dense"] });

/** One of the two that unpack kits: what it did, or the words it failed with. */
type Unpacker = (from: string, to: string) => Promise<{ written: boolean } | { failed: string }>;

const PYTHON = `import sys; sys.path.insert(0, sys.argv[1])
import rag_cells_bootstrap as boot
from pathlib import Path
try:
    print(boot.unpack_kit(Path(sys.argv[2]), Path(sys.argv[3]))[1])
except boot.BootstrapError as error:
    sys.exit(str(error))`;
const pythonArguments = (from: string, to: string) => ["-c", PYTHON, join(root, "kaggle"), from, to];

const unpackers: Readonly<Record<string, Unpacker>> = {
  node: async (from, to) => {
    try {
      return { written: (await unpackKit(from, to, new AbortController().signal)).written };
    } catch (error) {
      assert.ok(error instanceof RagError, String(error));
      return { failed: error.message };
    }
  },
  python: async (from, to) => {
    const { status, stdout, stderr } = spawnSync(python, pythonArguments(from, to), { encoding: "utf8" });
    assert.doesNotMatch(stderr, /Traceback/);
    return status === 0 ? { written: stdout.trim().endsWith("True") } : { failed: stderr };
  },
};

/** Everything below a folder that an unpacked kit is made of. */
function treeOf(dir: string): Record<string, string> {
  const tree: Record<string, string> = {};
  for (const entry of readdirSync(dir, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    const name = path.slice(dir.length + 1);
    // The reader follows links, and this one leads back to the top.
    if (entry.isDirectory() || name.startsWith("node_modules/rag-cells/")) continue;
    tree[name] = entry.isSymbolicLink()
      ? `-> ${readlinkSync(path)}`
      : `${(lstatSync(path).mode & 0o777).toString(8)} ${readFileSync(path, "base64")}`;
  }
  return tree;
}

/** The kit as an upload leaves it: no run bits, not to be written to. */
async function attached(change: (dir: string) => void = () => {}): Promise<string> {
  const dir = join(await scratch("attached"), "kit");
  cpSync(kit, dir, { recursive: true });
  change(dir);
  for (const name of readdirSync(dir)) if (statSync(join(dir, name)).isFile()) chmodSync(join(dir, name), 0o444);
  return dir;
}

const leftovers = (to: string) => readdirSync(dirname(to)).filter((name) => /unpacking|old/.test(name));

/** Unpacks an archive in place, as an upload may do. */
function unpackInPlace(dir: string, name: string, as: string): void {
  const archive = join(dir, `aside-${name}`);
  renameSync(join(dir, name), archive);
  mkdirSync(join(dir, as));
  assert.equal(spawnSync("tar", ["-xzf", archive, "-C", join(dir, as)]).status, 0);
  rmSync(archive);
  for (const entry of readdirSync(join(dir, as), { recursive: true, withFileTypes: true }))
    if (entry.isFile()) chmodSync(join(entry.parentPath, entry.name), 0o444);
}

test("both make the same folder of a kit, with run bits and links, and leave the kit alone", async () => {
  const from = await attached();
  const before = treeOf(from);
  const trees = [];
  for (const [name, unpack] of Object.entries(unpackers)) {
    const to = join(await scratch(`home-${name}`), "home");
    assert.deepEqual(await unpack(from, to), { written: true }, name);
    accessSync(join(to, "node_modules/.bin/node"), constants.X_OK);
    accessSync(join(to, "node_modules/.bin/a"), constants.X_OK);
    assert.equal(readlinkSync(join(to, "node_modules/rag-cells")), "..");
    assert.deepEqual(await unpack(from, to), { written: false }, `${name}, a second time`);
    assert.deepEqual(leftovers(to), []);
    trees.push(treeOf(to));
  }
  assert.deepEqual(trees[0], trees[1]);
  assert.deepEqual(treeOf(from), before);
  const files = Object.values(list.archives).flatMap((archive) => Object.keys(archive.files));
  assert.equal(Object.keys(trees[0] ?? {}).length, files.length + Object.keys(list.links).length + 1);
});

test("each finds what the other unpacked", async () => {
  const to = join(await scratch("home"), "home");
  assert.deepEqual(await unpackers["python"]?.(kit, to), { written: true });
  assert.deepEqual(await unpackers["node"]?.(kit, to), { written: false });
});

for (const [name, unpack] of Object.entries(unpackers)) {
  test(`${name}: an archive that the upload unpacked serves too, under its name or without its ending`, async () => {
    const from = await attached((dir) => {
      unpackInPlace(dir, "rag-cells-modules.kit", "rag-cells-modules.kit");
      unpackInPlace(dir, "rag-cells-node.kit", "rag-cells-node");
    });
    const to = join(await scratch("home"), "home");
    assert.deepEqual(await unpack(from, to), { written: true });
    const straight = join(await scratch("home"), "home");
    await unpack(kit, straight);
    assert.deepEqual(treeOf(to), treeOf(straight));

    chmodSync(join(from, "rag-cells-modules.kit/node_modules/a/index.js"), 0o644);
    writeFileSync(join(from, "rag-cells-modules.kit/node_modules/a/index.js"), "altered");
    const other = join(await scratch("home"), "home");
    assert.match(((await unpack(from, other)) as { failed: string }).failed, /index\.js.* is not what/);
    assert.ok(!existsSync(other));
  });

  const damages: Readonly<Record<string, readonly [(dir: string) => void, RegExp]>> = {
    "an archive cut off": [
      (dir) => truncateSync(join(dir, "rag-cells-modules.kit"), 200),
      /rag-cells-modules\.kit"? is altered or cut off/,
    ],
    "an archive altered": [
      (dir) => {
        const bytes = readFileSync(join(dir, "rag-cells-node.kit"));
        bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] as number) ^ 1;
        writeFileSync(join(dir, "rag-cells-node.kit"), bytes);
      },
      /rag-cells-node\.kit"? is altered or cut off/,
    ],
    "an archive missing": [(dir) => rmSync(join(dir, "rag-cells-package.kit")), /rag-cells-package\.kit"? is missing/],
    "the list altered": [
      (dir) => writeFileSync(join(dir, "rag-cells-kit.json"), `${readFileSync(join(dir, "rag-cells-kit.json"))} `),
      /rag-cells-kit\.json"? is (altered or cut off|not what SHA256SUMS says)/,
    ],
    "the sums missing": [(dir) => rmSync(join(dir, "SHA256SUMS")), /SHA256SUMS is missing/],
    "a packing that did not end": [
      (dir) => writeFileSync(join(dir, "rag-cells-kit.json.unfinished"), ""),
      /its packing did not end/,
    ],
  };
  test(`${name}: a damaged kit is refused by name, with a remedy, and nothing is left`, async () => {
    for (const [what, [damage, words]] of Object.entries(damages)) {
      const from = await attached(damage);
      const to = join(await scratch("home"), "home");
      const { failed } = (await unpack(from, to)) as { failed: string };
      assert.match(failed, words, what);
      assert.match(failed, /again with `?rag-cells kaggle pack/, what);
      assert.ok(!existsSync(to), what);
      assert.deepEqual(leftovers(to), [], what);
    }
  });

  test(`${name}: a list that leads out of the folder is refused`, async () => {
    for (const change of [
      (text: string) => text.replace('"node_modules/rag-cells": ".."', '"node_modules/rag-cells": "../../.."'),
      (text: string) => text.replace('"node_modules/a/index.js"', '"../a/index.js"'),
    ]) {
      const from = await attached((dir) => {
        const path = join(dir, "rag-cells-kit.json");
        writeFileSync(path, change(readFileSync(path, "utf8")));
        const sum = spawnSync("sha256sum", [path], { encoding: "utf8" }).stdout.slice(0, 64);
        const sums = readFileSync(join(dir, "SHA256SUMS"), "utf8");
        writeFileSync(join(dir, "SHA256SUMS"), sums.replace(/^.{64}(?= {2}rag-cells-kit\.json$)/m, sum));
      });
      const to = join(await scratch("home"), "home");
      assert.match(
        ((await unpack(from, to)) as { failed: string }).failed,
        /leads out of|rag-cells-kit\.json can't be used/,
      );
      assert.ok(!existsSync(to));
    }
  });

  test(`${name}: a folder with something else in it is left alone; one of an older kit is replaced`, async () => {
    const to = join(await scratch("home"), "home");
    mkdirSync(to);
    writeFileSync(join(to, "mine.txt"), "");
    assert.match(((await unpack(kit, to)) as { failed: string }).failed, /home.* holds (something else|"mine\.txt")/);
    assert.deepEqual(readdirSync(to), ["mine.txt"]);
    rmSync(join(to, "mine.txt"));
    assert.deepEqual(await unpack(kit, to), { written: true }, "an empty folder serves");

    const newer = join(await scratch("kit"), "kit");
    await packFake(await fakePackage({ "dist/index.js": "export const newer = 1;" }), newer);
    assert.deepEqual(await unpack(newer, to), { written: true });
    assert.match(readFileSync(join(to, "dist/index.js"), "utf8"), /newer/);
    assert.deepEqual(leftovers(to), []);
  });

  test(`${name}: a full disk and a read-only one say so, and what to do`, async (t) => {
    const disk = await tmpfs(t, "size=40k");
    if (disk === null) return;
    const full = ((await unpack(kit, join(disk.dir, "home"))) as { failed: string }).failed;
    assert.match(full, /free.*(needed|on another disk)/is);
    assert.ok(!existsSync(join(disk.dir, "home")));
    disk.remount("ro");
    const readOnly = ((await unpack(kit, join(disk.dir, "home"))) as { failed: string }).failed;
    assert.match(readOnly, /can't be written.*name a folder/is);
  });
}

test("python: killed in the middle, the next call makes it whole and removes what was left", async () => {
  const big = join(await scratch("kit"), "kit");
  const many = Object.fromEntries(Array.from({ length: 300 }, (_, i) => [`node_modules/a/many/${i}.js`, `// ${i}`]));
  await packFake(await fakePackage(many), big);
  for (let round = 0; round < 3; round++) {
    const to = join(await scratch("home"), "home");
    const child = spawn(python, pythonArguments(big, to), { stdio: "ignore" });
    const ended = once(child, "exit");
    await until(() => (leftovers(to).length > 0 ? true : null), "the folder aside");
    await new Promise((resolve) => setTimeout(resolve, 40 * round));
    child.kill("SIGKILL");
    await ended;
    // A fast machine is through before a late kill.
    const written = !existsSync(join(to, "rag-cells-home.json"));
    assert.deepEqual(await unpackers["python"]?.(big, to), { written }, `round ${round}`);
    assert.equal(readdirSync(join(to, "node_modules/a/many")).length, 300);
    assert.deepEqual(leftovers(to), []);
  }
});

test("python: two notebooks at once unpack once, and both find the whole", async () => {
  const to = join(await scratch("home"), "home");
  const said = await Promise.all(
    [0, 1, 2].map(async () => {
      const child = spawn(python, pythonArguments(kit, to), { stdio: ["ignore", "pipe", "inherit"] });
      const text: string[] = [];
      child.stdout.setEncoding("utf8").on("data", (part: string) => text.push(part));
      assert.deepEqual(await once(child, "close"), [0, null]);
      return text.join("").trim().split("\n").at(-1);
    }),
  );
  assert.deepEqual(said.sort(), ["False", "False", "True"]);
  assert.deepEqual(leftovers(to), []);
});

test("node: models are checked too, since the command is there to check everything", async () => {
  const from = await attached((dir) => truncateSync(join(dir, "rag-cells--sample-dense--config.json"), 3));
  const said = await unpackers["node"]?.(from, join(await scratch("home"), "home"));
  assert.match((said as { failed: string }).failed, /"rag-cells--sample-dense--config\.json" is altered or cut off/);
});
