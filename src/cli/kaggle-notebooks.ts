import { mkdir } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { badArguments } from "../core/errors.js";
import { kaggleFiles } from "../kit/kaggle-files.js";
import { writePushFolder } from "../kit/push-folder.js";
import { writeWhole } from "../notebook/files.js";
import type { Io } from "./io.js";
import { packageRoot } from "./package-root.js";
import { shownPath, table } from "./run-notebook.js";

/** `rag-cells kaggle notebooks`: this package's notebooks for Kaggle. */
export async function notebooks(args: readonly string[], io: Io): Promise<number> {
  const { values } = parseArgs({ args: [...args], options: { out: { type: "string" } } });
  if (values.out === undefined) throw badArguments("kaggle notebooks", "name the folder to write to with --out.");
  const out = resolve(io.cwd, values.out);
  const files = await kaggleFiles(packageRoot());
  await mkdir(out, { recursive: true });
  for (const [name, text] of files) await writeWhole(join(out, name), text);
  io.out.write(`${[...files.keys()].join(", ")} in ${shownPath(out, io)}\n`);
  return 0;
}

/** `rag-cells kaggle push-folder`: one notebook, ready for Kaggle's command line. */
export async function pushFolder(args: readonly string[], io: Io): Promise<number> {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      out: { type: "string" },
      id: { type: "string" },
      dataset: { type: "string", multiple: true },
      title: { type: "string" },
      "no-gpu": { type: "boolean", default: false },
      internet: { type: "boolean", default: false },
    },
  });
  const [given, ...more] = positionals;
  const { out, id, dataset, title } = values;
  const verb = "kaggle push-folder";
  if (given === undefined || more.length > 0) throw badArguments(verb, "name one notebook.");
  if (out === undefined) throw badArguments(verb, "name the folder to write to with --out.");
  if (id === undefined) throw badArguments(verb, "say what the notebook is called on Kaggle with --id OWNER/SLUG.");
  if (dataset === undefined)
    throw badArguments(verb, "name the dataset that holds the kit with --dataset OWNER/SLUG; others may follow.");
  const path = resolve(io.cwd, given);
  const own = dirname(path) === join(packageRoot(), "notebooks");
  const dir = resolve(io.cwd, out);
  const options = { title, gpu: !values["no-gpu"], internet: values.internet };
  const metadata = await writePushFolder(dir, path, own, id, dataset, options);
  io.out.write(
    table([
      ["notebook", metadata.code_file],
      ["id", metadata.id],
      ["title", metadata.title],
      ["GPU", metadata.machine_shape ?? "none"],
      ["internet", metadata.enable_internet ? "on" : "off"],
      ["datasets", metadata.dataset_sources.join(", ")],
    ]),
  );
  io.out.write(`Next: kaggle kernels push -p ${shownPath(dir, io)}\n`);
  return 0;
}
