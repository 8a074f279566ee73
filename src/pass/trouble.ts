import { RagError } from "../core/errors.js";
import type { Trouble } from "./ladder.js";
import type { Member } from "./member.js";

/** What went wrong on the device, or null for an error that is no device's, such as Stop or a full disk. */
export function troubleOf(cause: unknown, member: Member): Trouble | null {
  if (!(cause instanceof RagError)) return null;
  if (cause.code === "inference_process_died") return member.watchdog ? "watchdog" : "died";
  if (cause.code === "out_of_memory") return "out_of_memory";
  if (cause.code === "inference_timeout" || cause.code === "model_load_timeout") return "timeout";
  if (cause.code === "inference_failed") return "refused";
  return null;
}
