import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { root } from "./pages.ts";

/** One export of the package, as its declaration file has it. */
export interface Declaration {
  readonly name: string;
  readonly kind: "function" | "type" | "class" | "const";
  /** What stands above it, without stars and `@throws` lines. */
  readonly summary: string;
  /** Error codes that its `@throws RagError` lines name. */
  readonly throws: readonly string[];
  /** The statement, without `export declare` and the comment above it. */
  readonly code: string;
}

/** Every export of `dist/index.d.ts`, by name, in the order of the alphabet. */
export function publicDeclarations(): ReadonlyMap<string, Declaration> {
  const found = new Map<string, Declaration>();
  const index = readFileSync(join(root, "dist/index.d.ts"), "utf8");
  const statements = [...index.matchAll(/^export (?:type )?(?:\{([^}]*)\}|\*) from "(\.\/[^"]+)\.js";$/gm)];
  const exportLines = index.split("\n").filter((line) => line.startsWith("export "));
  if (statements.length !== exportLines.length)
    throw new Error(`dist/index.d.ts has ${exportLines.length} exports, ${statements.length} were understood`);
  for (const [, names, file] of statements) {
    const declarations = declarationsIn(join(root, dirname("dist/index.d.ts"), `${file}.d.ts`));
    const wanted = names?.split(",").map((name) => name.trim().replace(/^type /, "")) ?? [...declarations.keys()];
    for (const name of wanted) {
      const declaration = declarations.get(name);
      if (!declaration) throw new Error(`${file}.d.ts does not declare ${name}`);
      found.set(name, declaration);
    }
  }
  return new Map([...found].sort(([a], [b]) => (a.toLowerCase() < b.toLowerCase() ? -1 : 1)));
}

/** The exported statements of a declaration file. The compiler writes one a paragraph: a comment, then lines up to one that closes it. */
export function declarationsIn(path: string): Map<string, Declaration> {
  const lines = readFileSync(path, "utf8").split("\n");
  const found = new Map<string, Declaration>();
  let comment: string[] = [];
  for (let at = 0; at < lines.length; at++) {
    const line = lines[at] as string;
    if (line.startsWith("/**")) {
      comment = [];
      while (!(lines[at] as string).endsWith("*/")) comment.push(lines[at++] as string);
      comment.push(lines[at] as string);
      continue;
    }
    const head = /^export (?:declare )?(?:async )?(function\*?|class|interface|type|const) (\w+)/.exec(line);
    if (!head) {
      comment = [];
      continue;
    }
    const code = [line];
    while (!/^\}|;$/.test(code.at(-1) as string) || /^ /.test(code.at(-1) as string)) code.push(lines[++at] as string);
    const [, word, name] = head as unknown as [string, string, string];
    if (!found.has(name)) found.set(name, declarationOf(name, word, comment, code.join("\n")));
    comment = [];
  }
  return found;
}

function declarationOf(name: string, word: string, comment: readonly string[], code: string): Declaration {
  const text = comment
    .map((line) =>
      line
        .replace(/^\/\*\* ?/, "")
        .replace(/ ?\*\/$/, "")
        .replace(/^ \* ?/, ""),
    )
    .join("\n")
    .replace(/\{@link (\w+)[^}]*\}/g, "`$1`");
  const [summary = "", ...rest] = text.split(/(?=@throws)/);
  const kind = word === "interface" ? "type" : (word.replace("*", "") as Declaration["kind"]);
  return {
    name,
    kind,
    summary: summary.trim(),
    throws: [
      ...new Set(
        rest.flatMap((part) =>
          [...part.matchAll(/`([a-z][a-z0-9]*_[a-z0-9_]+|stopped)`/g)].map(([, errorCode]) => errorCode as string),
        ),
      ),
    ],
    code: code
      .replace(/^export declare /, "")
      .replace(/^export /, "")
      .replace(/^ {4}/gm, "  "),
  };
}
