/** A browser without a window, driven over its debugging protocol: enough to photograph parts of a page. */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { scratch } from "../lib/sample.ts";

/** Names that the browser has, one after another. */
const NAMES = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

/** The browser that RAG_CELLS_CHROMIUM names, or one on the PATH; null where there is none. */
export function findChromium(): string | null {
  const named = process.env["RAG_CELLS_CHROMIUM"];
  const candidates = named === undefined ? NAMES : [named];
  return candidates.find((name) => spawnSync(name, ["--version"]).status === 0) ?? null;
}

/** A page that is open. */
export interface Photographer {
  /** Opens a file and waits until it is drawn. */
  open(file: string): Promise<void>;
  /** The text of one of the elements that match. */
  text(selector: string, index: number): Promise<string>;
  /** A PNG of one of the elements that match, as wide as the page, and at most so high. */
  photograph(selector: string, index: number, most?: number): Promise<Buffer>;
  close(): Promise<void>;
}

/** Starts the browser with a page of this width, in CSS pixels. */
export async function startChromium(program: string, width: number): Promise<Photographer> {
  const folder = await scratch("chromium");
  const browser = spawn(
    program,
    [
      ...["--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--force-color-profile=srgb"],
      // The page's own script libraries are on the web; they are not needed, and not waited for.
      ...[
        "--host-resolver-rules=MAP * ~NOTFOUND",
        "--remote-debugging-port=0",
        `--user-data-dir=${join(folder, "profile")}`,
      ],
      "about:blank",
    ],
    { stdio: ["ignore", "ignore", "pipe"] },
  );
  const socket = new WebSocket(await addressOf(browser));
  await once(socket, "open");
  const waiting = new Map<number, { done: (result: Answer) => void; fail: (error: Error) => void }>();
  let last = 0;
  let sessionId: string | undefined;
  socket.addEventListener("message", ({ data }) => {
    const { id, result, error } = JSON.parse(String(data)) as {
      id?: number;
      result: Answer;
      error?: { message: string };
    };
    const one = id === undefined ? undefined : waiting.get(id);
    if (error) one?.fail(new Error(error.message));
    else one?.done(result);
  });
  const send = (method: string, params: object = {}) =>
    new Promise<Answer>((done, fail) => {
      waiting.set(++last, { done, fail });
      socket.send(JSON.stringify({ id: last, method, params, ...(sessionId === undefined ? {} : { sessionId }) }));
    });
  const evaluate = async (expression: string) => {
    const { result } = await send("Runtime.evaluate", { expression, awaitPromise: true, returnByValue: true });
    return (result as { value: unknown }).value;
  };
  const { targetId } = await send("Target.createTarget", { url: "about:blank" });
  sessionId = String((await send("Target.attachToTarget", { targetId, flatten: true }))["sessionId"]);
  await send("Emulation.setDeviceMetricsOverride", { width, height: 1200, deviceScaleFactor: 1, mobile: false });
  return {
    async open(file) {
      await send("Page.navigate", { url: `file://${file}` });
      for (;;) {
        const state = await evaluate("location.protocol + document.readyState");
        if (state === "file:complete") break;
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
      await evaluate("Promise.all([...document.images].map((image) => image.decode().catch(() => {}))).then(() => 1)");
    },
    text: async (selector, index) => String(await evaluate(`${element(selector, index)}.innerText`)),
    async photograph(selector, index, most = Number.POSITIVE_INFINITY) {
      const box = (await evaluate(
        `(({ top, bottom }) => ({ top: top + scrollY, bottom: bottom + scrollY }))(${element(selector, index)}.getBoundingClientRect())`,
      )) as { top: number; bottom: number };
      const clip = {
        x: 0,
        y: Math.max(0, box.top - 4),
        width,
        height: Math.min(most, box.bottom - box.top + 8),
        scale: 1,
      };
      const { data } = await send("Page.captureScreenshot", { format: "png", clip, captureBeyondViewport: true });
      return Buffer.from(String(data), "base64");
    },
    async close() {
      sessionId = undefined;
      const gone = once(browser, "exit");
      await send("Browser.close").catch(() => {});
      await gone;
    },
  };
}

function element(selector: string, index: number): string {
  return `document.querySelectorAll(${JSON.stringify(selector)})[${index}]`;
}

type Answer = Readonly<Record<string, unknown>>;

async function addressOf(browser: ChildProcess): Promise<string> {
  if (!browser.stderr) throw new Error("the browser has no standard error");
  const lines = createInterface({ input: browser.stderr });
  for await (const line of lines) {
    const [, address] = /DevTools listening on (ws:\S+)/.exec(line) ?? [];
    if (address !== undefined) return address;
  }
  throw new Error("the browser ended before it could be asked anything");
}
