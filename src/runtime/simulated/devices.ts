import { deviceNotUsable } from "../../core/errors.js";
import type { Settings } from "../../schema/settings-types.js";
import type { UsableDevice } from "../devices/types.js";

/** The GPUs that the setting `simulation` names or describes. @throws RagError `device_not_usable` */
export async function simulatedDevices(settings: Pick<Settings, "simulation">): Promise<readonly UsableDevice[]> {
  throw deviceNotUsable("simulated", `There is no simulation ${settings.simulation} yet`, "Take another device");
}
