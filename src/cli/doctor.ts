import { parseArgs } from "node:util";
import { missing, note } from "../core/checks.js";
import { checkTable, reasonOf } from "../doctor/check.js";
import { checkDevices } from "../doctor/devices.js";
import { checkDisk, checkMemory } from "../doctor/machine.js";
import { checkModels } from "../doctor/models.js";
import { machineChecks } from "../doctor/run.js";
import { type DoctorCheck, RagError } from "../index.js";
import { sessionsFolder } from "../session/folder.js";
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
  const checks = [
    ...(await machineChecks(root)),
    await checkDisk(sessionsFolder(io.env)),
    checkMemory(),
    ...(await sessionChecks(values.models, values["models-from"], root, io)),
  ];
  io.out.write(`rag-cells ${await packageVersion()} in ${root}\n${checkTable(checks)}`);
  const lacking = checks.filter(({ verdict }) => verdict === "missing").map(({ name }) => name);
  if (lacking.length === 0) return 0;
  io.out.write(`Needed and missing: ${lacking.join(", ")}\n`);
  return 1;
};

/** What a session in this folder would find. One that can't be opened, such as for a wrong setting, is a line of the table too. */
async function sessionChecks(
  keys: string | undefined,
  from: string | undefined,
  root: string,
  io: Io,
): Promise<DoctorCheck[]> {
  const models = keys === undefined ? undefined : modelList(keys);
  try {
    return await withModelsSession(io, from, async (session) => [
      models === null ? note("models", "not looked for") : await checkModels(session, models),
      ...(await checkDevices(session, root, models)),
    ]);
  } catch (error) {
    if (!(error instanceof RagError)) throw error;
    return [missing("models", reasonOf(error), "Correct it, then look again")];
  }
}
