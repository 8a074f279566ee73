import { badNotebook } from "../core/errors.js";
import type { Cell, CodeCell, Notebook } from "../notebook/notebook-file.js";

const PYTHON = {
  kernelspec: { display_name: "Python 3", language: "python", name: "python3" },
  language_info: { file_extension: ".py", mimetype: "text/x-python", name: "python" },
};

/** The first cell, with what `start` is called with. */
const bootstrap = (
  given: string,
) => `# Brings Node, rag-cells and %%ts from the attached kit, whatever its dataset is called.
import sys
from pathlib import Path

places = [
    path.parent
    for depth in ("*", "*/*", "*/*/*")
    for path in sorted(Path("/kaggle/input").glob(f"{depth}/rag_cells_bootstrap.py"))
]
if not places:
    raise FileNotFoundError(
        "Nothing below /kaggle/input has rag_cells_bootstrap.py. Attach the dataset that \`rag-cells kaggle pack\` made, "
        "with Add Input beside the notebook, and run this cell again."
    )
sys.path.insert(0, str(places[0]))
import rag_cells_bootstrap as boot

boot.start(${given})`;

/**
 * A TypeScript notebook as one for Kaggle, whose kernel is Python's: the bootstrap first,
 * then the same cells, those of code under `%%ts`, without outputs.
 *
 * @param own whether it is one of this package's notebooks. Its sample then comes along, its
 *   results go to `out` below the working folder, which Kaggle keeps, and its links lead from
 *   `kaggle/` to where they led.
 * @throws RagError `bad_notebook` where its language is another one
 */
export function toKaggle(path: string, notebook: Notebook, own: boolean): Notebook {
  const language = languageOf(notebook);
  if (language !== "typescript")
    throw badNotebook(path, `its kernel's language is ${JSON.stringify(language ?? "unknown")}, not TypeScript`);
  const first: CodeCell = {
    cell_type: "code",
    id: "kaggle-bootstrap",
    metadata: {},
    source: bootstrap(own ? "sample=True" : ""),
    execution_count: null,
    outputs: [],
  };
  return { metadata: PYTHON, cells: [first, ...notebook.cells.map((cell) => cellOf(cell, own))] };
}

/** The language that a notebook's kernel speaks, in lower case; null where it doesn't say. */
export function languageOf({ metadata }: Notebook): string | null {
  const spec = (metadata.kernelspec ?? {}) as Record<string, unknown>;
  const info = (metadata.language_info ?? {}) as Record<string, unknown>;
  const said = spec.language ?? info.name;
  return typeof said === "string" ? said.toLowerCase() : null;
}

function cellOf(cell: Cell, own: boolean): Cell {
  if (cell.cell_type !== "code")
    return own && cell.cell_type === "markdown" ? { ...cell, source: relinked(cell.source) } : cell;
  const code = own ? cell.source.replace(/(["'`])\.\.\/out\b/g, "$1out") : cell.source;
  // IPython takes a cell magic without a body for a mistake.
  const source = code.trim() === "" ? code : `%%ts\n${code}`;
  return { ...cell, source, execution_count: null, outputs: [] };
}

/** Links of a page in `notebooks/`, as they are from `kaggle/`: to a notebook, to the one made of it; all others to where they led. */
export function relinked(markdown: string): string {
  return markdown.replace(/(\]\()((?![a-z][a-z0-9+.-]*:|[#/])[^)\s]+)/gi, (_, open: string, target: string) => {
    if (/^[\w.-]+\.ipynb(?:#.*)?$/.test(target)) return `${open}${target}`;
    return `${open}${target.startsWith("../") ? target : `../notebooks/${target}`}`;
  });
}
