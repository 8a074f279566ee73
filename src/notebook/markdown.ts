import { Marked, type Token } from "marked";
import { highlight } from "./highlight.js";
import type { MimeBundle } from "./outputs.js";
import { escapeHtml } from "./terminal.js";

const SAFE_LINK = /^(https?:|mailto:|#|\.{0,2}\/|[\w.-]+(\/|$|#))/i;
const SAFE_IMAGE = /^data:image\/(png|jpeg|gif|webp|svg\+xml);base64,[A-Za-z0-9+/=\s]+$/;

/**
 * HTML of a markdown cell. HTML in it is shown as text; links that would run
 * code lose their target; images come from the cell itself or stay links, so
 * that the page loads nothing.
 */
export function markdownHtml(source: string, attachments: Readonly<Record<string, MimeBundle>> = {}): string {
  const marked = new Marked({ gfm: true });
  marked.use({
    renderer: {
      html: ({ text }) => escapeHtml(text),
      code: ({ text, lang }) => `<pre><code>${highlight(text, (lang ?? "").split(/\s/)[0] ?? "")}</code></pre>\n`,
      link({ href, title, tokens }) {
        return anchor(href, this.parser.parseInline(tokens), title);
      },
      image({ href, title, text }) {
        const source = href.startsWith("attachment:") ? attached(attachments, href.slice("attachment:".length)) : href;
        if (SAFE_IMAGE.test(source)) return `<img src="${source}" alt="${escapeHtml(text)}"${titled(title)}>`;
        return anchor(href, escapeHtml(text || href), title);
      },
    },
  });
  return marked.parse(source, { async: false });
}

/** Text of the headings of a markdown cell, in order, without marks such as those of emphasis. */
export function headings(source: string): string[] {
  const tokens = new Marked({ gfm: true }).lexer(source);
  return tokens.flatMap((token) => (token.type === "heading" ? plain(token.tokens ?? []).trim() : [])).filter(Boolean);
}

function plain(tokens: readonly Token[]): string {
  return tokens
    .map((token) => ("tokens" in token && token.tokens ? plain(token.tokens) : "text" in token ? token.text : ""))
    .join("");
}

function anchor(href: string, inner: string, title: string | null | undefined): string {
  if (!SAFE_LINK.test(href)) return inner;
  return `<a href="${escapeHtml(href)}" rel="noopener noreferrer"${titled(title)}>${inner}</a>`;
}

function titled(title: string | null | undefined): string {
  return title ? ` title="${escapeHtml(title)}"` : "";
}

function attached(attachments: Readonly<Record<string, MimeBundle>>, name: string): string {
  const [mime, data] = Object.entries(attachments[decodeURIComponent(name)] ?? {})[0] ?? [];
  return mime === undefined ? "" : `data:${mime};base64,${String(data).replace(/\s/g, "")}`;
}
