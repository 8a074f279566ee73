import { randomUUID } from "node:crypto";
import { createRequire } from "node:module";

/** An output that can be overwritten. */
export interface DisplaySlot {
  /** Shows HTML, or puts it in the place of what this slot showed before; `plain` is for viewers without HTML. */
  html(html: string, plain: string): void;
}

/** A kernel that can show HTML in the cell that runs. */
export interface DisplayHost {
  html(html: string, plain: string): void;
  newDisplay(): DisplaySlot;
}

/** What tslab's kernel sends a display message with; `update` is true for a slot's second message and later ones. */
type Write = (
  message: { data: Record<string, string>; metadata: object; transient: { display_id?: string } },
  update?: boolean,
) => void;

/** The part of tslab's public module that we use. */
interface Tslab {
  readonly display: { html(html: string): void };
  newDisplay(): { html(html: string): void };
}

const KERNEL = /[\\/]tslab[\\/]dist[\\/]jupyter\.js$/;

/**
 * The display of the kernel this code runs in, or null outside of one.
 *
 * A library can't import tslab: it would get a copy of its own, whose display is
 * never ready. The running kernel is found in Node's cache of CommonJS modules,
 * which `createRequire` reaches from ESM too, and its sender takes HTML and plain
 * text in one message. Where the cache does not have it, the `require` that cells
 * use leads to the running kernel's public module, which sends HTML alone.
 */
export function findHost(): DisplayHost | null {
  const cache = createRequire(import.meta.url).cache;
  for (const [file, loaded] of Object.entries(cache)) {
    if (!KERNEL.test(file)) continue;
    const kernel = loaded?.exports as { readonly lastWriteDisplayData?: Write | null } | undefined;
    // Read at every message: each cell has a sender of its own.
    const write: Write = (message, update) => kernel?.lastWriteDisplayData?.(message, update);
    if (typeof kernel?.lastWriteDisplayData === "function") return hostOf(write);
  }
  return fromCells();
}

function hostOf(write: Write): DisplayHost {
  const data = (html: string, plain: string) => ({ "text/html": html, "text/plain": plain });
  return {
    html: (html, plain) => write({ data: data(html, plain), metadata: {}, transient: {} }),
    newDisplay() {
      const id = randomUUID();
      let shown = false;
      return {
        html(html, plain) {
          write({ data: data(html, plain), metadata: {}, transient: { display_id: id } }, shown);
          shown = true;
        },
      };
    },
  };
}

function fromCells(): DisplayHost | null {
  const cells = (globalThis as { readonly __tslab__?: { readonly require?: (id: string) => unknown } }).__tslab__;
  if (typeof cells?.require !== "function") return null;
  const tslab = cells.require("tslab") as Tslab;
  return {
    html: (html) => tslab.display.html(html),
    newDisplay() {
      const display = tslab.newDisplay();
      return { html: (html) => display.html(html) };
    },
  };
}
