/**
 * Colours that read on white and on near-black alike: each has a contrast of at
 * least 3:1 against #ffffff and #111111, and neighbours differ in hue for the
 * common kinds of colour blindness (after Okabe and Ito, darkened or lightened
 * to the middle).
 */
export const colours = {
  blue: "#2f86c9",
  orange: "#cf7a1c",
  green: "#1a936f",
  pink: "#c4689d",
  violet: "#8673c9",
  red: "#d1495b",
  grey: "#85898f",
} as const;

/** Colours of series, in order. */
export const series: readonly string[] = [colours.blue, colours.orange, colours.green, colours.pink, colours.violet];

/** Text and axes of a chart: the grey that is as far from white as from near-black, 4.3:1 from either. */
export const INK = "#767a80";

/** The system's interface font. */
export const FONT = "system-ui, -apple-system, 'Segoe UI', sans-serif";
