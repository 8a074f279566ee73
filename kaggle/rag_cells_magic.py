"""TypeScript cells in a Python notebook: `%%ts`, `%ts_put`, `%ts_get`, `%ts_restart`.

`%load_ext rag_cells_magic`, or `rag_cells_magic.load(...)` where Node and the package lie in
unusual places. docs/kaggle.md tells what the magics do.
"""

from __future__ import annotations

import asyncio
import atexit
import json
import os
import re
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from IPython.core.getipython import get_ipython
from IPython.core.interactiveshell import InteractiveShell
from IPython.core.magic import Magics, cell_magic, line_magic, magics_class
from rag_cells_cell import CellOutput, StopButton
from rag_cells_help import help_in_cells
from rag_cells_kernel import Kernel, KernelEnded, TypeScriptError
from rag_cells_setup import Setup, find_node, find_package, kernel_command
from rag_cells_values import ValueRefused, read_value, two_names, write_value

# Completion is asked for at every key: late help is no help.
HELP_PATIENCE_S = 1.0
# What tslab itself says of a cell that was stopped.
INTERRUPTED = "Error: Interrupted asynchronously"
# Between cells, how often we look for output that comes late.
LATE_OUTPUT_S = 0.2


def load_ipython_extension(ip: InteractiveShell) -> None:
    """`%load_ext rag_cells_magic`"""
    load(ip)


def unload_ipython_extension(ip: InteractiveShell) -> None:
    """`%unload_ext rag_cells_magic`: ends the kernel."""
    magics = loaded_magics(ip)
    if magics is not None:
        magics.close()


def load(
    ip: InteractiveShell | None = None,
    *,
    node: str | Path | None = None,
    root: str | Path | None = None,
    env: Mapping[str, str] | None = None,
    cwd: str | Path | None = None,
) -> None:
    """Registers the magics, and lets the kernel start while the first cell is being written.

    Run again with the same arguments, it leaves a kernel that runs as it is.

    node: Node's program, 22.13 or later; by default the package's own, else the one on the PATH.
    root: folder of the rag-cells package; by default the one this file lies in, else node_modules
        of `cwd` and of the folders above it.
    env: what the kernel's environment has beyond this process's.
    cwd: the cells' working directory; by default this process's.
    Raises TypeScriptError where Node or the package is not found, or does not work.
    """
    ip = ip or get_ipython()
    if ip is None:
        raise TypeScriptError("rag_cells_magic.load() needs IPython: call it in a notebook's cell.")
    folder = Path(cwd or Path.cwd()).absolute()
    if not folder.is_dir():
        raise TypeScriptError(f"There is no folder {folder} for the cells to work in. Make it, or name another: cwd=.")
    package = Path(root).absolute() if root else find_package(folder)
    program = Path(node).absolute() if node else find_node(package)
    setup = Setup(kernel_command(program, package), package, folder, dict(env or {}))
    before = loaded_magics(ip)
    if before is not None:
        if before.setup == setup:
            return
        before.close()
    magics = TypeScriptMagics(ip, setup)
    ip.register_magics(magics)
    help_in_cells(ip, lambda *args, **more: ask_kernel(ip, *args, **more))
    magics.begin()


def ask_kernel(ip: InteractiveShell, kind: str, code: str, cursor: int, **more: Any) -> dict[str, Any] | None:
    magics = loaded_magics(ip)
    return None if magics is None else magics.help(kind, code, cursor, **more)


def loaded_magics(ip: InteractiveShell) -> TypeScriptMagics | None:
    return ip.magics_manager.registry.get("TypeScriptMagics")


@magics_class
class TypeScriptMagics(Magics):
    """The magics of one notebook, over one kernel at a time."""

    def __init__(self, shell: InteractiveShell, setup: Setup) -> None:
        super().__init__(shell)
        self.setup = setup
        self._kernel: Kernel | None = None
        # Whether that kernel answers yet, and whether one before it held variables.
        self._ready = False
        self._lost = False
        self._lock = threading.Lock()
        self._watch: asyncio.TimerHandle | None = None
        shell.events.register("pre_run_cell", self._show_late_output)
        shell.events.register("post_run_cell", self._show_late_output)
        atexit.register(self._end_at_exit, os.getpid())

    @cell_magic
    def ts(self, line: str, cell: str) -> None:
        """Runs the cell as TypeScript; its names are there in later %%ts cells."""
        if line.strip():
            raise TypeScriptError("%%ts stands alone on its line; the TypeScript begins on the next.")
        with self._using_kernel() as (kernel, stop):
            shown = CellOutput(self.shell)
            # The line of %%ts counts, so that a message's line is the cell's line.
            status = kernel.execute("\n" + cell, shown.show, lambda: (shown.flush(), stop.remind()))
            failure = shown.finish(status)
            if failure is not None and stop.pressed and INTERRUPTED not in failure:
                print(failure, file=sys.stderr)
        if failure is not None:
            raise TypeScriptError(failure)

    @line_magic
    def ts_restart(self, line: str) -> None:
        """Ends the kernel and starts a fresh one; the names of all %%ts cells are gone."""
        self._end_kernel()
        self._lost = False
        began = time.monotonic()
        with self._using_kernel():
            print(f"A fresh TypeScript kernel is ready ({time.monotonic() - began:.1f} s).")

    @line_magic
    def ts_put(self, line: str) -> None:
        """`%ts_put name [other]`: gives a Python value to TypeScript, as `const other`."""
        name, other = two_names("ts_put", line)
        if name not in self.shell.user_ns:
            raise ValueRefused(f"There is no Python variable {name}.")
        with tempfile.TemporaryDirectory(prefix="rag-value-") as folder:
            kind, call = write_value(self.shell.user_ns[name], name, Path(folder))
            self._run_hidden(f"const {other}: {kind} = await {self._values()}.{call};", other)

    @line_magic
    def ts_get(self, line: str) -> None:
        """`%ts_get name [other]`: gives a TypeScript value to Python, as `other`."""
        name, other = two_names("ts_get", line)
        with tempfile.TemporaryDirectory(prefix="rag-value-") as folder:
            self._run_hidden(
                f"await {self._values()}.writeValue({name}, {json.dumps(name)}, {json.dumps(folder)});", name
            )
            value = read_value(name, Path(folder))
        self.shell.user_ns[other] = value

    def help(self, kind: str, code: str, cursor: int, **more: Any) -> dict[str, Any] | None:
        """Asks the kernel about a place in a cell; None where it is not there to be asked."""
        if self._kernel is None or not self._kernel.alive() or not self._lock.acquire(blocking=False):
            return None
        try:
            content = {"code": code, "cursor_pos": cursor, **more}
            return self._kernel.request(kind, content, patience=HELP_PATIENCE_S)
        except KernelEnded:
            return None  # The next cell tells it.
        finally:
            self._lock.release()

    def close(self) -> None:
        """Ends the kernel and forgets this notebook."""
        self.shell.events.unregister("pre_run_cell", self._show_late_output)
        self.shell.events.unregister("post_run_cell", self._show_late_output)
        manager = self.shell.magics_manager
        manager.registry.pop("TypeScriptMagics", None)
        for kind, names in self.magics.items():
            for name in names:
                manager.magics[kind].pop(name, None)
        atexit.unregister(self._end_at_exit)
        self._end_kernel()

    def _run_hidden(self, code: str, name: str) -> None:
        """Runs a line of our own; only its failure is shown."""
        with self._using_kernel() as (kernel, stop):
            hidden = CellOutput(None)
            failure = hidden.finish(kernel.execute(code, hidden.show, stop.remind))
        if failure is None:
            return
        refused = re.search(r"RagError \[value_\w+\]: (.*)", failure, re.DOTALL)
        if refused:
            raise ValueRefused(refused[1])
        if f"Cannot find name '{name}'" in failure:
            raise ValueRefused(f"There is no TypeScript variable {name}.")
        raise TypeScriptError(failure)

    def _values(self) -> str:
        """The other end of values, reached through what tslab gives to cells.

        tslab takes no `await` for one that stands before a parenthesis.
        """
        return f'globalThis["__tslab__"].require({json.dumps(self.setup.values)})'

    @contextmanager
    def _using_kernel(self) -> Iterator[tuple[Kernel, StopButton]]:
        """A kernel that lives, for the time of one request; Stop goes to it."""
        if not self._lock.acquire(blocking=False):
            raise TypeScriptError("Another TypeScript cell is running. Wait for it, or stop it.")
        stop = StopButton(lambda: self._kernel)
        try:
            with stop:
                try:
                    yield self._living_kernel(), stop
                except KernelEnded:
                    self._end_kernel()
                    stop.raise_if_pressed("The TypeScript cell was stopped by force, and its variables are gone.")
                    raise
            stop.raise_if_pressed("The TypeScript cell was stopped; the variables of earlier cells are there.")
        finally:
            self._lock.release()
            self._watch_for_late_output()

    def begin(self) -> None:
        """Starts the kernel's process, and does not wait for it."""
        start, env = self.setup.start, {**os.environ, **self.setup.env}
        try:
            self._kernel = Kernel(self.setup.command, start, env)
        except OSError as error:
            raise TypeScriptError(f"The TypeScript kernel can't be started in {start}: {error}") from None

    def _living_kernel(self) -> Kernel:
        if self._kernel is not None and not self._kernel.alive():
            self._end_kernel()
        if self._kernel is None:
            self.begin()
        assert self._kernel is not None
        if not self._ready:
            self._await(self._kernel)
        if self._lost:
            self._lost = False
            print(
                "The TypeScript kernel had ended; this is a fresh one. The variables of earlier %%ts "
                "cells are gone: run those cells again, what they stored is reused.",
                file=sys.stderr,
            )
        return self._kernel

    def _await(self, kernel: Kernel) -> None:
        try:
            kernel.wait_ready()
            if self.setup.start != self.setup.cwd:
                kernel.execute(f"process.chdir({json.dumps(str(self.setup.cwd))});", lambda message: None)
        except BaseException:
            self._end_kernel()
            raise
        kernel.on_stray = CellOutput(self.shell).pass_on
        self._ready = True

    def _end_kernel(self) -> None:
        kernel, self._kernel = self._kernel, None
        self._lost = self._lost or self._ready
        self._ready = False
        if kernel is not None:
            kernel.shutdown()

    def _end_at_exit(self, owner: int) -> None:
        """A forked copy of this process is not the kernel's owner."""
        if os.getpid() == owner:
            self._end_kernel()

    def _show_late_output(self, _info: object = None) -> None:
        if self._kernel is not None and self._lock.acquire(blocking=False):
            try:
                self._kernel.drain()
            finally:
                self._lock.release()

    def _watch_for_late_output(self) -> None:
        """Between cells, looks again and again on the notebook's own event loop.

        The timer keeps the context of the cell that set it, and with it the place of the output.
        """
        if self._watch is not None:
            self._watch.cancel()
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            return  # IPython in a terminal: the next cell shows what came.

        def look() -> None:
            self._show_late_output()
            if self._kernel is not None:
                self._watch = loop.call_later(LATE_OUTPUT_S, look)

        self._watch = loop.call_later(LATE_OUTPUT_S, look)
