/**
 * Foreign text made fit to be seen. Names, headings, queries and model ids come
 * from documents: they may hold control characters, bidirectional overrides,
 * half a surrogate pair, or ten thousand letters without a space.
 */

/** Control, bidirectional and invisible characters; joiners stay, since Persian and emoji need them. */
const HIDDEN =
  /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]/g;

/** Text on one line: white space collapsed, what would hide or reorder text written as `\u202e`, half a surrogate pair as `\ufffd`. */
export function visible(text: string): string {
  return text
    .replace(/[\t\n\v\f\r\u0085\u2028\u2029 ]+/g, " ")
    .replace(HIDDEN, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`)
    .replace(/\p{Surrogate}/gu, "\ufffd");
}

/** {@link visible} text of at most `most` characters, cut at the end. */
export function clip(text: string, most: number): string {
  const letters = [...visible(text.slice(0, most * 4))];
  const whole = letters.length <= most && text.length <= most * 4;
  return whole
    ? letters.join("")
    : `${letters
        .slice(0, most - 1)
        .join("")
        .trimEnd()}…`;
}

/** {@link visible} text of at most `most` characters, cut at the front: for paths, whose end tells them apart. */
export function clipFront(text: string, most: number): string {
  const letters = [...visible(text.slice(-most * 4))];
  const whole = letters.length <= most && text.length <= most * 4;
  return whole
    ? letters.join("")
    : `…${letters
        .slice(1 - most)
        .join("")
        .trimStart()}`;
}

/** Text as HTML: {@link visible}, then the five characters that HTML gives a meaning. Safe in elements and quoted attributes. */
export function escapeHtml(text: string): string {
  return visible(text).replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`);
}

/** Names with a number behind those that came before, so that each stands for itself on an axis. */
export function unique(names: readonly string[]): string[] {
  const taken = new Set<string>();
  return names.map((name) => {
    let own = name;
    for (let n = 2; taken.has(own); n++) own = `${name} (${n})`;
    taken.add(own);
    return own;
  });
}

/** Names of ranked lists such as `dense:bge-m3` without the model, where that still tells them apart. */
export function shortSources(sources: readonly string[]): string[] {
  const kinds = sources.map((name) => clip(name.split(":")[0] ?? name, 30));
  return new Set(kinds).size === kinds.length ? kinds : sources.map((name) => clip(name, 30));
}
