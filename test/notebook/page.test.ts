import assert from "node:assert/strict";
import { test } from "node:test";
import { type Notebook, parseNotebook } from "../../dist/notebook/notebook-file.js";
import { notebookPage } from "../../dist/notebook/page.js";

const HOSTILE = `<img src=x onerror=alert(1)></pre><script>alert("x")</script>\u001b]0;title\u0007\u202e`;

function notebook(...cells: object[]): Notebook {
  const full = cells.map((cell) => ({ metadata: {}, outputs: [], execution_count: 1, ...cell }));
  return parseNotebook(JSON.stringify({ nbformat: 4, metadata: {}, cells: full }), "test.ipynb");
}
const code = (source: string, ...outputs: object[]) => ({ cell_type: "code", source, outputs });
const markdown = (source: string, more: object = {}) => ({ cell_type: "markdown", source, ...more });
const stream = (text: string, name = "stdout") => ({ output_type: "stream", name, text });
const display = (data: object) => ({ output_type: "display_data", data, metadata: {} });

/** Everything a browser would fetch or run by itself. A quoted name loads nothing, whatever words are in it. */
function loads(page: string): string[] {
  const html = page.replace(/ aria-label="[^"]*"/g, "");
  return [
    ...html.matchAll(/<(?:script|link|iframe|object|embed|base|form)\b[^>]*>/gi),
    ...html.matchAll(/<[^>]*\s(?:src|srcset|poster|background|xlink:href)\s*=\s*(?!["']?data:)[^>]*>/gi),
    ...html.matchAll(/<(?!a\b)[^>]*\shref\s*=\s*["']?\s*(?:https?:)?\/\/[^>]*>/gi),
    ...html.matchAll(/@import|url\(\s*["']?(?!data:|#)[^)]*\)/gi),
    ...html.matchAll(/<meta[^>]*http-equiv="?refresh[^>]*>/gi),
  ].map((match) => match[0]);
}

test("the page loads nothing, runs nothing, and says so to the browser", () => {
  const page = notebookPage(
    notebook(
      markdown(`# Title\n\n![logo](https://example.org/a.png) <script src="https://example.org/x.js"></script>`),
      code(
        "1",
        display({
          "text/html": `<b>card</b><SCRIPT>x()</SCRIPT ><link rel=stylesheet href=//e.org/a><meta http-equiv=refresh content=0><iframe src="//e.org"></iframe>`,
        }),
      ),
    ),
    "t",
  );
  assert.deepEqual(loads(page), []);
  assert.match(page, /Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; img-src data:/);
  assert.match(page, /<b>card<\/b>/);
  assert.match(page, /prefers-color-scheme: dark/);
});

test("hostile text shows as text, wherever it stands", () => {
  const page = notebookPage(
    notebook(
      markdown(
        `# ${HOSTILE}\n\n${HOSTILE}\n\n[go](javascript:alert(1)) ![i](javascript:alert(2) "${HOSTILE}")\n\n\`\`\`ts\n${HOSTILE}\n\`\`\``,
      ),
      code(HOSTILE, stream(HOSTILE), stream(HOSTILE, "stderr"), display({ "text/plain": HOSTILE })),
      code("x", display({ "text/markdown": HOSTILE }), display({ "application/json": { a: HOSTILE } })),
      code("y", { output_type: "error", ename: HOSTILE, evalue: HOSTILE, traceback: [] }),
      code("z", display({ "image/png": `"><script>alert(1)</script>` }), display({ "x/y": HOSTILE })),
    ),
    HOSTILE,
  );
  assert.deepEqual(loads(page), []);
  assert.doesNotMatch(page, /<img src=x|href="javascript|\u001b|\u0007|\u202e/);
  assert.match(page, /&lt;img src=x onerror=alert\(1\)&gt;&lt;\/pre&gt;/);
  assert.equal(page.match(/<\/pre>/g)?.length, page.match(/<pre[ >]/g)?.length, "no output closes a block early");
});

test("cells show code, order, time, failure and outputs in the richest passive form", () => {
  const page = notebookPage(
    notebook(
      markdown("# The *whole* `journey` of snake_case\n\n| a | b |\n|---|---|\n| 1 | 2 |"),
      {
        ...code("const rows: number = 3;", stream("plain \u001b[1;31mred\u001b[0m\n 10 %\r 99 %\r\n")),
        metadata: { rag_cells: { status: "error", seconds: 2.5 } },
      },
      code("chart", display({ "text/plain": "fallback", "text/html": "<svg id='c'></svg>" })),
      code(
        "image",
        display({ "image/svg+xml": "<svg xmlns='http://www.w3.org/2000/svg'/>" }),
        display({ "image/png": "iVBO\nRw0=" }),
      ),
      markdown("![x](attachment:dot.png)", { attachments: { "dot.png": { "image/png": "iVBO" } } }),
      code("  "),
    ),
    "fallback title",
  );
  assert.match(page, /<title>The whole journey of snake_case<\/title>/);
  assert.match(page, /<h1>The <em>whole<\/em> <code>journey<\/code> of snake_case<\/h1>/);
  assert.match(page, /<table>/);
  assert.match(
    page,
    /<section class="cell failed" aria-label="The whole journey of snake_case">\s*<div class="code"><span class="count"[^>]*>1<\/span><span class="time"[^>]*>2\.5 s</,
  );
  assert.match(page, /<span class="hljs-keyword">const<\/span>/);
  assert.match(page, /plain <span class="ansi-bold ansi-1">red<\/span>\n 99 %\n/);
  assert.match(page, /<svg id='c'><\/svg>/);
  assert.doesNotMatch(page, /fallback/);
  assert.match(page, /src="data:image\/svg\+xml;base64,PHN2Zy/);
  assert.match(page, /src="data:image\/png;base64,iVBORw0="/);
  assert.match(page, /src="data:image\/png;base64,iVBO" alt="x"/);
  assert.match(page, /<footer>1 cell executed in 2\.5 s<\/footer>/);
  assert.equal(page.match(/class="cell/g)?.length, 3, "an empty cell is not shown");
});
