import type { Chart } from "./chart-types.js";

/** One line of a card's table of figures. */
export interface Figure {
  readonly label: string;
  readonly value: string;
  /** How it was measured, where that matters. */
  readonly how?: string;
}

/** A word or two beside the title. */
export interface Badge {
  readonly text: string;
  readonly tone: "plain" | "good" | "warn";
}

/** Rows under one heading, such as the best sections of one query. */
export interface RowGroup {
  readonly heading: string | null;
  readonly rows: readonly (readonly (string | number | null)[])[];
}

/** A table under the figures. */
export interface DetailTable {
  readonly title: string;
  readonly columns: readonly string[];
  /** Columns of numbers, which line up at the right: positions in `columns`. */
  readonly right: readonly number[];
  readonly groups: readonly RowGroup[];
  /** What was left out and where to find it; empty where nothing was. */
  readonly more: string;
  /** True where the table waits behind its title until it is asked for. */
  readonly folded: boolean;
}

/** A note on a card. */
export interface CardNote {
  readonly text: string;
  readonly tone: "plain" | "warn";
}

/** What the operator sees of a value: plain data, still unescaped. */
export interface Card {
  /** Such as `dense run`. */
  readonly kind: string;
  readonly title: string;
  /** The run's id, or another name; empty where there is none. */
  readonly id: string;
  readonly subtitle: string;
  readonly badges: readonly Badge[];
  readonly figures: readonly Figure[];
  readonly tables: readonly DetailTable[];
  readonly notes: readonly CardNote[];
  readonly charts: readonly Chart[];
}
