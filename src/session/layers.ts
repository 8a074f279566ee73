import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { parseEnv } from "node:util";
import { badConfigFile } from "../core/errors.js";
import { configKeys, environmentKeys, readVariable, type SettingsLayer, settingNames } from "../schema/settings.js";
import type { Settings } from "../schema/settings-types.js";

export async function configLayers(cwd: string): Promise<SettingsLayer[]> {
  const layers: SettingsLayer[] = [];
  for (const file of ["config/embedder.json", "config/embedder.config.json"]) {
    const text = await readOptional(join(cwd, file));
    if (text === null) continue;
    layers.push({ layer: "config", source: `config:${file}`, values: fromConfig(text, file) });
  }
  const text = await readOptional(join(cwd, ".env"));
  if (text !== null) layers.push({ layer: "environment", source: "env-file", values: fromEnvironment(parseEnv(text)) });
  return layers;
}

/** Reference key names and this library's own are both read; an unknown key is an error, not a shrug. */
function fromConfig(text: string, file: string): Record<string, unknown> {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    throw badConfigFile(file, `it is no JSON (${(error as Error).message})`);
  }
  if (typeof json !== "object" || json === null || Array.isArray(json)) throw badConfigFile(file, "it holds no object");
  const values: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(json)) {
    const setting = Object.hasOwn(configKeys, key) ? configKeys[key] : key;
    if (!settingNames.includes(setting as keyof Settings)) {
      throw badConfigFile(
        file,
        `it has no setting ${JSON.stringify(key)}; known are ${[...Object.keys(configKeys), ...settingNames].join(", ")}`,
      );
    }
    values[setting as string] = value;
  }
  return values;
}

export function fromEnvironment(env: NodeJS.Dict<string>): Record<string, unknown> {
  const values: Record<string, unknown> = {};
  for (const [variable, { setting, kind }] of Object.entries(environmentKeys)) {
    const text = env[variable];
    if (text !== undefined && text.trim() !== "") values[setting] = readVariable(text, kind);
  }
  return values;
}

export async function readOptional(path: string): Promise<string | null> {
  return readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT" || error.code === "ENOTDIR") return null;
    throw badConfigFile(path, error.message);
  });
}
