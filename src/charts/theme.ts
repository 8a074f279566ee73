import { FONT } from "./palette.js";

const axis = {
  domainColor: "currentColor",
  domainOpacity: 0.6,
  gridColor: "currentColor",
  gridOpacity: 0.25,
  tickColor: "currentColor",
  tickOpacity: 0.6,
  tickSize: 4,
  labelColor: "currentColor",
  labelFontSize: 11,
  labelPadding: 4,
  titleColor: "currentColor",
  titleFontSize: 11,
  titleFontWeight: "normal",
  titlePadding: 6,
};

/** How every chart looks: one ink, no background, no frame. */
export const THEME = {
  // The card describes each chart in one sentence; a description of every mark would repeat the data in attributes.
  aria: false,
  background: null,
  font: FONT,
  padding: { left: 2, right: 6, top: 6, bottom: 2 },
  view: { stroke: null },
  axis,
  // A label stands under its tick, at the ends too; the picture grows for it.
  axisX: { grid: false, labelFlush: false, labelSeparation: 6 },
  axisY: { domain: false, ticks: false },
  text: { color: "currentColor", fontSize: 11 },
  legend: {
    orient: "top",
    direction: "horizontal",
    labelColor: "currentColor",
    labelFontSize: 11,
    labelLimit: 150,
    offset: 6,
    symbolSize: 70,
    symbolStrokeWidth: 2,
    symbolType: "circle",
    symbolOpacity: 1,
  },
} as const;
