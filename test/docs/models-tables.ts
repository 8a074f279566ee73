/** The tables that are made from the registry. */
import { listModels, type ModelCard } from "../../dist/index.js";

type Column = readonly [title: string, cell: (row: ModelCard) => string];

const count = (value: number) => value.toLocaleString("en-US");
/** Prefixes hold line breaks and end in spaces; the table has to show both. */
const prefix = (text: string) => (text === "" ? "" : `\`${JSON.stringify(text)}\``);

const names: readonly Column[] = [
  ["Model", ({ key }) => `\`${key}\``],
  [
    "Repository",
    ({ hubId }) =>
      hubId.startsWith("rag-cells/") ? "comes with rag-cells" : `[${hubId}](https://huggingface.co/${hubId})`,
  ],
];

const vectors: readonly Column[] = [
  ["Dimension", ({ dim, matryoshka }) => [dim, ...matryoshka].map(count).join(" or ")],
  ["Pooling", ({ pooling }) => pooling.replace("_", " ")],
  ["Before a query", ({ queryPrefix }) => prefix(queryPrefix)],
  ["Before a document", ({ documentPrefix }) => prefix(documentPrefix)],
];

const facts: readonly Column[] = [
  ["Longest input", ({ maxTokens }) => count(maxTokens)],
  ["Weights", ({ onnx }) => (onnx === null ? "no ONNX known" : Object.keys(onnx).join(", "))],
  ["Parameters", ({ parameters }) => (parameters === 0 ? "" : count(parameters))],
  ["Licence", ({ licence, commercialUse }) => (commercialUse ? licence : `${licence}, **no commercial use**`)],
  ["Remark", ({ remark }) => remark],
];

/** One row a model of a role; only vectors of dense models have a dimension to choose by, and prefixes. */
export function modelsTable(role: string): string {
  const rows = listModels().filter((row) => row.role === role);
  if (rows.length === 0) throw new Error(`the registry has no model of the role ${JSON.stringify(role)}`);
  const columns = role === "dense" ? [...names, ...vectors, ...facts] : [...names, ...facts];
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  return [
    line(columns.map(([title]) => title)),
    `|${"---|".repeat(columns.length)}`,
    ...rows.map((row) => line(columns.map(([, cell]) => cell(row).replaceAll("|", "\\|")))),
  ].join("\n");
}
