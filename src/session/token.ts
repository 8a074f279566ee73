import { join } from "node:path";
import { parseEnv } from "node:util";
import { badSetting } from "../core/errors.js";
import { readOptional } from "./layers.js";

/** The token for the hub, from the environment or `.env`: no setting, so that it stands in no run, card or message. */
export async function hubToken(env: NodeJS.ProcessEnv): Promise<string | null> {
  const file = parseEnv((await readOptional(join(process.cwd(), ".env"))) ?? "");
  const token = (env["HF_TOKEN"] ?? file["HF_TOKEN"] ?? "").trim();
  if (token === "") return null;
  if (!/^[\x21-\x7e]+$/.test(token))
    throw badSetting("HF_TOKEN", "(not shown)", "env", "a token is one word of printable ASCII characters");
  return token;
}
