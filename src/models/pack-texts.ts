import type { DatasetName } from "../schema/dataset-metadata.js";
import type { LocatedModel } from "../schema/model-types.js";
import type { PackPlan } from "./pack-plan.js";

/** The owner that nobody has: the README then says to fill it in. */
const NO_OWNER = "INSERT_YOUR_USERNAME";
/** What a pack is called where neither the operator nor an earlier pack says it. */
export const usualName: DatasetName = { title: "rag-cells models", id: `${NO_OWNER}/rag-cells-models` };

/** The file that Kaggle's command line reads. It takes exactly one licence, so `other` stands there and the description has each model's. */
export function metadataText(plan: PackPlan, name: DatasetName, earlier: Readonly<Record<string, unknown>>): string {
  const licences = plan.models.map(({ card }) => `${card.key} (${card.hubId}): ${card.licence}${terms(card)}`);
  const description = `Models in ONNX form for rag-cells, all files beside each other, with sha256 in models.lock.json. Licences of the models: ${licences.join("; ")}.`;
  const { title, id } = name;
  return `${JSON.stringify({ ...earlier, title, id, licenses: [{ name: "other" }], description }, null, 2)}\n`;
}

/** The list that `sha256sum -c` reads. The metadata file is not in it: it is edited by hand, and never part of the uploaded dataset. */
export function sumsText(sums: ReadonlyMap<string, string>): string {
  const lines = [...sums].sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, sha256]) => `${sha256}  ${name}\n`);
  return lines.join("");
}

/** What a person who opens the folder or the dataset should know. */
export function readmeText({ models }: PackPlan, { title, id }: DatasetName): string {
  const [owner, slug] = id.split("/") as [string, string];
  const closed = models.filter(({ card }) => !card.commercialUse).map(({ card }) => plain(card.key));
  const fill =
    owner === NO_OWNER ? `Before the upload, write your Kaggle user name in place of \`${NO_OWNER}\` in it. ` : "";
  const lines = [
    `# ${plain(title)}`,
    "",
    "Models in ONNX form for rag-cells. All files stand beside each other, since an upload keeps neither folders nor links: `owner--name--path` is the file `path` of the repository `owner/name`.",
    "",
    "| Model | Repository | Commit | Weights | Bytes | Licence | Commercial use |",
    "|---|---|---|---|---|---|---|",
    ...models.map(row),
    "",
    "The licences are those of the models; each model's page has the text. Passing the files on, as a public dataset does, is subject to them.",
    ...(closed.length > 0
      ? [
          "",
          `**No commercial use**: the licence of ${closed.join(", ")} forbids it, so this pack as a whole is not for it.`,
        ]
      : []),
    "",
    "## Use",
    "",
    `\`dataset-metadata.json\` is for Kaggle's command line. ${fill}Then:`,
    "",
    "```bash",
    "kaggle datasets create -p .",
    "```",
    "",
    `A notebook that has the dataset attached finds it in \`/kaggle/input/${slug}\` by itself; elsewhere name the folder: \`openSession({ ..., modelDirs: ["the/folder"] })\`. No internet is needed.`,
    "",
    "## Verify",
    "",
    "rag-cells holds every file against `models.lock.json` before it loads it. Without rag-cells:",
    "",
    "```bash",
    "sha256sum -c SHA256SUMS",
    "```",
  ];
  return `${lines.join("\n")}\n`;
}

function row({ card, revision, dtype, files }: LocatedModel): string {
  const commit = revision.startsWith("content:") ? "not known" : `\`${revision}\``;
  const bytes = files.reduce((sum, file) => sum + file.bytes, 0);
  const use = card.commercialUse ? "allowed" : "**forbidden**";
  return `| ${[plain(card.key), plain(card.hubId), commit, plain(dtype), bytes, plain(card.licence), use].join(" | ")} |`;
}

function terms({ commercialUse }: LocatedModel["card"]): string {
  return commercialUse ? "" : " (no commercial use)";
}

/** Foreign text in Markdown: on one line, with nothing that could end a cell or begin a link. */
function plain(text: string): string {
  return text
    .replace(/[\p{C}\s]+/gu, " ")
    .replace(/[\\`*_[\]<>|#&!]/g, "\\$&")
    .trim();
}
