import type { ModelCard, ModelRole } from "../schema/model-types.js";
import { headline, textOf } from "./card-text.js";
import type { Card, RowGroup } from "./card-types.js";
import { count } from "./format.js";
import { htmlOf } from "./html.js";
import { attachCard } from "./present.js";
import { clip } from "./text.js";

const COLUMNS = [
  "Model",
  "Role",
  "Dimension",
  "Longest input",
  "Licence",
  "Weights",
  "Parameters",
  "Repository",
] as const;

const roles: Readonly<Record<ModelRole, string>> = {
  dense: "Dense models",
  sparse: "Sparse models",
  rerank: "Rerank models",
};

/** A copy of the rows that shows itself in a notebook as a table, grouped by role. It is frozen: to change a row, spread it into a new one. */
export function modelList(rows: readonly ModelCard[]): readonly ModelCard[] {
  const card = modelsCard(rows);
  return Object.freeze(attachCard([...rows], { html: htmlOf(card, []), text: textOf(card), line: headline(card) }));
}

function modelsCard(rows: readonly ModelCard[]): Card {
  const of = (role: ModelRole) => rows.filter((row) => row.role === role);
  const groups = (Object.keys(roles) as ModelRole[]).map(
    (role): RowGroup => ({ heading: roles[role], rows: of(role).map(cellsOf) }),
  );
  return {
    kind: "models",
    title: "Models",
    id: "",
    subtitle: "known by key; a row of your own goes into addModels",
    badges: [],
    figures: [
      {
        label: "Models",
        value: `${count(of("dense").length)} dense, ${count(of("sparse").length)} sparse, ${count(of("rerank").length)} rerank`,
      },
      { label: "Without commercial use", value: count(rows.filter((row) => !row.commercialUse).length) },
      { label: "Without known ONNX", value: count(rows.filter((row) => row.onnx === null).length) },
    ],
    tables: [
      {
        title: "Rows",
        columns: COLUMNS,
        right: [2, 3, 6],
        groups: groups.filter((group) => group.rows.length > 0),
        more: "",
        folded: false,
      },
    ],
    notes: [],
    charts: [],
  };
}

function cellsOf(row: ModelCard): (string | number | null)[] {
  return [
    clip(row.key, 60),
    row.role,
    // A pair model gives one number for a pair, which is no dimension of a vector.
    row.dim === 1 ? null : row.dim,
    row.maxTokens,
    row.commercialUse ? clip(row.licence, 40) : `${clip(row.licence, 40)}, no commercial use`,
    row.onnx === null ? "no ONNX known" : Object.keys(row.onnx).join(", "),
    row.parameters === 0 ? null : row.parameters,
    clip(row.hubId, 60),
  ];
}
