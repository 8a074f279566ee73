"""Completion and inspection at the cursor of a TypeScript cell in a Python notebook."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from IPython.core.interactiveshell import InteractiveShell


def help_in_cells(ip: InteractiveShell, ask: Callable[..., dict[str, Any] | None]) -> None:
    """Completion and inspection in %%ts cells, through the two methods that a Jupyter kernel has for them.

    `ask` takes a message's type, a code, a cursor and more, and gives the reply's content, or None.
    """
    kernel = getattr(ip, "kernel", None)
    if kernel is None or hasattr(kernel, "python_complete"):
        return
    kernel.python_complete, kernel.python_inspect = kernel.do_complete, kernel.do_inspect

    def do_complete(code: str, cursor_pos: int) -> Any:
        place = place_in_cell(code, cursor_pos)
        if place is None:
            return kernel.python_complete(code, cursor_pos)
        found = ask("complete_request", *place) or {"matches": [], "cursor_start": 0, "cursor_end": 0}
        back = to_code_points(place[0])
        return {
            "status": "ok",
            "matches": found["matches"],
            "cursor_start": back(found["cursor_start"]) + len(code) - len(place[0]),
            "cursor_end": back(found["cursor_end"]) + len(code) - len(place[0]),
            "metadata": {},
        }

    def do_inspect(code: str, cursor_pos: int, detail_level: int = 0, *rest: Any, **more: Any) -> Any:
        place = place_in_cell(code, cursor_pos)
        if place is None:
            return kernel.python_inspect(code, cursor_pos, detail_level, *rest, **more)
        found = ask("inspect_request", *place, detail_level=detail_level)
        return found or {"status": "ok", "found": False, "data": {}, "metadata": {}}

    kernel.do_complete, kernel.do_inspect = do_complete, do_inspect


def place_in_cell(code: str, cursor: int) -> tuple[str, int] | None:
    """The TypeScript of a %%ts cell and the cursor in it, in JavaScript's UTF-16 units; None elsewhere."""
    head = re.match(r"\s*%%ts[ \t]*\n", code)
    if head is None or cursor < head.end():
        return None
    body = code[head.end() :]
    before = body[: cursor - head.end()]
    return body, len(before.encode("utf-16-le", "surrogatepass")) // 2


def to_code_points(text: str) -> Callable[[int], int]:
    """Python's positions in a text from JavaScript's."""
    units = text.encode("utf-16-le", "surrogatepass")
    return lambda at: len(units[: at * 2].decode("utf-16-le", "replace"))
