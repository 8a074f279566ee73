import { CPU, type UsableDevice } from "./types.js";
export async function usableDevices(_settings: unknown): Promise<readonly UsableDevice[]> {
  return [CPU];
}
