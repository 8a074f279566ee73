import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import type { PackedModel } from "../schema/cache-types.js";
import type { InstalledPackage } from "./closure.js";

const TEXT = /^(?:licen[cs]e|copying|notice|third[-_ ]?party)[^/]*$/i;
const RULE = "=".repeat(80);

/** One text with the licences of every package of a kit, each with its own words, and of its models. */
export async function licencesText(
  packages: readonly InstalledPackage[],
  models: readonly PackedModel[],
  node: { readonly version: string; readonly licence: string | null },
): Promise<string> {
  const parts = [
    "Licences of what is in this kit. A licence is that of its package or model, not of rag-cells as a whole.\n",
    ...models.map(
      ({ key, hubId, licence, commercialUse }) =>
        `${RULE}\nModel ${plain(key)} (${plain(hubId)}): ${plain(licence)}${commercialUse === false ? ", no commercial use" : ""}\nIts page has the text.\n`,
    ),
    part(`Node.js ${node.version}`, "its own, and those of what it is made of", node.licence),
  ];
  for (const { name, version, licence, dir } of packages) {
    const files = (await readdir(dir)).filter((file) => TEXT.test(file)).sort();
    const texts = await Promise.all(files.map((file) => readFile(join(dir, file), "utf8").catch(() => "")));
    parts.push(part(`${name} ${version}`, licence, texts.join("\n").trim() || null));
  }
  return parts.join("\n");
}

function part(what: string, licence: string, text: string | null): string {
  return `${RULE}\n${plain(what)}: ${plain(licence)}\n\n${text?.replaceAll("\r\n", "\n") ?? "The package has no file with the text."}\n`;
}

/** Foreign text on one line. */
function plain(text: string): string {
  return text.replace(/[\p{C}\s]+/gu, " ").trim();
}
