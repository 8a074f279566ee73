/** The parts of the pages that are made from the code: what each marker stands for. */
import { type Declaration, publicDeclarations } from "./declarations.ts";
import { modelsTable } from "./models-tables.ts";
import { manifestTable, settingsTable } from "./schema-tables.ts";

const MARKED = /<!-- generated: ([^>]+?) -->\n[\s\S]*?<!-- end -->/g;

/** A page with its generated parts made anew. */
export function refreshed(text: string): string {
  const parts = new Map<string, string>();
  for (const what of markersOf(text)) parts.set(what, partOf(what));
  return text.replace(MARKED, (_, what: string) => `<!-- generated: ${what} -->\n\n${parts.get(what)}\n\n<!-- end -->`);
}

/** Names of the generated parts of a page. */
export function markersOf(text: string): string[] {
  return [...text.matchAll(MARKED)].map(([, what]) => what as string);
}

function partOf(what: string): string {
  if (what === "settings") return settingsTable();
  if (what === "types") return [...publicDeclarations().values()].filter(isStandalone).map(typeSection).join("\n\n");
  const [kind, name = ""] = what.split(" ");
  if (kind === "declaration") return declarationPart(name);
  if (kind === "manifest") return manifestTable(name);
  if (kind === "models") return modelsTable(name);
  throw new Error(`a page asks for the generated part ${JSON.stringify(what)}, which nothing makes`);
}

/** Types that no function's section holds already. */
function isStandalone({ name, kind }: Declaration): boolean {
  const functions = [...publicDeclarations().values()].filter((other) => other.kind === "function");
  return kind === "type" && !functions.some(({ code }) => optionsIn(code).includes(name));
}

/** The options that a signature takes: they are shown below it. */
function optionsIn(code: string): string[] {
  return [...code.matchAll(/\b(\w+Options)\b/g)].map(([, name]) => name as string);
}

function typeSection({ name, summary, code }: Declaration): string {
  return `### ${name}\n\n${summary}\n\n\`\`\`typescript\n${code}\n\`\`\``;
}

/** A function's signature, its options, what it says of itself, and its errors. */
function declarationPart(name: string): string {
  const declarations = publicDeclarations();
  const declaration = declarations.get(name);
  if (!declaration) throw new Error(`${name} is no export`);
  const { summary, code, throws } = declaration;
  const options = optionsIn(code)
    .map((type) => declarations.get(type))
    .filter((type) => type !== undefined);
  const blocks = [code, ...options.map((type) => type.code)].join("\n\n");
  const [prose = "", ...tags] = summary.split(/\n(?=@(?:param|returns))/);
  const lists = tags.map(
    (tag) =>
      `- ${tag
        .replace(/^@param (\w+)\s+/, "`$1`: ")
        .replace(/^@returns\s+/, "Returns ")
        .replace(/\n\s*/g, " ")}`,
  );
  const errors = throws.map((errorCode) => `[\`${errorCode}\`](errors.md#${errorCode})`).join(", ");
  return [prose.trim(), lists.join("\n"), `\`\`\`typescript\n${blocks}\n\`\`\``, errors && `Errors: ${errors}.`]
    .filter((part) => part !== "")
    .join("\n\n");
}
