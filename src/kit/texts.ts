import type { PackedModel } from "../schema/cache-types.js";
import type { DatasetName } from "../schema/dataset-metadata.js";
import { KIT_FILE, type Kit } from "../schema/kit-file.js";

/** The owner that nobody has: the README then says to fill it in. */
export const NO_OWNER = "INSERT_YOUR_USERNAME";
/** What a kit is called where neither the operator nor an earlier kit says it. */
export const usualKitName: DatasetName = { title: "rag-cells kit", id: `${NO_OWNER}/rag-cells-kit` };

/** The file that Kaggle's command line reads; what an operator filled in is kept. */
export function kitMetadata(
  kit: Kit,
  name: DatasetName,
  models: readonly PackedModel[],
  earlier: Readonly<Record<string, unknown>>,
): string {
  const licences = models.map(
    ({ key, licence, commercialUse }) => `${key}: ${licence}${commercialUse === false ? " (no commercial use)" : ""}`,
  );
  const description = `rag-cells ${kit.version} for TypeScript cells in a notebook without internet: Node ${kit.node}, packages for ${kit.platform}${licences.length > 0 ? `, and models (${licences.join("; ")})` : ""}. LICENSES.txt has the licences of all packages.`;
  const { title, id } = name;
  return `${JSON.stringify({ ...earlier, title, id, licenses: [{ name: "other" }], description }, null, 2)}\n`;
}

/** What a person who opens the folder or the dataset should know. */
export function kitReadme(kit: Kit, { title, id }: DatasetName, models: readonly PackedModel[]): string {
  const [owner, slug] = id.split("/") as [string, string];
  const fill = owner === NO_OWNER ? `Write your Kaggle user name in place of \`${NO_OWNER}\` in it first. ` : "";
  const closed = models.filter(({ commercialUse }) => commercialUse === false).map(({ key }) => plain(key));
  const sizes = Object.entries(kit.archives).map(
    ([name, { bytes, files }]) =>
      `| \`${name}\` | ${bytes} | ${Object.keys(files).length} files, ${sum(files)} bytes unpacked |`,
  );
  const lines = [
    `# ${plain(title)}`,
    "",
    `Everything that a Kaggle notebook without internet needs for TypeScript cells with rag-cells ${kit.version}: Node ${kit.node}, the packages for ${kit.platform}${kit.cuda ? " with the CUDA provider" : ""}, and ${models.length === 0 ? "no models" : `models (${models.map(({ key }) => plain(key)).join(", ")})`}.`,
    "",
    "## Use",
    "",
    `Attach the dataset to a notebook and run this cell. It unpacks the archives into a folder for temporary files, checks every byte, and says in a table what works.`,
    "",
    "```python",
    `import sys; sys.path.insert(0, "/kaggle/input/${slug}")`,
    "import rag_cells_bootstrap as boot; boot.start()",
    "```",
    "",
    "## Upload",
    "",
    `\`dataset-metadata.json\` is for Kaggle's command line. ${fill}Then:`,
    "",
    "```bash",
    "kaggle datasets create -p .",
    "```",
    "",
    "## Files",
    "",
    "All stand beside each other, since an upload keeps neither folders nor links. The archives are gzipped tar files; their names do not say so, since an upload unpacks what it takes for an archive.",
    "",
    "| Archive | Bytes | Holds |",
    "|---|---|---|",
    ...sizes,
    "",
    `\`${KIT_FILE}\` lists every file in them with its sha256, what is to be run, and the links to make. \`SHA256SUMS\` has the sha256 of every file here:`,
    "",
    "```bash",
    "sha256sum -c SHA256SUMS",
    "```",
    "",
    "## Licences",
    "",
    "`LICENSES.txt` has those of all packages, with their texts, and names those of the models. Passing the files on, as a public dataset does, is subject to them.",
    ...(closed.length > 0 ? ["", `**No commercial use**: the licence of ${closed.join(", ")} forbids it.`] : []),
  ];
  return `${lines.join("\n")}\n`;
}

function sum(files: Kit["archives"][string]["files"]): number {
  return Object.values(files).reduce((total, { bytes }) => total + bytes, 0);
}

/** Foreign text in Markdown: on one line, with nothing that could begin a link or end a cell. */
function plain(text: string): string {
  return text
    .replace(/[\p{C}\s]+/gu, " ")
    .replace(/[\\`*_[\]<>|#&!]/g, "\\$&")
    .trim();
}
