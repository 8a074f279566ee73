import type { DeviceKind } from "../../schema/device-types.js";
export function deviceKindOf(settings: { readonly device: string }): DeviceKind {
  return settings.device === "auto" ? "cpu" : (settings.device as DeviceKind);
}
