import { missing, note, ok } from "../core/checks.js";
import { RagError } from "../core/errors.js";
import { wantedCards } from "../models/prime.js";
import { shelfOf } from "../models/shelf.js";
import { cudaChecks, cudaDevices, lookAtCuda } from "../runtime/devices/cuda.js";
import { requireDtype } from "../runtime/devices/dtype.js";
import { deviceKindOf } from "../runtime/devices/kind.js";
import { usableDevices } from "../runtime/devices/resolve.js";
import type { UsableDevice } from "../runtime/devices/types.js";
import type { DoctorCheck } from "../schema/doctor-types.js";
import type { Settings } from "../schema/settings-types.js";
import { contextOf, type Session } from "../stage/context.js";
import { reasonOf } from "./check.js";
import { checkInference } from "./inference.js";

/**
 * The devices that a session computes on, a line for each thing that decides whether they
 * can be used, and where they can, a vector computed there.
 *
 * @param root the package's folder
 * @param models registry keys, in place of the session's own models; null for none
 */
export async function checkDevices(
  session: Session,
  root: string,
  models?: readonly string[] | null,
): Promise<DoctorCheck[]> {
  const weights = (devices: readonly UsableDevice[]) => (models === null ? [] : checkWeights(session, devices, models));
  const { settings } = session;
  const { env, deviceKind } = contextOf(session);
  const asked = `device: "${settings.device}"`;
  if (deviceKind === "cpu") {
    const idle = settings.device === "cpu" && deviceKindOf("auto", env) === "cuda";
    return [
      idle
        ? note("device", `${asked}: models compute on the CPU, beside a GPU that stays idle`, 'device: "auto" takes it')
        : ok("device", `${asked}: models compute on the CPU`),
      ...weights([]),
    ];
  }
  if (deviceKind === "cuda") {
    const look = await lookAtCuda(env);
    const checks = cudaChecks(look, settings);
    const devices = checks.some(({ verdict }) => verdict === "missing") ? [] : cudaDevices(look, settings);
    return [
      devices.length === 0
        ? missing("device", `${asked}: the GPUs can't be used`, "See the lines below")
        : ok("device", `${asked}: ${devices.map(({ name }) => name).join(", ")}`),
      ...checks,
      ...weights(devices),
      ...(await inferenceOn(root, devices, settings)),
    ];
  }
  try {
    const devices = await usableDevices(settings, env);
    const names = devices.map(({ name, product }) => `${name} (${product})`).join(", ");
    return [
      ok("device", `${asked}: ${names}`),
      ...weights(devices),
      ...(deviceKind === "simulated" ? [] : await inferenceOn(root, devices, settings)),
    ];
  } catch (error) {
    return [missing("device", reasonOf(error), "Correct it, or take another device")];
  }
}

/** One after another: each takes memory on its device while it is tried. */
async function inferenceOn(root: string, devices: readonly UsableDevice[], settings: Settings): Promise<DoctorCheck[]> {
  const checks: DoctorCheck[] = [];
  for (const device of devices) checks.push(await checkInference(root, device, settings));
  return checks;
}

/** Which weights of each model would be loaded. */
function checkWeights(session: Session, devices: readonly UsableDevice[], models?: readonly string[]): DoctorCheck[] {
  try {
    const shelf = shelfOf(session);
    const loaded = wantedCards(shelf, session, models).map((card) => {
      const dtype = shelf.places.dtype(card);
      for (const device of devices) requireDtype(card, dtype, device);
      return `${card.key} ${dtype}`;
    });
    return [ok("weights", `dtype: "${session.settings.dtype}": ${loaded.join(", ")}`)];
  } catch (error) {
    if (!(error instanceof RagError)) throw error;
    return [missing("weights", reasonOf(error), 'Take dtype: "auto", or another model')];
  }
}
