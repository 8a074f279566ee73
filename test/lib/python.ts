import { spawnSync } from "node:child_process";

/** The Python that reads what we write: the one named by RAG_CELLS_PYTHON, or the first on the PATH. */
export const python = process.env["RAG_CELLS_PYTHON"] ?? "python3";

/** False where it can import all of the modules; else why a test is skipped, in words. */
export function lacking(...modules: readonly string[]): string | false {
  const script = "import importlib.util, sys; print(*[m for m in sys.argv[1:] if importlib.util.find_spec(m) is None])";
  const { status, stdout } = spawnSync(python, ["-c", script, ...modules], { encoding: "utf8" });
  const missing = status === 0 ? stdout.trim() : modules.join(" ");
  if (missing === "") return false;
  return `${python} has no ${missing.replaceAll(" ", ", ")}; pip install -r test/python/requirements.txt, and name that Python in RAG_CELLS_PYTHON`;
}
