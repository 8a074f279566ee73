import { readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { fromMarkdown } from "mdast-util-from-markdown";

/** The repository's root. */
export const root = resolve(import.meta.dirname, "../..");

/** Every page that a reader is sent to, from the root. */
export const pageNames: readonly string[] = [
  "README.md",
  "CHANGELOG.md",
  "kaggle/README.md",
  ...readdirSync(join(root, "docs"), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".md"))
    .map((name) => `docs/${name.replaceAll("\\", "/")}`)
    .sort(),
];

/** A fenced code block; `line` is that of its first line of code, 1-based. */
export interface CodeBlock {
  readonly language: string;
  readonly code: string;
  readonly line: number;
}

export interface Page {
  readonly name: string;
  readonly text: string;
  /** Anchors that GitHub makes of the headings. */
  readonly anchors: ReadonlySet<string>;
  readonly headings: readonly string[];
  readonly links: readonly { readonly target: string; readonly line: number }[];
  readonly blocks: readonly CodeBlock[];
}

/** The part of a Markdown node that is used here. */
interface Node {
  readonly type: string;
  readonly value?: string;
  readonly url?: string;
  readonly lang?: string | null;
  readonly children?: readonly Node[];
  readonly position?: { readonly start: { readonly line: number } } | undefined;
}

/** Reads a page: its headings, links, images and code. */
export function readPage(name: string): Page {
  return parsePage(name, readFileSync(join(root, name), "utf8"));
}

export function parsePage(name: string, text: string): Page {
  const headings: string[] = [];
  const anchors = new Set<string>();
  const links: { target: string; line: number }[] = [];
  const blocks: CodeBlock[] = [];
  const visit = (node: Node): void => {
    const line = node.position?.start.line ?? 0;
    if (node.type === "heading") {
      const heading = textOf(node);
      headings.push(heading);
      anchors.add(freshAnchor(slug(heading), anchors));
    }
    if (["link", "image", "definition"].includes(node.type)) links.push({ target: node.url ?? "", line });
    if (node.type === "code") blocks.push({ language: node.lang ?? "", code: node.value ?? "", line: line + 1 });
    node.children?.forEach(visit);
  };
  visit(fromMarkdown(text) as Node);
  return { name, text, anchors, headings, links, blocks };
}

function textOf(node: Node): string {
  return node.value ?? node.children?.map(textOf).join("") ?? "";
}

/** A heading's anchor as GitHub makes it: lower case, punctuation gone, spaces to hyphens. */
export function slug(heading: string): string {
  return heading
    .toLowerCase()
    .replace(/[^\p{L}\p{M}\p{N}\p{Pc}\- ]/gu, "")
    .replaceAll(" ", "-");
}

/** GitHub numbers an anchor that is there already. */
function freshAnchor(anchor: string, taken: ReadonlySet<string>): string {
  for (let n = 0; ; n++) {
    const candidate = n === 0 ? anchor : `${anchor}-${n}`;
    if (!taken.has(candidate)) return candidate;
  }
}
