import { fileURLToPath } from "node:url";
import type { DoctorCheck, DoctorReport } from "../schema/doctor-types.js";
import { contextOf, type Session } from "../stage/context.js";
import { withCard } from "../stage/present.js";
import { checkDevices } from "./devices.js";
import { checkInference } from "./inference.js";
import { checkDisk, checkMemory, checkNode } from "./machine.js";
import { checkModels } from "./models.js";
import { checkFaiss, checkKernel } from "./packages.js";

/**
 * Looks at everything a session needs before it needs it: Node, the kernel, the inference
 * runtime, models, disk, memory, and the devices that its settings name: driver, GPUs,
 * the provider's file, every library that it asks for, memory and what else is in it.
 * A small model computes one vector on each device. Nothing is fetched or changed.
 *
 * @returns a check for each thing, with a verdict and what to do; what is missing is no error
 * @throws RagError `not_a_session`, `session_closed`
 */
export async function doctor(session: Session): Promise<DoctorReport> {
  contextOf(session);
  const began = performance.now();
  const root = fileURLToPath(new URL("../../", import.meta.url));
  const checks = [
    ...(await machineChecks(root)),
    await checkModels(session),
    await checkDisk(session.dir),
    checkMemory(),
    ...(await checkDevices(session, root)),
  ];
  return withCard({
    kind: "doctor_report",
    ok: checks.every(({ verdict }) => verdict !== "missing"),
    device: session.settings.device,
    checks,
    seconds: (performance.now() - began) / 1000,
  });
}

/** What no session is needed for. @param root the package's folder */
export async function machineChecks(root: string): Promise<DoctorCheck[]> {
  return [checkNode(), checkKernel(), await checkInference(root), await checkFaiss(root)];
}
