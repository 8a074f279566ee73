/** Text written for a terminal, made into HTML or into one plain line. */

const OSC = /\u001b\][^\u0007\u001b]*(?:\u0007|\u001b\\)?/g;
const CSI_BUT_COLOUR = /\u001b\[[0-9;:?<=>]*[ -/]*[@-ln-~]/g;
const OTHER_ESCAPES = /\u001b(?!\[[0-9;]*m)(?:\[[0-9;:?]*|[ -/]*[0-~]?)/g;
const COLOUR = /\u001b\[([0-9;]*)m/g;
const CONTROLS = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g;
/** These can make text read otherwise than it is written. */
const DIRECTION = /[\u202a-\u202e\u2066-\u2069]/g;

/** For HTML text and quoted attributes. */
export function escapeHtml(text: string): string {
  const entities: Readonly<Record<string, string>> = {
    "&": "&amp;",
    "<": "&lt;",
    ">": "&gt;",
    '"': "&quot;",
    "'": "&#39;",
  };
  return text.replace(/[&<>"']/g, (c) => entities[c] as string);
}

/** HTML without characters that no reader sees but that change what is read: those of direction are spelled out. */
export function withoutHidden(html: string): string {
  return html.replace(CONTROLS, "").replace(DIRECTION, (c) => `[U+${c.charCodeAt(0).toString(16).toUpperCase()}]`);
}

/** HTML of terminal output: colours become classes, all other escapes vanish. */
export function terminalHtml(text: string): string {
  const clean = settled(text);
  let html = "";
  let classes: string[] = [];
  let at = 0;
  const add = (piece: string) => {
    const body = escapeHtml(piece.replace(CONTROLS, ""));
    if (body !== "") html += classes.length > 0 ? `<span class="${classes.join(" ")}">${body}</span>` : body;
  };
  for (const match of clean.matchAll(COLOUR)) {
    add(clean.slice(at, match.index));
    classes = nextClasses(classes, match[1] ?? "");
    at = match.index + match[0].length;
  }
  add(clean.slice(at));
  return html;
}

/** Terminal output without escapes and without control characters other than line ends and tabs. */
export function plainText(text: string): string {
  return settled(text).replace(COLOUR, "").replace(CONTROLS, "").replace(DIRECTION, "");
}

/** The last line with something in it, as {@link plainText}. */
export function lastLine(text: string): string {
  const lines = plainText(text).replaceAll("\t", " ").split("\n");
  return lines.findLast((line) => line.trim() !== "")?.trim() ?? "";
}

/** A line that was overwritten by `\r` in its last state, and no escapes but colours. */
function settled(text: string): string {
  return text
    .replaceAll("\r\n", "\n")
    .split("\n")
    .map((line) => (line.includes("\r") ? (line.split("\r").findLast((state) => state !== "") ?? "") : line))
    .join("\n")
    .replace(OSC, "")
    .replace(CSI_BUT_COLOUR, "")
    .replace(OTHER_ESCAPES, "");
}

/** SGR: https://www.ecma-international.org/publications-and-standards/standards/ecma-48/, 8.3.117. */
function nextClasses(classes: readonly string[], parameters: string): string[] {
  let next = [...classes];
  const codes = parameters.split(";").map(Number);
  for (let i = 0; i < codes.length; i += 1) {
    const code = codes[i] as number;
    const colour = code % 10;
    if (code === 0) next = [];
    else if (code === 1) next = [...without(next, "ansi-bold"), "ansi-bold"];
    else if (code === 22) next = without(next, "ansi-bold");
    else if (code === 39) next = withoutColour(next);
    else if ((code >= 30 && code <= 37) || (code >= 90 && code <= 97))
      next = [...withoutColour(next), `ansi-${colour}`];
    else if (code === 38 || code === 48) i += codes[i + 1] === 5 ? 2 : 4;
  }
  return next;
}

function without(classes: readonly string[], name: string): string[] {
  return classes.filter((c) => c !== name);
}

function withoutColour(classes: readonly string[]): string[] {
  return classes.filter((c) => !/^ansi-\d$/.test(c));
}
