/** Headings longer than this many characters are not read as inline markup: their text is taken as it stands. */
const LONGEST_READ = 1000;

/** Characters of a title that a section path keeps. The whole heading is in the section's first chunk. */
const LONGEST_TITLE = 300;

/** Characters that can be inline markup outside of code: an underscore inside a word can't. */
const MARKUP = /[\\*[\]<>]|&[#\w]+;|(?<!\w)_|_(?!\w)/;

interface InlineNode {
  readonly type: string;
  readonly value?: string;
  readonly alt?: string | null;
  readonly children?: readonly InlineNode[];
}

/** The plain text of a heading, given its lines. */
export type HeadingText = (lines: string) => string;

/**
 * Loads what reads inline markup, and returns the function that turns a heading
 * into one line of plain text of at most 300 characters: `## The \`run\` [verb](x)`
 * becomes `The run verb`. References to link definitions stay as written.
 */
export async function headingReader(): Promise<HeadingText> {
  const { fromMarkdown } = await import("mdast-util-from-markdown");
  return (lines) => {
    if (lines.length > LONGEST_READ) return titleOf(withoutHashes(lines.slice(0, LONGEST_READ)));
    const underline = Math.max(lines.lastIndexOf("\n"), lines.lastIndexOf("\r"));
    const content = underline === -1 ? withoutHashes(lines) : lines.slice(0, underline);
    return titleOf(withoutCode(content) ?? textOf(fromMarkdown(lines) as InlineNode));
  };
}

/** Text whose only markup is code between single backticks, which most headings are; null where there may be more to it. */
function withoutCode(text: string): string | null {
  if (text.includes("``")) return null;
  const parts = text.split("`");
  return parts.length % 2 === 1 && !parts.some((part, i) => i % 2 === 0 && MARKUP.test(part)) ? parts.join("") : null;
}

/** The content of an ATX heading: without the hashes before it, and those that may close it. */
function withoutHashes(line: string): string {
  const content = line.trim().replace(/^#{1,6}(?=\s|$)/, "");
  let end = content.length;
  while (content[end - 1] === "#") end--;
  return end === 0 || /\s/.test(content[end - 1] as string) ? content.slice(0, end) : content;
}

function textOf(node: InlineNode): string {
  if (node.type === "html") return "";
  if (node.type === "break") return " ";
  return node.value ?? node.alt ?? node.children?.map(textOf).join("") ?? "";
}

function titleOf(text: string): string {
  const title = text.replace(/\s+/g, " ").trim();
  if (title.length <= LONGEST_TITLE) return title;
  const cut = title.slice(0, LONGEST_TITLE - 1);
  return `${/[\ud800-\udbff]$/.test(cut) ? cut.slice(0, -1) : cut}…`;
}
