import { resolve } from "node:path";
import { parseArgs } from "node:util";
import { badArguments } from "../core/errors.js";
import { primeCache, type Session } from "../index.js";
import { packKit } from "../kit/pack.js";
import { unpackKit } from "../kit/unpack.js";
import type { Io, Verb } from "./io.js";
import { notebooks, pushFolder } from "./kaggle-notebooks.js";
import { modelList, withModelsSession } from "./models-session.js";
import { packageRoot } from "./package-root.js";
import { shownPath, table } from "./run-notebook.js";

/** `rag-cells kaggle ...`: the kit for a notebook without internet, and notebooks that use it. */
export const kaggle: Verb = async ([verb, ...args], io) => {
  if (verb === "pack") return pack(args, io);
  if (verb === "unpack") return unpack(args, io);
  if (verb === "notebooks") return notebooks(args, io);
  if (verb === "push-folder") return pushFolder(args, io);
  throw badArguments("kaggle", "say pack, unpack, notebooks or push-folder.");
};

async function pack(args: readonly string[], io: Io): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      out: { type: "string" },
      models: { type: "string" },
      "session-settings": { type: "boolean", default: false },
      "models-from": { type: "string" },
      device: { type: "string" },
      title: { type: "string" },
      id: { type: "string" },
    },
  });
  const { out, title, id, device } = values;
  if (out === undefined) throw badArguments("kaggle pack", "name the folder to write to with --out.");
  if ((values.models === undefined) === !values["session-settings"])
    throw badArguments(
      "kaggle pack",
      "say which models go into the kit: --models KEYS, --models none, or --session-settings for those that a session here would use.",
    );
  const began = performance.now();
  const models = values.models === undefined ? undefined : modelList(values.models);
  const work = async (session: Session) => {
    // Models that are not here yet are fetched now, where there is a network.
    if (models !== null) await primeCache(session, models);
    return packKit(session, resolve(io.cwd, out), packageRoot(), { models, title, id });
  };
  // The weights follow the device; a word that is no device is refused with the settings.
  const more = device === undefined ? {} : { device: device as Session["settings"]["device"] };
  const { dir, kit, files, written } = await withModelsSession(io, values["models-from"], work, more);
  const megabytes = (bytes: number) => `${(bytes / 1e6).toFixed(1)} MB`;
  const all = [...files.values()].reduce((sum, bytes) => sum + bytes, 0);
  const archives = Object.values(kit.archives);
  const unpacked = archives.flatMap((one) => Object.values(one.files)).reduce((sum, { bytes }) => sum + bytes, 0);
  io.out.write(
    table([
      ["kit", shownPath(dir, io)],
      ["size", `${megabytes(all)} in ${files.size} files, ${megabytes(unpacked)} of packages when unpacked`],
      ...Object.entries(kit.archives).map(
        ([name, one]) => [name, `${megabytes(one.bytes)}, ${Object.keys(one.files).length} files`] as const,
      ),
      ["models", kit.models.join(", ") || "none"],
      ["CUDA provider", kit.cuda ? "in it" : "not in it: models compute on the CPU"],
      ["written", `${written.length} of ${files.size} files in ${((performance.now() - began) / 1000).toFixed(1)} s`],
    ]),
  );
  io.out.write(`Next: see README.md in it, then kaggle datasets create -p ${shownPath(dir, io)}\n`);
  return 0;
}

async function unpack(args: readonly string[], io: Io): Promise<number> {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: { to: { type: "string" } },
  });
  const [from, ...more] = positionals;
  if (from === undefined || more.length > 0) throw badArguments("kaggle unpack", "name one folder that holds a kit.");
  const to = values.to === undefined ? null : resolve(io.cwd, values.to);
  const { dir, written } = await unpackKit(resolve(io.cwd, from), to, io.stopSignal());
  io.out.write(`${written ? "Checked and unpacked to" : "Checked; it stands in"} ${dir}\n`);
  io.out.write(`Run it: ${dir}/node_modules/.bin/node ${dir}/dist/cli/main.js doctor\n`);
  return 0;
}
