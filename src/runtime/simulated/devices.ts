import { readFile } from "node:fs/promises";
import { badSimulation } from "../../core/errors.js";
import type { Settings } from "../../schema/settings-types.js";
import { checkSimulation, namedSimulations } from "../../schema/simulated.js";
import type { Simulation } from "../../schema/simulated-types.js";
import type { UsableDevice } from "../devices/types.js";
import { makeStateFolder } from "./state-folder.js";

/** The GPUs of each simulation of this process, by what it says: two sessions with the same one share them, as they would real ones. */
const made = new Map<string, readonly UsableDevice[]>();

/**
 * The GPUs that the setting `simulation` names or describes, as this process sees them: other processes have others.
 *
 * @throws RagError `bad_simulation`
 */
export async function simulatedDevices(settings: Pick<Settings, "simulation">): Promise<readonly UsableDevice[]> {
  const simulation = await readSimulation(settings.simulation);
  const key = JSON.stringify(simulation);
  const devices = made.get(key) ?? makeDevices(simulation);
  made.set(key, devices);
  return devices;
}

/** What a simulation is: one that has a name, or a file's. @throws RagError `bad_simulation` */
export async function readSimulation(name: string): Promise<Simulation> {
  const named = namedSimulations.get(name);
  if (named) return named;
  const names = [...namedSimulations.keys()];
  const text = await readFile(name, "utf8").catch((error: NodeJS.ErrnoException) => {
    throw badSimulation(name, names, `it can't be read as a file (${error.code ?? error.message})`);
  });
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw badSimulation(name, names, `it is no JSON (${(error as Error).message})`);
  }
  const checked = checkSimulation(value);
  if ("problem" in checked) throw badSimulation(name, names, checked.problem);
  return checked.ok;
}

function makeDevices(simulation: Simulation): readonly UsableDevice[] {
  const { stateDir, smi, uuids } = makeStateFolder(simulation);
  return simulation.gpus.map((gpu, index) => ({
    kind: "simulated" as const,
    name: `simulated:${index}`,
    product: gpu.product,
    index,
    uuid: uuids[index] as string,
    memoryBytes: gpu.memoryBytes,
    computeCapability: gpu.computeCapability,
    provider: { kind: "simulated" as const, index, gpu, stateDir },
    env: {},
    smi: { command: smi, env: {} },
  }));
}
