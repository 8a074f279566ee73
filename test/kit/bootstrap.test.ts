import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { boxPython } from "../lib/kaggle.ts";
import { root, scratch } from "../lib/sample.ts";
import { fakePackage, packFake, writeTree } from "./fake.ts";

/** By its path: some tests leave nothing on the PATH. */
const python = boxPython();

/** Runs lines of Python that know the bootstrap as `boot` and arguments as `args`; retries wait no time. */
async function boot(lines: string, args: readonly string[] = [], env: Record<string, string> = {}) {
  const script = `import sys; sys.path.insert(0, ${JSON.stringify(join(root, "kaggle"))})
import rag_cells_bootstrap as boot
from pathlib import Path
args = sys.argv[1:]
boot.time.sleep = lambda seconds: None
try:
${lines.replace(/^/gm, "    ")}
except boot.BootstrapError as error:
    sys.exit(str(error))`;
  const child = spawn(python, ["-c", script, ...args], {
    env: { ...process.env, no_proxy: "127.0.0.1", ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let [stdout, stderr] = ["", ""];
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
  });
  const status = await new Promise<number | null>((resolve) => child.once("close", resolve));
  assert.doesNotMatch(stderr, /Traceback/);
  return { status, stdout: stdout.trim(), stderr };
}

async function serve(t: TestContext, answer: (request: IncomingMessage, response: ServerResponse) => void) {
  const server = createServer(answer);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => server.close());
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const sha256 = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");
const FETCH = 'boot.fetch(args[0], Path(args[1]), ("sha256", args[2]))';

test("the pinned Node is the one that the package asks for; npm and Node have whole sums", async () => {
  const { stdout } = await boot("print(boot.NODE.version, boot.NODE.integrity, boot.NPM.integrity)");
  const [version, ...sums] = stdout.split(" ");
  assert.equal(version, JSON.parse(readFileSync(join(root, "package.json"), "utf8")).dependencies.node);
  for (const sum of sums) assert.equal(Buffer.from(sum.replace(/^sha512-/, ""), "base64").length, 64);
});

test("a download that breaks goes on behind its last byte", async (t) => {
  const bytes = Buffer.from(Array.from({ length: 300_000 }, (_, i) => i % 251));
  const ranges: (string | undefined)[] = [];
  const url = await serve(t, (request, response) => {
    ranges.push(request.headers.range);
    const from = Number(/bytes=(\d+)-/.exec(request.headers.range ?? "")?.[1] ?? 0);
    response.writeHead(from > 0 ? 206 : 200, { "Content-Length": bytes.length - from });
    if (ranges.length > 2) response.end(bytes.subarray(from));
    else response.write(bytes.subarray(from, from + 100_000), () => setTimeout(() => response.destroy(), 50));
  });
  const target = join(await scratch("download"), "file.tgz");
  const done = await boot(FETCH, [url, target, sha256(bytes)]);
  assert.equal(done.status, 0, done.stderr);
  assert.ok(readFileSync(target).equals(bytes));
  assert.equal(ranges.length, 3);
  assert.equal(ranges[0], undefined);
  assert.match(ranges[2] ?? "", /^bytes=[1-9]\d*-$/);
  assert.ok(!existsSync(`${target}.part`));
});

test("what is not what it should be is removed; what is not there is not asked for again; nobody there is said", async (t) => {
  let asked = 0;
  const url = await serve(t, (request, response) => {
    asked++;
    response.writeHead(request.url === "/gone" ? 404 : 200).end("another file");
  });
  const target = join(await scratch("download"), "file.tgz");
  const wrong = await boot(FETCH, [`${url}/x`, target, sha256(Buffer.from("the file"))]);
  assert.match(wrong.stderr, /gave something else than what it should \(sha256 differs\); it was removed/);
  assert.deepEqual(readdirSync(join(target, "..")), []);
  asked = 0;
  assert.match((await boot(FETCH, [`${url}/gone`, target, "0"])).stderr, /gone can't be fetched: HTTP Error 404/);
  assert.equal(asked, 1);
  assert.match((await boot(FETCH, ["http://127.0.0.1:9/x", target, "0"])).stderr, /can't be fetched: .*refused/);
});

test("Node comes from nodejs.org too, held against its sums", async (t) => {
  const folder = await scratch("nodejs");
  const name = "node-v24.21.0-linux-x64";
  writeTree(folder, { [`${name}/bin/node`]: "#!/bin/sh\necho v24.21.0\n", [`${name}/LICENSE`]: "a licence" });
  chmodSync(join(folder, name, "bin/node"), 0o755);
  assert.equal(spawnSync("tar", ["-cJf", `${name}.tar.xz`, name], { cwd: folder }).status, 0);
  const archive = readFileSync(join(folder, `${name}.tar.xz`));
  let sum = sha256(archive);
  const url = await serve(t, (request, response) => {
    if (request.url?.endsWith("SHASUMS256.txt")) response.end(`${sum}  ${name}.tar.xz\n`);
    else if (request.url?.endsWith(".tar.xz")) response.end(archive);
    else response.writeHead(404).end();
  });
  const env = { NODEJS_ORG_MIRROR: url, npm_config_registry: `${url}/npm`, PATH: "/nowhere" };
  const base = await scratch("base");
  const done = await boot("print(boot.bring_node(Path(args[0])))", [base], env);
  assert.equal(done.stdout, join(base, "node-24.21.0/bin/node"), done.stderr);
  assert.deepEqual(readdirSync(base), ["node-24.21.0"]);
  sum = "0".repeat(64);
  const other = await boot("boot.bring_node(Path(args[0]))", [await scratch("base")], env);
  assert.match(
    other.stderr,
    /Node can't be fetched\..*404.*\nNor from nodejs\.org: .*sha256 differs.*\nSwitch the internet on.*attach a kit/s,
  );
});

test("without a kit, a package and a network, each failure says what to do", async () => {
  const nowhere = {
    npm_config_registry: "http://127.0.0.1:9",
    NODEJS_ORG_MIRROR: "http://127.0.0.1:9",
    PATH: "/nowhere",
  };
  const lone = join(await scratch("lone"), "rag_cells_bootstrap.py");
  writeFileSync(lone, readFileSync(join(root, "kaggle/rag_cells_bootstrap.py")));
  const temporary = { ...nowhere, TMPDIR: await scratch("tmp") };
  const { status, stderr } = spawnSync(python, [lone], { encoding: "utf8", env: { ...process.env, ...temporary } });
  assert.equal(status, 1);
  assert.match(stderr, /^There is no kit .*Attach a dataset that `rag-cells kaggle pack` made.*boot\.start\(package=/);
  const home = join(await scratch("home"), "home");
  const install = "boot.prepare(package=args[0], to=args[1])";
  const source = await fakePackage();
  assert.match((await boot(install, [source, home], nowhere)).stderr, /Node can't be fetched.*Switch the internet on/s);
  assert.ok(!existsSync(home));
  assert.match(
    (await boot(install, [join(source, "none.tgz"), home])).stderr,
    /neither a package .*nor a folder with a package\.json/,
  );
  assert.match(
    (await boot(install, [join(source, "node_modules/a"), home])).stderr,
    /is not the package rag-cells, but 'a'/,
  );
  assert.match((await boot("boot.prepare(kit=args[0])", [source])).stderr, /is no kit: it has no rag-cells-kit\.json/);
});

test("start says what was done and hands the package's own Node on; the folder is found again without the kit", async () => {
  const kit = join(await scratch("kit"), "kit");
  const says = '#!/bin/sh\n[ "$1" = --version ] && echo v24.21.0 || echo "doctor: $*"\n';
  await packFake(await fakePackage({ "node_modules/node/bin/node": says }), kit);
  const temporary = await scratch("tmp");
  const first = await boot("boot.start(args[0])\nprint(boot.os.environ['PATH'])", [kit], { TMPDIR: temporary });
  assert.equal(first.status, 0, first.stderr);
  const home = join(temporary, readdirSync(temporary)[0] as string);
  const [name] = readdirSync(home).filter((one) => one.startsWith("1.2.3-"));
  const [line, note, doctor, path] = first.stdout.split("\n");
  assert.match(line as string, /^rag-cells 1\.2\.3 with Node 24\.21\.0 in .* \(checked and unpacked in \d+\.\d s\)$/);
  assert.match(note as string, /GPU/);
  assert.match(doctor as string, /^doctor: .*main\.js doctor --models none$/);
  assert.ok((path as string).startsWith(join(home, name as string, "node_modules/.bin:")));
  const again = await boot("print(boot.prepare().root)", [], { TMPDIR: temporary });
  assert.ok(again.stdout === join(home, name as string) || again.stdout === root, again.stderr);
});

test("the library path for CUDA: the folders of pip's packages first, each once", async () => {
  const site = await scratch("site");
  for (const part of ["cublas", "cudnn"]) mkdirSync(join(site, "nvidia", part, "lib"), { recursive: true });
  const lines = `exists = Path.exists
boot.Path.exists = lambda path: str(path) == "/dev/nvidia0" or exists(path)
sys.path.insert(0, args[0])
print(*boot.cuda_libraries(), sep="\\n")`;
  const { stdout } = await boot(lines, [site], { LD_LIBRARY_PATH: `/opt/mine:${site}/nvidia/cudnn/lib` });
  const [path, said] = stdout.split("\n");
  const folders = (path as string).split(":").filter((folder) => !folder.startsWith("/usr/local"));
  assert.deepEqual(folders, [`${site}/nvidia/cublas/lib`, `${site}/nvidia/cudnn/lib`, "/opt/mine"]);
  assert.match(said as string, /^a GPU is here: \d folders/);
});

test("an attached package is found where there is no kit: its tarball, or what an upload has made of it", async () => {
  const input = await scratch("attached");
  const find = async () =>
    (await boot("boot.ATTACHED = Path(args[0]); print(boot.attached_package())", [input])).stdout;
  assert.equal(await find(), "None");
  writeTree(input, {
    "other/package.json": { name: "other" },
    "deep/er/rag-cells/package.json": { name: "rag-cells" },
  });
  assert.equal(await find(), join(input, "deep/er/rag-cells"));
  writeTree(input, { "set/rag-cells-0.1.0.tgz": "" });
  assert.equal(await find(), join(input, "set/rag-cells-0.1.0.tgz"));
});

test("the sample comes to the working folder once, whole, and what stands there is left alone", async () => {
  const place = await scratch("sample");
  const lines = "print(boot.place_sample(Path(args[0]), Path(args[1])))";
  const missing = await boot(lines, [join(place, "none"), place]);
  assert.match(missing.stderr, /notebooks\/sample is missing: make the kit/);
  writeTree(place, { "root/notebooks/sample/corpus/a.md": "# A" });
  const first = await boot(lines, [join(place, "root"), place]);
  assert.match(first.stdout, /sample has the documents and models of the sample notebooks$/);
  writeFileSync(join(place, "sample/corpus/a.md"), "# Mine");
  const second = await boot(lines, [join(place, "root"), place]);
  assert.match(second.stdout, /sample stood there already, and is left as it is$/);
  assert.equal(readFileSync(join(place, "sample/corpus/a.md"), "utf8"), "# Mine");
  assert.deepEqual(readdirSync(place).sort(), ["root", "sample"]);
});
