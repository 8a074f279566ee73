"""What happens around one TypeScript cell: where its output goes, and what Stop does."""

from __future__ import annotations

import signal
import sys
import threading
import time
from collections.abc import Callable
from types import FrameType
from typing import Any

from IPython.core.interactiveshell import InteractiveShell
from rag_cells_kernel import Kernel, Message, TypeScriptStopped, cell_failure, plain_text, without_inner_frames

# How long after Stop the way out is told, and from when on a second press is meant.
STOP_PATIENCE_S = 5.0
SECOND_PRESS_S = 1.0
# Node loses an interrupt that comes while the synchronous part of a cell ends, so it is repeated.
REPEAT_S = 1.0
# Writes to stderr that wait, to be told apart from the error that ends the cell.
MOST_HELD = 100


class StopButton:
    """While TypeScript runs, Stop is passed on and does not break into whatever line Python is at."""

    def __init__(self, kernel: Callable[[], Kernel | None]) -> None:
        self._kernel = kernel
        self._presses: list[float] = []
        self._passed_on = 0.0
        self._reminded = False
        self._before: Any = None

    def __enter__(self) -> None:
        # Only the main thread may, and only it is stopped.
        if threading.current_thread() is threading.main_thread():
            self._before = signal.signal(signal.SIGINT, self._pressed)

    def __exit__(self, *_: object) -> None:
        if self._before is not None:
            signal.signal(signal.SIGINT, self._before)

    def remind(self) -> None:
        """Repeats what a cell has not heard, then tells the way out of one that does not stop."""
        if not self._presses or self._reminded:
            return
        now = time.monotonic()
        if now - self._passed_on > REPEAT_S:
            self._interrupt()
        if now - self._presses[0] < STOP_PATIENCE_S:
            return
        self._reminded = True
        print(
            "The cell has not stopped yet. Stop again ends the TypeScript kernel, and its variables with it.",
            file=sys.stderr,
            flush=True,
        )

    @property
    def pressed(self) -> bool:
        return bool(self._presses)

    def raise_if_pressed(self, message: str) -> None:
        if self.pressed:
            raise TypeScriptStopped(message)

    def _pressed(self, _number: int, _frame: FrameType | None) -> None:
        self._presses.append(time.monotonic())
        if len(self._presses) == 1:
            self._interrupt()
        elif self._presses[-1] - self._presses[0] > SECOND_PRESS_S:
            self._send(signal.SIGKILL)

    def _interrupt(self) -> None:
        self._passed_on = time.monotonic()
        self._send(signal.SIGINT)

    def _send(self, number: int) -> None:
        kernel = self._kernel()
        if kernel is not None:
            kernel.send_signal(number)


class CellOutput:
    """Shows what a cell sends, where the notebook's own output goes; without a shell, nowhere.

    What comes on stderr waits for a moment: the error that ends the cell is printed there, and
    is to be shown once, as an error.
    """

    def __init__(self, shell: InteractiveShell | None) -> None:
        self._shell = shell
        self._writes: list[str] = []
        self._held: list[str] = []

    def show(self, message: Message) -> None:
        if message["msg_type"] == "stream" and message["content"]["name"] == "stderr":
            text = message["content"]["text"]
            self._writes = [*self._writes[-MOST_HELD:], text]
            self._held.append(text)
            if len(self._held) > MOST_HELD:
                self.flush()
        else:
            self.flush()
            self.pass_on(message)

    def pass_on(self, message: Message) -> None:
        """Shows a message at once."""
        if self._shell is None:
            return
        kind, content = message["msg_type"], message["content"]
        if kind == "stream":
            stream = sys.stderr if content["name"] == "stderr" else sys.stdout
            stream.write(content["text"])
        elif kind in ("display_data", "update_display_data"):
            self._shell.display_pub.publish(
                data=content["data"],
                metadata=content.get("metadata") or {},
                transient=content.get("transient") or {},
                update=kind == "update_display_data",
            )

    def flush(self) -> None:
        if self._shell is not None and self._held:
            sys.stderr.write("".join(self._held))
        self._held.clear()

    def finish(self, status: str) -> str | None:
        """Shows what still waits; returns why the cell failed, or None."""
        failure = cell_failure(status, self._writes)
        if failure is not None:
            self._held = [write for write in self._held if not is_part(write, failure)]
        self.flush()
        return failure


def is_part(write: str, failure: str) -> bool:
    text = without_inner_frames(plain_text(write)).rstrip()
    return text != "" and text in failure
