import { spawn } from "node:child_process";
import { once } from "node:events";
import { appendFile, cp, glob, mkdir, mkdtemp, readFile, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isCheckout, packageRoot } from "./package-root.js";

const FAISS_NODE = "0.5.1";
const PACKAGES = [`faiss-node@${FAISS_NODE}`, "node-api-headers@1.9.0"];
const DEBIAN = ["libfaiss-dev", "libopenblas-serial-dev"];
const WITHOUT = "Flat FAISS indexes are written, read and checked without it.";

/** Loads the addon and searches with it: what a build has to pass. */
const SMOKE = `const { IndexFlatIP } = require("faiss-node"); const index = new IndexFlatIP(2);
index.add([1, 0, 0, 1]); if (index.search([0, 1], 1).labels[0] !== 1) process.exit(1);`;

/**
 * Included before faiss-node's own source. It was written for FAISS 1.7.4, where
 * idx_t moved; and static OpenBLAS wants one function of the Fortran runtime,
 * which joins two strings and pads the rest with blanks.
 */
const COMPATIBILITY = `#pragma once
#include <cstring>
#include <faiss/Index.h>
#if FAISS_VERSION_MAJOR == 1 && (FAISS_VERSION_MINOR < 7 || (FAISS_VERSION_MINOR == 7 && FAISS_VERSION_PATCH < 4))
namespace faiss { using idx_t = Index::idx_t; }
#endif
extern "C" __attribute__((visibility("hidden"))) void _gfortran_concat_string(
    std::size_t size, char* to, std::size_t left_size, const char* left, std::size_t right_size, const char* right) {
  const std::size_t from_left = left_size < size ? left_size : size;
  const std::size_t from_right = right_size < size - from_left ? right_size : size - from_left;
  std::memcpy(to, left, from_left);
  std::memcpy(to + from_left, right, from_right);
  std::memset(to + from_left + from_right, ' ', size - from_left - from_right);
}
`;

/** Where {@link setupFaiss} works. */
export interface SetupOptions {
  /** The folder whose node_modules gets the package; default: the project that holds this one. */
  readonly project?: string;
  /** Environment of the tools that are run; default: this process's own. */
  readonly env?: NodeJS.ProcessEnv;
  readonly print?: (line: string) => void;
}

/** A tool that ran: what it said stands in the log. */
interface Ran {
  readonly ok: boolean;
  /** The last line it printed, for the one line this command prints. */
  readonly last: string;
}

/** Why there will be no faiss-node here, without anything having gone wrong. */
class Skipped extends Error {}

/**
 * `rag-cells setup-faiss`: builds the optional faiss-node from its own source
 * against Debian's or Ubuntu's libfaiss-dev, without root and without what its own
 * install script would download. Prints one line.
 *
 * @returns 0 when it is built, was built before, or can't be had here for the reason printed; 1 when a build failed
 */
export async function setupFaiss(options: SetupOptions = {}): Promise<number> {
  const { project = projectRoot(), env, print = (line) => console.log(line) } = options;
  const from = performance.now();
  const temporary = await mkdtemp(join(tmpdir(), "rag-cells-faiss-"));
  const log = join(temporary, "build.log");
  const run = (command: string, args: readonly string[], cwd: string) => runTool(command, args, cwd, log, env);
  const works = async () => (await run(process.execPath, ["-e", SMOKE], project)).ok;
  let failed = false;
  try {
    if (await works()) {
      print(`faiss-node ${FAISS_NODE} is built and works; nothing to do.`);
      return 0;
    }
    await checkTools(run, project);
    const usr = await fetchLibraries(run, temporary);
    const sources = await fetchSources(run, temporary);
    await place(await compile(run, sources, usr, temporary), sources, project);
    if (!(await works())) throw new Error("the addon was built but does not work");
    const version = /^#define FAISS_VERSION_(?:MAJOR|MINOR|PATCH) (\d+)$/gm;
    const header = await readFile(join(usr, "include/faiss/Index.h"), "utf8");
    const faiss = [...header.matchAll(version)].map(([, part]) => part).join(".");
    print(
      `Built faiss-node ${FAISS_NODE} with FAISS ${faiss} in ${((performance.now() - from) / 1000).toFixed(0)} s; exports are now checked with FAISS itself. npm install and npm ci remove it again.`,
    );
    return 0;
  } catch (error) {
    const why = (error as Error).message.split("\n", 1)[0];
    if (error instanceof Skipped) {
      print(`faiss-node was not set up: ${why}. ${WITHOUT}`);
      return 0;
    }
    failed = true;
    print(`faiss-node could not be set up: ${why}. Log: ${log}. ${WITHOUT}`);
    return 1;
  } finally {
    if (!failed) await rm(temporary, { recursive: true, force: true });
  }
}

type Run = (command: string, args: readonly string[], cwd: string) => Promise<Ran>;

async function checkTools(run: Run, cwd: string): Promise<void> {
  if (process.platform !== "linux")
    throw new Skipped(`this is ${process.platform}, and it is built on Debian and Ubuntu only`);
  for (const tool of ["apt-get", "dpkg", "g++", "npm"]) {
    if (!(await run(tool, ["--version"], cwd)).ok) throw new Skipped(`this system has no ${tool}`);
  }
}

/** Unpacks the development packages below `temporary`; returns the folder that stands for /usr. */
async function fetchLibraries(run: Run, temporary: string): Promise<string> {
  const lists = join(temporary, "lists");
  // Images often come without package lists; lists of our own need no root.
  const own = ["-o", `Dir::State::lists=${lists}`, "-o", `Dir::Cache=${join(temporary, "cache")}`];
  if (!(await run("apt-get", ["download", ...DEBIAN], temporary)).ok) {
    await mkdir(join(lists, "partial"), { recursive: true });
    await mkdir(join(temporary, "cache/archives/partial"), { recursive: true });
    await run("apt-get", ["update", ...own], temporary);
    const second = await run("apt-get", ["download", ...own, ...DEBIAN], temporary);
    if (!second.ok) throw new Skipped(`apt-get can't get ${DEBIAN.join(" and ")} here (${second.last})`);
  }
  const root = join(temporary, "root");
  for await (const name of glob("*.deb", { cwd: temporary })) {
    await need(run("dpkg", ["-x", join(temporary, name), root], temporary), `dpkg could not unpack ${name}`);
  }
  return join(root, "usr");
}

/**
 * Fetches faiss-node, what it needs and Node's headers into a project of their own:
 * an npm install in the operator's project would also prune and change other packages.
 */
async function fetchSources(run: Run, temporary: string): Promise<string> {
  const folder = join(temporary, "sources");
  await mkdir(folder);
  await writeFile(join(folder, "package.json"), '{ "private": true }\n');
  const install = ["install", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error", ...PACKAGES];
  await need(run("npm", install, folder), `npm could not fetch ${PACKAGES.join(" and ")}`);
  return join(folder, "node_modules");
}

/** Builds the addon; returns its path. */
async function compile(run: Run, sources: string, usr: string, temporary: string): Promise<string> {
  const compatibility = join(temporary, "compatibility.h");
  const addon = join(temporary, "faiss-node.node");
  await writeFile(compatibility, COMPATIBILITY);
  const includes = [join(sources, "node-api-headers/include"), join(sources, "node-addon-api"), join(usr, "include")];
  const libraries = [await findOne(usr, "libfaiss.a"), await findOne(usr, "libopenblas.a")];
  // Binding at load time makes a symbol that is missing an error of the build, not of a later search.
  const flags = [
    "-shared",
    "-fPIC",
    "-O2",
    "-s",
    "-std=c++17",
    "-fopenmp",
    "-DNAPI_VERSION=8",
    "-Wl,-z,now",
    "-include",
    compatibility,
  ];
  const args = [
    ...flags,
    ...includes.flatMap((path) => ["-I", path]),
    join(sources, "faiss-node/src/faiss.cc"),
    "-o",
    addon,
    ...libraries,
  ];
  await need(run("g++", args, temporary), "g++ could not build its addon");
  return addon;
}

/** Puts the package into the project, whole or not at all, with the two packages that load its addon inside it. */
async function place(addon: string, sources: string, project: string): Promise<void> {
  const aside = join(project, "node_modules", `.faiss-node-${process.pid}`);
  const target = join(project, "node_modules", "faiss-node");
  try {
    for (const part of ["package.json", "LICENSE", "lib"])
      await cp(join(sources, "faiss-node", part), join(aside, part), { recursive: true });
    for (const name of ["bindings", "file-uri-to-path"])
      await cp(join(sources, name), join(aside, "node_modules", name), { recursive: true });
    await cp(addon, join(aside, "build/Release/faiss-node.node"));
    await rm(target, { recursive: true, force: true });
    await rename(aside, target);
  } finally {
    await rm(aside, { recursive: true, force: true });
  }
}

async function findOne(usr: string, name: string): Promise<string> {
  for await (const path of glob(`lib/**/${name}`, { cwd: usr })) return join(usr, path);
  throw new Error(`${DEBIAN.join(" and ")} hold no ${name}`);
}

async function need(ran: Promise<Ran>, what: string): Promise<void> {
  const { ok, last } = await ran;
  if (!ok) throw new Error(`${what} (${last})`);
}

async function runTool(
  command: string,
  args: readonly string[],
  cwd: string,
  log: string,
  env: NodeJS.ProcessEnv | undefined,
): Promise<Ran> {
  const child = spawn(command, args, { cwd, stdio: ["ignore", "pipe", "pipe"], ...(env && { env }) });
  let said = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text: string) => {
      said += text;
    });
  }
  const code = await once(child, "close").then(
    ([exit]) => exit as number | null,
    (error: Error) => {
      said += error.message;
      return 127;
    },
  );
  await appendFile(log, `$ ${command} ${args.join(" ")}\n${said}\n(ended with ${code})\n\n`);
  const lines = said.trim().split("\n");
  const telling = lines.findLast((line) => /error|^E:/i.test(line)) ?? lines.at(-1) ?? "";
  return { ok: code === 0, last: telling.slice(0, 200) };
}

/** This package's own checkout, or the project that has it as a dependency. */
function projectRoot(): string {
  const root = packageRoot();
  return isCheckout(root) ? root : root.slice(0, root.lastIndexOf("node_modules") - 1);
}
