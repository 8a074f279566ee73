import { cardOf, type Showable } from "./card.js";
import { headline, textOf } from "./card-text.js";
import type { Card } from "./card-types.js";
import { findHost } from "./host.js";
import { type DrawnChart, htmlOf } from "./html.js";
import { renderChart } from "./render.js";

const INSPECT = Symbol.for("nodejs.util.inspect.custom");
const JUPYTER = Symbol.for("Jupyter.display");

/** What a value looks like, in full and in a line. */
export interface Appearance {
  /** Null where nothing can show it. */
  readonly html: string | null;
  readonly text: string;
  readonly line: string;
}

/**
 * Gives a value its look, under properties that no enumeration sees. As a cell's
 * last expression it sends its HTML to the notebook and leaves one line of text;
 * in a plain terminal it prints its text; inside another object it is one line,
 * and sends nothing. A value that was given a look before gets the new one.
 */
export function attachCard<T extends object>(value: T, appearance: Appearance): T {
  return attach(value, () => appearance);
}

/** Gives a value a card without charts that is made anew whenever it is shown. */
export function liveCard<T extends object>(value: T, card: () => Card): T {
  return attach(value, () => {
    const now = card();
    return { html: htmlOf(now, []), text: textOf(now), line: headline(now) };
  });
}

function attach<T extends object>(value: T, look: () => Appearance): T {
  const inspect = (depth: number | null, options: { readonly depth?: number | null }): string => {
    // Node hands the depth that is left; only at the top it is the depth that was asked for. An unlimited one says nothing.
    const atTop = typeof depth === "number" && Number.isFinite(depth) && depth === options?.depth;
    const { html, text, line } = look();
    if (!atTop) return line;
    const host = html === null ? null : findHost();
    if (html === null || !host) return text;
    host.html(html, text);
    return line;
  };
  const display = () => {
    const { html, text } = look();
    return { ...(html === null ? {} : { "text/html": html }), "text/plain": text };
  };
  const hidden = { enumerable: false, configurable: true, writable: true };
  Object.defineProperty(value, INSPECT, { ...hidden, value: inspect });
  Object.defineProperty(value, JUPYTER, { ...hidden, value: display });
  return value;
}

/**
 * Draws a value's card and attaches it. Drawing takes time and showing must not,
 * so it is done when a verb hands its result out; where there is no kernel to show
 * it, only the text is made and the chart library is never loaded.
 *
 * @param card another card than the value's kind has
 */
export async function prepareCard(value: Showable): Promise<void>;
export async function prepareCard(value: object, card: Card): Promise<void>;
export async function prepareCard(value: object, card: Card = cardOf(value as Showable)): Promise<void> {
  const html = findHost() ? await drawCard(card) : null;
  attachCard(value, { html, text: textOf(card), line: headline(card) });
}

/**
 * Shows a value's card now: in a notebook as an output of the cell, else as text on standard output.
 *
 * @param card another card than the value's kind has
 */
export async function showCard(value: Showable, card: Card = cardOf(value)): Promise<void> {
  const host = findHost();
  if (host) host.html(await drawCard(card), textOf(card));
  else process.stdout.write(`${textOf(card)}\n`);
}

/**
 * A card as HTML with its charts in it. A chart that can't be drawn costs neither
 * the card nor the result of hours of work: the card says what it would have shown.
 */
export async function drawCard(card: Card): Promise<string> {
  const drawn: DrawnChart[] = [];
  for (const chart of card.charts) {
    try {
      drawn.push({ chart, svg: await renderChart(chart), problem: "" });
    } catch (error) {
      drawn.push({ chart, svg: null, problem: error instanceof Error ? error.message : String(error) });
    }
  }
  return htmlOf(card, drawn);
}
