"""Runs a notebook from start to end without anybody watching, and keeps what it showed.

    python rag_cells_batch.py journey.ipynb --to done.ipynb [--with nbconvert|papermill]

The outputs are saved after every cell, and within a long one every half minute, so they are
there however the run ends. Exit codes: 0 only where every cell succeeded, 1 where one failed
or the kernel died, 2 where nothing was run, 128 + n after signal n.

nbconvert alone saves nothing of a run that failed; told to allow errors it saves, and ends
with 0. papermill takes a cell that exits with 0 for the end of a good run.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import re
import signal
import sys
import time
from pathlib import Path
from types import FrameType
from typing import Any

import nbformat
from jupyter_client.manager import AsyncKernelManager

ENGINES = ("nbconvert", "papermill")
SAVE_EVERY_S = 30
START_PATIENCE_S = 120
# How long the end of a kernel's output may be on its way.
OUTPUT_PATIENCE_S = 60
# How long after a signal the running cell may take to stop in order.
STOP_PATIENCE_S = 10


class Stopped(Exception):
    """A signal came between two cells."""


class Run:
    """One run: where it saves, which cell it is at, what stops it."""

    def __init__(self, to: Path) -> None:
        self.to = to
        self.index: int | None = None
        self.signal: int | None = None
        self._saved = 0.0

    def begin(self, index: int) -> None:
        if self.signal is not None:
            raise Stopped
        self.index = index

    def save(self, notebook: Any) -> None:
        """Writes the whole file aside first, so that no end of this process leaves half of it."""
        aside = self.to.with_name(f".{self.to.name}.{os.getpid()}.tmp")
        try:
            with aside.open("w", encoding="utf-8") as file:
                file.write(nbformat.writes(notebook) + "\n")
                file.flush()
                os.fsync(file.fileno())
            aside.replace(self.to)
        finally:
            aside.unlink(missing_ok=True)
        self._saved = time.monotonic()

    def save_in_between(self, notebook: Any) -> None:
        if time.monotonic() - self._saved > SAVE_EVERY_S:
            self.save(notebook)

    def listen(self) -> None:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGALRM):
            signal.signal(number, self._stop)

    def _stop(self, number: int, _frame: FrameType | None) -> None:
        """The first signal stops the cell as Stop does; a second one, or some seconds, end the kernel."""
        kernel = WatchedManager.pid()
        first = self.signal is None
        if number != signal.SIGALRM:
            self.signal = self.signal or number
        if kernel is None:
            raise Stopped
        if first:
            os.kill(kernel, signal.SIGINT)
            signal.alarm(STOP_PATIENCE_S)
        else:
            os.killpg(kernel, signal.SIGKILL)


class WatchedManager(AsyncKernelManager):
    """The engines make their kernel's manager; this one can be asked for the process."""

    latest: WatchedManager | None = None

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        WatchedManager.latest = self

    @classmethod
    def pid(cls) -> int | None:
        """The kernel's process, which is also its process group; None where there is none now."""
        provisioner = cls.latest and cls.latest.provisioner
        return provisioner.pid if provisioner and provisioner.has_process else None


OPTIONS: dict[str, Any] = {
    "kernel_manager_class": WatchedManager,
    "iopub_timeout": OUTPUT_PATIENCE_S,
    "raise_on_iopub_timeout": True,
}


def with_nbconvert(notebook: Any, run: Run) -> None:
    from nbconvert.preprocessors import ExecutePreprocessor

    class Saving(ExecutePreprocessor):
        def preprocess_cell(self, cell: Any, resources: Any, index: int) -> Any:
            run.begin(index)
            try:
                return super().preprocess_cell(cell, resources, index)
            finally:
                run.save(self.nb)

        def process_message(self, *args: Any, **more: Any) -> Any:
            output = super().process_message(*args, **more)
            run.save_in_between(self.nb)
            return output

    Saving(timeout=None, startup_timeout=START_PATIENCE_S, **OPTIONS).preprocess(notebook, {})


def with_papermill(notebook: Any, run: Run) -> None:
    """papermill saves by itself; its engine tells where it is."""
    from papermill.engines import NBClientEngine, NotebookExecutionManager, papermill_engines
    from papermill.execute import execute_notebook

    class Manager(NotebookExecutionManager):
        def cell_start(self, cell: Any, cell_index: Any = None, **more: Any) -> None:
            run.begin(cell_index)
            super().cell_start(cell, cell_index, **more)

        def save(self, **more: Any) -> None:
            run.save(self.nb)
            self.last_save_time = self.now()

    class SavingEngine(NBClientEngine):
        @classmethod
        def execute_managed_notebook(cls, nb_man: Any, kernel_name: str, **more: Any) -> None:
            nb_man.__class__ = Manager
            super().execute_managed_notebook(nb_man, kernel_name, **more)

    papermill_engines.register("rag-cells", SavingEngine)
    source = run.to.with_name(f".{run.to.name}.{os.getpid()}.source.ipynb")
    nbformat.write(notebook, source)
    try:
        execute_notebook(
            str(source),
            str(run.to),
            engine_name="rag-cells",
            progress_bar=False,
            start_timeout=START_PATIENCE_S,
            autosave_cell_every=SAVE_EVERY_S,
            **OPTIONS,
        )
    finally:
        source.unlink()


def execute(notebook: Path, to: Path, engine: str) -> int:
    """Runs a notebook; gives the exit code."""
    run = Run(to)
    try:
        source = nbformat.read(notebook, as_version=4)
        without_outputs(source)
        run.save(source)
    except (OSError, ValueError, nbformat.ValidationError) as error:
        print(f"{notebook} was not run: {error}", file=sys.stderr)
        return 2
    run.listen()
    ended: BaseException | None = None
    try:
        (with_papermill if engine == "papermill" else with_nbconvert)(source, run)
    except Exception as error:  # Whatever an engine raises: the run has ended, and what it showed is kept.
        ended = error
    signal.alarm(0)
    return tell(notebook, run, ended)


def without_outputs(notebook: Any) -> None:
    for cell in code_cells(notebook):
        cell.outputs, cell.execution_count = [], None


def code_cells(notebook: Any) -> list[Any]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def tell(notebook: Path, run: Run, ended: BaseException | None) -> int:
    """Says how the run ended, by what was saved; gives the exit code."""
    done = nbformat.read(run.to, as_version=4)
    cells = code_cells(done)
    failed = next((cell for cell in cells if error_of(cell)), None)
    code = 128 + run.signal if run.signal else 0 if failed is None and ended is None else 1
    if code == 0:
        print(f"{notebook}: all {len(cells)} code cells succeeded. Their outputs are in {run.to}.")
        return 0
    if failed is None and ended is not None:
        failed = cell_at(done, run)
        if failed is not None:
            # So that the saved notebook tells it too.
            what = {"ename": type(ended).__name__, "evalue": plain(str(ended)), "traceback": [plain(str(ended))]}
            failed.outputs.append(nbformat.v4.new_output("error", **what))
            run.save(done)
    stopped = f"was stopped by {signal.Signals(run.signal).name}" if run.signal else "stopped"
    where, why = "before its first cell", plain(str(ended))
    if failed is not None:
        number = next(i for i, cell in enumerate(cells, 1) if cell is failed)
        where = f"at code cell {number} of {len(cells)} ({first_line(failed)})"
        error = error_of(failed)
        why = plain(f"{error.ename}: {error.evalue}") if error else why
    print(f"{notebook} {stopped} {where}:\n{why}\nWhat was shown until then is in {run.to}.", file=sys.stderr)
    return code


def cell_at(done: Any, run: Run) -> Any:
    """The code cell that the run was at. papermill may have put a cell before it."""
    started = [cell for cell in code_cells(done) if (cell.metadata.get("papermill") or {}).get("start_time")]
    if started:
        return started[-1]
    cell = done.cells[run.index] if run.index is not None else None
    return cell if cell is not None and cell.cell_type == "code" else None


def error_of(cell: Any) -> Any:
    """The error a cell ended with, unless the cell is marked as one that is to fail; None where there is none."""
    if "raises-exception" in cell.metadata.get("tags", []):
        return None
    return next((output for output in cell.outputs if output.output_type == "error"), None)


def first_line(cell: Any) -> str:
    lines = [line.strip() for line in cell.source.splitlines() if line.strip() not in ("", "%%ts")]
    return plain(lines[0])[:80] if lines else "an empty cell"


def plain(text: str) -> str:
    """Text without what a terminal would obey."""
    return re.sub(r"\x1b\[[0-9;:?]*[ -/]*[@-~]|[\x00-\x08\x0b-\x1f\x7f-\x9f]", "", text)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Runs a notebook, saves after every cell, and ends with the right code.")
    parser.add_argument("notebook", type=Path)
    parser.add_argument("--to", type=Path, required=True, help="the executed notebook, written while it runs")
    parser.add_argument("--with", dest="engine", choices=ENGINES, default=ENGINES[0])
    values = parser.parse_args(arguments)
    if values.to.exists() and values.notebook.exists() and values.to.samefile(values.notebook):
        parser.error(f"--to {values.to} is the notebook itself: name another file")
    if importlib.util.find_spec(values.engine) is None:
        parser.error(f"{values.engine} is not installed here: pip install {values.engine}, or choose another with --with")
    return execute(values.notebook, values.to, values.engine)


if __name__ == "__main__":
    sys.exit(main())
