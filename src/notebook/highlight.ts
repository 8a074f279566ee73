import { createRequire } from "node:module";
import { escapeHtml } from "./terminal.js";

/** The part of highlight.js used here; its own types would bring the browser's into every file. */
interface Highlighter {
  registerLanguage(name: string, language: unknown): void;
  getLanguage(name: string): unknown;
  highlight(code: string, options: { language: string; ignoreIllegals: boolean }): { value: string };
}

const LANGUAGES: ReadonlySet<string> = new Set(["typescript", "ts", "javascript", "js"]);

/** HTML of a piece of code: TypeScript and JavaScript with `hljs-*` classes, anything else escaped. */
export function highlight(code: string, language: string): string {
  if (!LANGUAGES.has(language)) return escapeHtml(code);
  const require = createRequire(import.meta.url);
  const highlighter = require("highlight.js/lib/core") as Highlighter;
  if (!highlighter.getLanguage("typescript")) {
    highlighter.registerLanguage("typescript", require("highlight.js/lib/languages/typescript"));
  }
  return highlighter.highlight(code, { language: "typescript", ignoreIllegals: true }).value;
}
