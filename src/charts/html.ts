import type { Badge, Card, CardNote, DetailTable, Figure } from "./card-types.js";
import type { Chart } from "./chart-types.js";
import { count } from "./format.js";
import { escapeHtml } from "./text.js";

/** A chart and its picture, or why there is none. */
export interface DrawnChart {
  readonly chart: Chart;
  readonly svg: string | null;
  readonly problem: string;
}

/**
 * Styles stand on the elements: viewers that strip style sheets keep most of
 * them, and what strips all of them (GitHub) is left with plain tables in a
 * sensible order. Colours are the page's own; lines and fills are a grey that
 * works on light and dark, so no viewer has to be asked which one it is.
 */
const FONT =
  "font-family:var(--jp-ui-font-family,system-ui,-apple-system,'Segoe UI',sans-serif);font-size:13px;line-height:1.45";
const CODE =
  "font-family:var(--jp-code-font-family,ui-monospace,Menlo,Consolas,monospace);font-size:12px;background:none;color:inherit;padding:0";
const MUTED = "opacity:.72;font-size:11.5px;font-weight:normal";
const LINE = "1px solid rgba(128,128,128,.28)";
const TABLE = "border-collapse:collapse;table-layout:auto;margin:0;border:0;font-size:13px;color:inherit";
const CELL =
  "padding:3px 14px 3px 0;vertical-align:baseline;line-height:1.4;white-space:normal;background:none;max-width:none";
const CAPTION = "caption-side:top;text-align:left;font-weight:600;color:inherit;padding:0 0 4px;opacity:1";

const fills = { plain: "rgba(128,128,128,.16)", good: "rgba(26,147,111,.22)", warn: "rgba(207,122,28,.26)" } as const;

/** A card as HTML: no script, no request, no style sheet; everything from data escaped. */
export function htmlOf(card: Card, charts: readonly DrawnChart[]): string {
  const parts = [
    header(card),
    notesHtml(card.notes),
    `<div style="display:flex;flex-wrap:wrap;gap:12px 24px;align-items:flex-start">`,
    figuresHtml(card),
    charts.length > 0
      ? `<div style="flex:3 1 564px;display:grid;grid-template-columns:repeat(auto-fill,minmax(min(272px,100%),1fr));gap:14px 20px;align-items:start">${charts.map(chartHtml).join("")}</div>`
      : "",
    `</div>`,
    ...card.tables.map(tableHtml),
  ];
  return `<div style="${FONT};color:var(--jp-content-font-color1,inherit);max-width:1120px;margin:6px 0 26px;text-align:left">${parts.join("")}</div>`;
}

function header(card: Card): string {
  const id = card.id === "" ? "" : ` <code style="${CODE}">${escapeHtml(card.id)}</code> ·`;
  const badges = card.badges.map(badgeHtml).join("");
  return (
    `<div style="margin:0 0 10px;padding:0 0 6px;border-bottom:${LINE}">` +
    `<strong style="font-size:16px;margin-right:8px">${escapeHtml(card.title)}</strong>${id}` +
    ` <span style="${MUTED};margin:0 4px">${escapeHtml(card.subtitle)}</span>${badges}</div>`
  );
}

function badgeHtml(badge: Badge): string {
  return ` <span style="display:inline-block;margin-left:4px;padding:0 8px;border-radius:9px;font-size:11.5px;line-height:18px;background:${fills[badge.tone]}">${escapeHtml(badge.text)}</span>`;
}

function notesHtml(notes: readonly CardNote[]): string {
  if (notes.length === 0) return "";
  const items = notes.map(({ text, tone }) => {
    const mark = tone === "warn" ? `<span aria-label="warning">⚠</span> ` : "";
    return `<li style="margin:2px 0;padding:3px 10px;list-style:none;border-left:3px solid ${tone === "warn" ? "#cf7a1c" : "rgba(128,128,128,.5)"}">${mark}${escapeHtml(text)}</li>`;
  });
  return `<ul style="margin:0 0 10px;padding:0">${items.join("")}</ul>`;
}

function figuresHtml(card: Card): string {
  if (card.figures.length === 0) return "";
  const rows = card.figures.map(figureRow).join("");
  // Beside charts the table leaves them the room; alone it need not be as wide as the page.
  const width = card.charts.length > 0 ? "flex:1 1 290px;min-width:250px" : "flex:0 1 560px";
  return `<table style="${TABLE};${width}"><caption style="${CAPTION}">Figures</caption><tbody>${rows}</tbody></table>`;
}

function figureRow({ label, value, how }: Figure): string {
  // Labels are not broken anywhere else: the figures beside them need the room.
  const parts = escapeHtml(label).replaceAll(", ", ",<br>");
  const note = how ? `<br><small style="${MUTED}">${escapeHtml(how)}</small>` : "";
  return (
    `<tr style="background:none;border-top:${LINE}"><th scope="row" style="${CELL};text-align:left;font-weight:normal;opacity:.8;white-space:nowrap">${parts}</th>` +
    `<td style="${CELL};padding-right:0;width:100%;text-align:left;overflow-wrap:anywhere"><span style="font-variant-numeric:tabular-nums;font-weight:600">${escapeHtml(value)}</span>${note}</td></tr>`
  );
}

/**
 * The picture is an image with its SVG inside the address, not an `<svg>` element:
 * JupyterLab strips that from a notebook it has not signed itself, as every
 * notebook is that ran elsewhere, and leaves the labels behind as a heap of words.
 * An image stays, and is described where even that can't.
 */
export function chartImage({ alt, spec }: Chart, svg: string): string {
  return `<img src="data:image/svg+xml;base64,${Buffer.from(svg).toString("base64")}" alt="${escapeHtml(alt)}" width="${spec.width}" height="${spec.height}" style="display:block;width:100%;height:auto;margin:0;background:none">`;
}

function chartHtml({ chart, svg, problem }: DrawnChart): string {
  const { title, caption, alt } = chart;
  const words = caption === "" ? "" : `<br><small style="${MUTED}">${escapeHtml(caption)}</small>`;
  const picture =
    svg === null
      ? `<p style="margin:0">⚠ This chart could not be drawn (${escapeHtml(problem)}). It would show: ${escapeHtml(alt)}</p>`
      : chartImage(chart, svg);
  return (
    `<figure style="margin:0;padding:0;max-width:360px">` +
    `<figcaption style="margin:0 0 4px;line-height:1.35;text-align:left"><strong style="font-weight:600">${escapeHtml(title)}</strong>${words}</figcaption>${picture}</figure>`
  );
}

function tableHtml(table: DetailTable): string {
  const align = (column: number) => (table.right.includes(column) ? "right" : "left");
  const head = table.columns
    .map(
      (name, i) =>
        `<th scope="col" style="${CELL};text-align:${align(i)};font-weight:normal;opacity:.8">${escapeHtml(name)}</th>`,
    )
    .join("");
  const groups = table.groups.map(({ heading, rows }) => {
    const title =
      heading === null
        ? ""
        : `<tr style="background:none;border-top:${LINE}"><th scope="rowgroup" colspan="${table.columns.length}" style="${CELL};padding-top:8px;text-align:left;font-weight:600">${escapeHtml(heading)}</th></tr>`;
    return `<tbody>${title}${rows.map((row) => rowHtml(row, align, heading === null)).join("")}</tbody>`;
  });
  const more = table.more === "" ? "" : `<p style="margin:4px 0 0;${MUTED}">${escapeHtml(table.more)}</p>`;
  const caption = `<caption style="${CAPTION}">${escapeHtml(table.title)}</caption>`;
  const html = `<table style="${TABLE}">${caption}<thead style="border:0"><tr style="background:none">${head}</tr></thead>${groups.join("")}</table>${more}`;
  const place = `<div style="margin:14px 0 0;overflow-x:auto">${html}</div>`;
  if (!table.folded) return place;
  const rows = table.groups.reduce((n, group) => n + group.rows.length, 0);
  return `<details style="margin:14px 0 0"><summary style="cursor:pointer">${escapeHtml(table.title)} (${count(rows)})</summary>${place}</details>`;
}

function rowHtml(row: readonly (string | number | null)[], align: (column: number) => string, lined: boolean): string {
  const cells = row.map((value, i) => {
    const text = value === null ? "–" : typeof value === "number" ? count(value) : value;
    // A figure and its unit stay together.
    const wrap = align(i) === "right" ? ";white-space:nowrap" : "";
    return `<td style="${CELL};text-align:${align(i)}${wrap};font-variant-numeric:tabular-nums">${escapeHtml(text)}</td>`;
  });
  return `<tr style="background:none${lined ? `;border-top:${LINE}` : ""}">${cells.join("")}</tr>`;
}
