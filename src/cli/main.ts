#!/usr/bin/env node
import { nodeTooOld, RagError, unknownVerb } from "../core/errors.js";
import type { Verb } from "./io.js";
import { journey } from "./journey.js";
import { kernel } from "./kernel.js";
import { lab } from "./lab.js";
import { link } from "./link.js";
import { nearNames } from "./near.js";
import { packageVersion } from "./package-root.js";
import { parity } from "./parity.js";
import { run } from "./run.js";

const HELP = `rag-cells turns a folder of documents into a searchable collection, one notebook cell a stage.

  rag-cells journey                            run the sample journey; results in out/sample/
  rag-cells run NOTEBOOK [--out DIR] [--html]  run a notebook in a TypeScript kernel, without Python
  rag-cells parity [--write] [--baseline FILE] compare the sample collection with a dense-only one and a baseline
  rag-cells pack-session DIR [--to FILE]       pack a session, whose kernel is gone, for another machine
  rag-cells kernel [--prefix DIR | --print]    make the kernel known to Jupyter, or only show its kernelspec
  rag-cells lab [ARGUMENTS]                    open JupyterLab with the kernel at hand
  rag-cells kaggle pack --out DIR (--models KEYS | --session-settings) [--models-from DIR] [--device D]
                [--title T] [--id OWNER/SLUG]
                                               make a Kaggle dataset for notebooks without internet
  rag-cells kaggle unpack DIR [--to DIR]       check such a dataset and unpack it
  rag-cells kaggle notebooks --out DIR         write the sample notebooks for Kaggle's Python kernel
  rag-cells kaggle push-folder NOTEBOOK --out DIR --id OWNER/SLUG --dataset OWNER/SLUG [--title T] [--no-gpu] [--internet]
                                               make a folder for kaggle kernels push
  rag-cells doctor [--models KEYS] [--models-from DIR]
                                               say in one table what works here
  rag-cells setup-faiss                        build the optional faiss-node on this machine
  rag-cells link                               make a checkout importable as "rag-cells" in its own notebooks
  rag-cells help | version
`;

const VERBS: Readonly<Record<string, Verb>> = {
  journey,
  run,
  parity,
  kernel,
  lab,
  link,
  "pack-session": async (args, io) => (await import("./pack-session.js")).packSession(args, io),
  kaggle: async (args, io) => (await import("./kaggle.js")).kaggle(args, io),
  doctor: async (args, io) => (await import("./doctor.js")).doctor(args, io),
  "setup-faiss": async () => (await import("./setup-faiss.js")).setupFaiss(),
  help: async (_args, io) => {
    io.out.write(HELP);
    return 0;
  },
  version: async (_args, io) => {
    io.out.write(`${await packageVersion()}\n`);
    return 0;
  },
};

const ALIASES: Readonly<Record<string, string>> = {
  "--help": "help",
  "-h": "help",
  "--version": "version",
  "-v": "version",
};

async function main(args: readonly string[]): Promise<number> {
  const [major, minor] = process.versions.node.split(".").map(Number) as [number, number];
  if (major < 22 || (major === 22 && minor < 13)) throw nodeTooOld(process.versions.node);
  const word = args[0] ?? "help";
  const name = ALIASES[word] ?? word;
  const verb = Object.hasOwn(VERBS, name) ? VERBS[name] : undefined;
  if (verb === undefined) throw unknownVerb(word, nearNames(word, Object.keys(VERBS)), Object.keys(VERBS));
  return verb(args.slice(1), { env: process.env, cwd: process.cwd(), out: process.stdout, stopSignal: stopOnSignals });
}

/** The first signal stops the work in order, a second one at once. */
function stopOnSignals(): AbortSignal {
  const stop = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    process.on(signal, () => {
      if (stop.signal.aborted) process.exit(130);
      stop.abort();
    });
  }
  return stop.signal;
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  const wrongArguments =
    error instanceof TypeError && String((error as NodeJS.ErrnoException).code).startsWith("ERR_PARSE_ARGS");
  if (error instanceof RagError) process.stderr.write(`${error.message}\n`);
  else if (wrongArguments) process.stderr.write(`${error.message}\nSee: rag-cells help\n`);
  else process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
  process.exitCode = 1;
}
