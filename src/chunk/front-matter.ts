import { eachLine } from "./lines.js";

/**
 * Where the front matter at a document's start ends, or 0 where there is none:
 * a first line of exactly `---` (YAML) or `+++` (TOML) up to the next such line.
 * Spaces and tabs may follow either.
 */
export function frontMatterEnd(source: string): number {
  const fence = source.slice(0, 3);
  if (fence !== "---" && fence !== "+++") return 0;
  for (const { start, end } of eachLine(source)) {
    const isFence = source.startsWith(fence, start) && /^[ \t]*$/.test(source.slice(start + 3, end));
    if (start === 0 && !isFence) return 0;
    if (start > 0 && isFence) return end;
  }
  return 0;
}
