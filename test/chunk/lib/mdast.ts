import type { Heading, Nodes, RootContent } from "mdast";
import { fromMarkdown } from "mdast-util-from-markdown";
import { frontmatterFromMarkdown } from "mdast-util-frontmatter";
import { gfmTableFromMarkdown } from "mdast-util-gfm-table";
import { frontmatter } from "micromark-extension-frontmatter";
import { gfmTable } from "micromark-extension-gfm-table";

/** A block as both parsers can tell it. */
export interface Outline {
  readonly kind: string;
  readonly start: number;
  readonly level: number;
  readonly items: readonly number[];
}

const KINDS: Readonly<Record<string, string>> = {
  heading: "heading",
  paragraph: "paragraph",
  definition: "paragraph",
  code: "code",
  html: "html",
  table: "table",
  list: "list",
  blockquote: "quote",
  thematicBreak: "break",
  yaml: "front_matter",
  toml: "front_matter",
};

/** A document's outermost nodes by an independent CommonMark parser. */
export function parse(source: string): readonly RootContent[] {
  return fromMarkdown(source, {
    extensions: [gfmTable(), frontmatter(["yaml", "toml"])],
    mdastExtensions: [gfmTableFromMarkdown(), frontmatterFromMarkdown(["yaml", "toml"])],
  }).children;
}

/** Where the line of a node begins. */
function lineStart(node: Nodes): number {
  const { offset = 0, column = 1 } = node.position?.start ?? {};
  return offset - column + 1;
}

/** The outermost blocks. Definitions count as paragraphs, and those on consecutive lines as one. */
export function outlineOf(nodes: readonly RootContent[]): Outline[] {
  const outline: Outline[] = [];
  let definitionEnd = -1;
  for (const node of nodes) {
    const kind = KINDS[node.type] ?? node.type;
    const start = lineStart(node);
    const follows = kind === "paragraph" && node.position?.start.line === definitionEnd + 1;
    definitionEnd = node.type === "definition" ? (node.position?.end.line ?? -1) : -1;
    if (follows) continue;
    outline.push({
      kind,
      start,
      level: node.type === "heading" ? node.depth : 0,
      items: node.type === "list" ? node.children.map(lineStart) : [],
    });
  }
  return outline;
}

/** The section that an offset stands in: the titles of the headings above it. */
export function sectionsOf(nodes: readonly RootContent[]): (at: number) => string[] {
  const headings = nodes.filter((node): node is Heading => node.type === "heading");
  return (at) => {
    const above: Heading[] = [];
    for (const heading of headings) {
      if (lineStart(heading) > at) break;
      while ((above.at(-1)?.depth ?? 0) >= heading.depth) above.pop();
      above.push(heading);
    }
    return above.map((heading) => plain(heading).replace(/\s+/g, " ").trim()).filter((title) => title !== "");
  };
}

function plain(node: Nodes): string {
  if (node.type === "html") return "";
  if ("value" in node) return node.value;
  if ("alt" in node) return node.alt ?? "";
  return "children" in node ? node.children.map(plain).join("") : "";
}
