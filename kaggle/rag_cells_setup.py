"""What a TypeScript kernel is started with: Node, the rag-cells package, folders, environment."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

from rag_cells_kernel import TypeScriptError, plain_text

PACKAGE = "rag-cells"


class Setup:
    """What a kernel is started with."""

    def __init__(self, command: list[str], root: Path, cwd: Path, env: dict[str, str]) -> None:
        self.command = command
        self.cwd = cwd
        self.env = env
        self.values = str(root / "dist" / "notebook" / "values.js")
        # Cells import packages from where the kernel starts.
        self.start = cwd if find_upwards(cwd) else project_of(root)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Setup) and vars(self) == vars(other)


def find_package(cwd: Path) -> Path:
    """The package this file belongs to, else the one that an import in `cwd` finds."""
    own = Path(__file__).resolve().parent.parent
    found = own if is_package(own) else find_upwards(cwd)
    if found is None:
        raise TypeScriptError(
            f"The package {PACKAGE} is not in {cwd / 'node_modules'}, nor in the folders above it. "
            f"Run npm install {PACKAGE} there, or name its folder: load(root=...)."
        )
    return found


def find_upwards(folder: Path) -> Path | None:
    candidates = (above / "node_modules" / PACKAGE for above in (folder, *folder.parents))
    return next(filter(is_package, candidates), None)


def is_package(folder: Path) -> bool:
    try:
        return json.loads((folder / "package.json").read_text("utf-8")).get("name") == PACKAGE
    except (OSError, ValueError, AttributeError):
        return False


def project_of(root: Path) -> Path:
    """The folder whose node_modules hold the package; a checkout is its own."""
    return root.parent.parent if root.parent.name == "node_modules" else root


def find_node(root: Path) -> Path:
    """The Node that was installed with the package, else the one on the PATH."""
    for folder in (root, project_of(root)):
        own = folder / "node_modules" / "node" / "bin" / "node"
        if os.access(own, os.X_OK):
            return own
    found = shutil.which("node")
    if found is None:
        raise TypeScriptError(
            "There is no Node beside the package and none on the PATH. Install Node 22.13 or later, "
            "or name its program: load(node=...)."
        )
    return Path(found)


def kernel_command(node: Path, root: Path) -> list[str]:
    """The kernel's command line, as the package itself tells it."""
    main = root / "dist" / "cli" / "main.js"
    if not main.is_file():
        raise TypeScriptError(f"{main} is missing: the package is not whole, or not built. Install it again.")
    try:
        told = subprocess.run([node, main, "kernel", "--print"], capture_output=True, text=True, timeout=60, check=True)
        return json.loads(told.stdout)["argv"]
    except subprocess.CalledProcessError as error:
        raise TypeScriptError(f"The package in {root} does not start with {node}: {last_lines(error.stderr)}") from None
    except (OSError, subprocess.TimeoutExpired, ValueError, KeyError) as error:
        raise TypeScriptError(f"The package in {root} does not start with {node}: {error}") from None


def last_lines(text: str) -> str:
    return "\n".join(plain_text(text).strip().splitlines()[-3:])
