import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve, sep } from "node:path";
import { test } from "node:test";

const src = resolve(import.meta.dirname, "../../src");

/** Who may import whom: a room sees itself and what stands here. */
const rooms: Record<string, readonly string[]> = {
  schema: [],
  core: ["schema"],
  store: ["schema", "core"],
  archive: ["schema", "core"],
  telemetry: ["schema", "core"],
  budget: ["schema", "core"],
  runtime: ["schema", "core"],
  charts: ["schema", "core", "telemetry"],
  lineage: ["schema", "core", "store", "runtime"],
  care: ["schema", "core", "store"],
  stage: ["schema", "core", "store", "telemetry", "runtime", "charts", "lineage", "care"],
  pass: ["schema", "core", "store", "telemetry", "budget", "runtime", "stage"],
  ...Object.fromEntries(
    ["models", "chunk", "dense", "sparse", "fuse", "rerank", "export"].map((stage) => [
      stage,
      ["schema", "core", "store", "archive", "telemetry", "runtime", "lineage", "stage", "pass"],
    ]),
  ),
  move: ["schema", "core", "store", "archive", "charts", "stage"],
  cache: ["schema", "core", "store", "pass", "stage"],
  plan: ["schema", "core", "store", "budget", "runtime", "pass", "stage"],
  "look.ts": ["schema", "core", "store", "charts", "models", "stage"],
  runs: ["schema", "core", "store", "charts", "stage"],
  "explain.ts": ["schema", "core", "store", "lineage", "stage"],
  "stale.ts": ["schema", "stage"],
  session: ["schema", "core", "store", "runtime", "lineage", "care", "models", "chunk", "move", "stage"],
  parity: [
    ...["schema", "core", "store", "runtime", "models", "chunk", "dense", "sparse", "fuse", "rerank", "export"],
    "stage",
    "session",
  ],
  "index.ts": [
    "schema",
    "core",
    "store",
    "charts",
    "cache",
    "models",
    "chunk",
    "dense",
    "doctor",
    "sparse",
    "fuse",
    "rerank",
    "export",
    "runs",
    "move",
    "parity",
    "plan",
    "stage",
    "look.ts",
    "explain.ts",
    "stale.ts",
    "session",
  ],
  notebook: ["core", "store"],
  kit: ["schema", "core", "store", "archive", "models", "stage", "notebook"],
  doctor: ["schema", "core", "store", "runtime", "models", "stage", "notebook"],
  cli: ["core", "notebook", "kit", "doctor", "session", "index.ts"],
};

/** The code that encodes a query stands beside the code that encodes the documents: searching may use it, and nothing else of those rooms. */
const queryEncoders = ["dense/query.ts", "sparse/query.ts"];

/** A package has one importer, so that what we need of it stands in one place. */
const packages: Record<string, readonly string[]> = {
  "onnxruntime-node": ["runtime/onnx-backend.ts"],
  "@huggingface/tokenizers": ["runtime/tokenizer.ts"],
  vega: ["charts/render.ts"],
  "vega-lite": ["charts/render.ts"],
  arquero: ["charts/tables.ts"],
  stemmer: ["sparse/bm25-terms.ts"],
  "faiss-node": ["export/faiss-node.ts"],
  yauzl: ["archive/zip.ts"],
  "tar-stream": ["archive/tar.ts", "archive/write-tar.ts"],
  yazl: ["archive/write-zip.ts"],
};

/** Packages that one room shares. */
const roomPackages: Record<string, string> = {
  zod: "schema",
  "mdast-util-from-markdown": "chunk",
  tinyglobby: "chunk",
  marked: "notebook",
  "highlight.js": "notebook",
};

interface Import {
  readonly file: string;
  readonly target: string;
}

const files = readdirSync(src, { recursive: true, encoding: "utf8" })
  .filter((name) => /\.c?ts$/.test(name))
  .map((name) => name.split(sep).join("/"));

function importsOf(file: string): Import[] {
  const text = readFileSync(join(src, file), "utf8");
  const pattern =
    /(?:^|\n)\s*(?:import|export)\s[^;]*?from\s+"([^"]+)"|\bimport\(\s*"([^"]+)"\s*\)|(?:^|\n)import\s+"([^"]+)"/g;
  return [...text.matchAll(pattern)].map((match) => ({ file, target: (match[1] ?? match[2] ?? match[3]) as string }));
}

const roomOf = (file: string) => (file.includes("/") ? (file.split("/")[0] as string) : file);
const packageOf = (target: string) =>
  target
    .split("/")
    .slice(0, target.startsWith("@") ? 2 : 1)
    .join("/");
const all = files.flatMap(importsOf);

test("every source file stands in a known room", () => {
  assert.deepEqual(
    [...new Set(files.map(roomOf))].filter((room) => !(room in rooms)),
    [],
  );
});

test("rooms import only the rooms they may see", () => {
  const wrong = all
    .filter(({ target }) => target.startsWith("."))
    .map(({ file, target }) => ({
      file,
      to: relative(src, join(src, dirname(file), target))
        .split(sep)
        .join("/")
        .replace(/\.(c?)js$/, ".$1ts"),
    }))
    .filter(
      ({ file, to }) =>
        roomOf(file) !== roomOf(to) &&
        !rooms[roomOf(file)]?.includes(roomOf(to)) &&
        !(roomOf(file) === "fuse" && queryEncoders.includes(to)),
    )
    .map(({ file, to }) => `${file} -> ${to}`);
  assert.deepEqual(wrong, []);
});

test("each package has its one importer", () => {
  const wrong = all
    .filter(({ target }) => !target.startsWith(".") && !target.startsWith("node:"))
    .filter(({ file, target }) => {
      const name = packageOf(target);
      return !(packages[name]?.includes(file) || roomPackages[name] === roomOf(file));
    })
    .map(({ file, target }) => `${file} imports ${target}`);
  assert.deepEqual(wrong, []);
});

test("one file opens databases, and it belongs to the vector cache's thread: Node 22 calls SQLite experimental", () => {
  const opens = (file: string) => /import \{[^}]*\} from "node:sqlite"/.test(readFileSync(join(src, file), "utf8"));
  assert.deepEqual(files.filter(opens), ["store/vectors/file.ts"]);
  const users = all.filter(({ file, target }) => target === "node:sqlite" && !file.startsWith("store/vectors/"));
  assert.deepEqual(users, []);
});

test("only the session reads the environment; the inference process inherits it, the command line is handed it", () => {
  const readers = files.filter((file) => /\bprocess\.env\b/.test(readFileSync(join(src, file), "utf8")));
  assert.deepEqual(readers.filter((file) => !["cli", "notebook"].includes(roomOf(file))).sort(), [
    "runtime/child.ts",
    "session/open.ts",
  ]);
});

test("nothing imports the kernel: it is found in the running process", () => {
  assert.deepEqual(
    all.filter(({ target }) => packageOf(target) === "tslab").map(({ file }) => file),
    [],
  );
});

test("the rule can fail: a forbidden import is seen", () => {
  assert.ok(
    all.some(({ file, target }) => file === "pass/run.ts" && target === "../stage/work.js"),
    "imports are found at all",
  );
});
