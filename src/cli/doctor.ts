import { parseArgs } from "node:util";
import { type Check, checkTable, missing, note, reasonOf } from "../doctor/check.js";
import { checkGpus, checkProvider } from "../doctor/gpu.js";
import { checkInference } from "../doctor/inference.js";
import { checkDisk, checkMemory, checkNode } from "../doctor/machine.js";
import { checkModels } from "../doctor/models.js";
import { checkFaiss, checkKernel } from "../doctor/packages.js";
import { sessionsFolder } from "../session.js";
import type { Io, Verb } from "./io.js";
import { modelList, withModelsSession } from "./models-session.js";
import { packageRoot, packageVersion } from "./package-root.js";

/** `rag-cells doctor`: a table of what works here, a line each with what to do. The exit code is 1 where something needed is missing. */
export const doctor: Verb = async (args, io) => {
  const { values } = parseArgs({
    args: [...args],
    options: { models: { type: "string" }, "models-from": { type: "string" } },
  });
  const root = packageRoot();
  const checks: Check[] = [
    checkNode(),
    checkKernel(),
    await checkInference(root),
    await checkFaiss(root),
    await modelsCheck(values.models, values["models-from"], io),
    await checkDisk(sessionsFolder(io.env)),
    checkMemory(),
    await checkGpus(io.env),
    await checkProvider(root, io.env),
  ];
  io.out.write(`rag-cells ${await packageVersion()} in ${root}\n${checkTable(checks)}`);
  const lacking = checks.filter(({ verdict }) => verdict === "missing").map(({ name }) => name);
  if (lacking.length === 0) return 0;
  io.out.write(`Needed and missing: ${lacking.join(", ")}\n`);
  return 1;
};

/** A session that can't be opened, such as for a wrong setting, is a line of the table too. */
async function modelsCheck(keys: string | undefined, from: string | undefined, io: Io): Promise<Check> {
  const models = keys === undefined ? undefined : modelList(keys);
  if (models === null) return note("models", "not looked for");
  try {
    return await withModelsSession(io, from, (session) => checkModels(session, models));
  } catch (error) {
    return missing("models", reasonOf(error), "Correct it, then look again");
  }
}
