import { markdownHtml } from "./markdown.js";
import type { MimeBundle, Output } from "./outputs.js";
import { escapeHtml, terminalHtml } from "./terminal.js";

const IMAGES: Readonly<Record<string, string>> = { "image/png": "png", "image/jpeg": "jpeg", "image/gif": "gif" };
const SCRIPT = /<script\b[\s\S]*?<\/script\s*>/gi;
const ACTIVE_TAG = /<(?=\/?(?:script|link|meta|base|iframe|frame|frameset|object|embed|applet|form)\b)/gi;

/** HTML of one output of a cell; empty where there is nothing to show. */
export function outputHtml(output: Output): string {
  switch (output.output_type) {
    case "stream":
      return output.text === ""
        ? ""
        : `<pre class="stream ${output.name === "stderr" ? "stderr" : "stdout"}">${terminalHtml(output.text)}</pre>`;
    case "error": {
      const text = output.traceback.length > 0 ? output.traceback.join("\n") : `${output.ename}: ${output.evalue}`;
      return `<pre class="stream stderr">${terminalHtml(text)}</pre>`;
    }
    default:
      return bundleHtml(output.data);
  }
}

/** The richest form that needs no script. */
function bundleHtml(data: MimeBundle): string {
  const html = data["text/html"];
  if (html !== undefined) return `<div class="html">${passiveHtml(String(html))}</div>`;
  const svg = data["image/svg+xml"];
  if (svg !== undefined) return image("svg+xml", Buffer.from(String(svg)).toString("base64"));
  for (const [mime, kind] of Object.entries(IMAGES)) {
    if (data[mime] !== undefined) return image(kind, String(data[mime]));
  }
  const markdown = data["text/markdown"];
  if (markdown !== undefined) return `<div class="prose">${markdownHtml(String(markdown))}</div>`;
  const text = data["text/plain"];
  if (text !== undefined) return `<pre class="stream stdout">${terminalHtml(String(text))}</pre>`;
  const [mime, value] = Object.entries(data)[0] ?? [];
  if (mime === undefined) return "";
  const shown = typeof value === "string" ? value : JSON.stringify(value, null, 2);
  return `<pre class="stream stdout">${terminalHtml(shown)}</pre>`;
}

/** Takes scripts out and leaves no tag that loads, embeds or redirects; the page's policy stops the rest. */
function passiveHtml(html: string): string {
  return html.replace(SCRIPT, "").replace(ACTIVE_TAG, "&lt;");
}

function image(kind: string, base64: string): string {
  return `<img class="image" alt="" src="data:image/${kind};base64,${escapeHtml(base64.replace(/\s/g, ""))}">`;
}
