/** A small reader for the SVG and HTML that the charts write: enough to check every tag, attribute and text position. */
import assert from "node:assert/strict";

export interface Tag {
  readonly name: string;
  readonly attributes: Readonly<Record<string, string>>;
}

export interface PlacedText {
  readonly text: string;
  readonly x: number;
  readonly y: number;
  readonly anchor: string;
  readonly fontSize: number;
  readonly rotated: boolean;
}

const TOKEN = /<(\/?)([a-zA-Z][\w-]*)((?:\s+[^\s=>/]+(?:="[^"]*")?)*)\s*(\/?)>|([^<]+)/gy;
const VOID = new Set(["br", "img"]);

/** Walks markup strictly: whatever is no tag, no text and no proper nesting fails the test. */
export function walk(
  markup: string,
  see: (tag: Tag, path: readonly Tag[]) => void,
  text?: (text: string, path: readonly Tag[]) => void,
): void {
  const open: Tag[] = [];
  TOKEN.lastIndex = 0;
  while (TOKEN.lastIndex < markup.length) {
    const from = TOKEN.lastIndex;
    const match = TOKEN.exec(markup);
    assert.ok(match, `not well-formed at: ${markup.slice(from, from + 80)}`);
    const [, close, name = "", attributes = "", self, words] = match;
    if (words !== undefined) text?.(words, open);
    else if (close) assert.equal(open.pop()?.name, name);
    else {
      const tag = {
        name,
        attributes: Object.fromEntries([...attributes.matchAll(/([^\s=]+)="([^"]*)"/g)].map((a) => [a[1], a[2]])),
      };
      see(tag, open);
      if (!self && !VOID.has(name)) open.push(tag);
    }
  }
  assert.deepEqual(open, [], "every element is closed");
}

/** Where each text of an SVG starts, translations summed up. */
export function placedTexts(svg: string): PlacedText[] {
  const found: PlacedText[] = [];
  walk(
    svg,
    () => {},
    (words, path) => {
      const own = path.at(-1);
      if (own?.name !== "text") return;
      let x = Number(own.attributes.x ?? 0);
      let y = Number(own.attributes.y ?? 0);
      for (const { attributes } of path) {
        const move = /translate\((-?[\d.]+)(?:,(-?[\d.]+))?\)/.exec(attributes.transform ?? "");
        x += Number(move?.[1] ?? 0);
        y += Number(move?.[2] ?? 0);
      }
      found.push({
        text: words.replace(/&lt;/g, "<").replace(/&gt;/g, ">").replace(/&amp;/g, "&"),
        x,
        y,
        anchor: own.attributes["text-anchor"] ?? "start",
        fontSize: Number.parseFloat(own.attributes["font-size"] ?? "11"),
        rotated: (own.attributes.transform ?? "").includes("rotate"),
      });
    },
  );
  return found;
}

/** The SVG documents inside a card's HTML. */
export function picturesIn(html: string): string[] {
  return [...html.matchAll(/src="data:image\/svg\+xml;base64,([^"]+)"/g)].map((m) =>
    Buffer.from(m[1] ?? "", "base64").toString(),
  );
}
