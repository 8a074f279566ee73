"""Values on their way between Python and TypeScript: JSON values, and numpy arrays.

A value is a file in a private folder for the moment of its passing. What the other side could
not hold exactly is refused, by the path that leads to it, and never changed.
src/notebook/values.ts is the other end.
"""

from __future__ import annotations

import json
import keyword
import math
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

# A typed array of TypeScript for each dtype. What stands here passes without a change.
ARRAYS = {
    "float32": "Float32Array",
    "float64": "Float64Array",
    "int8": "Int8Array",
    "int16": "Int16Array",
    "int32": "Int32Array",
    "int64": "BigInt64Array",
    "uint8": "Uint8Array",
    "uint16": "Uint16Array",
    "uint32": "Uint32Array",
    "uint64": "BigUint64Array",
}

# JavaScript's numbers are exact for integers up to here.
LARGEST_INTEGER = 2**53 - 1
# Python's own json gives up a little below a thousand levels.
DEEPEST = 200
# One string of JavaScript has at most 512 MiB.
LONGEST_JSON = 256 * 1024**2
# A type that nobody would read; `any` says as much.
LONGEST_TYPE = 4000

RESERVED = frozenset(
    "arguments async await break case catch class const continue debugger default delete do else enum "
    "eval export exports extends false finally for function globalThis if implements import in "
    "instanceof interface let module NaN new null package private protected public require return "
    "static super switch this throw true try type typeof undefined var void while with yield "
    "Infinity".split()
)


class ValueRefused(Exception):
    """A value or a name that can't pass from one language to the other."""

    def _render_traceback_(self) -> list[str]:
        return [f"\x1b[31m{type(self).__name__}\x1b[0m: {self}"]


def two_names(magic: str, line: str) -> tuple[str, str]:
    """The name on this side and the name on the other, from a line such as `rows` or `rows table`."""
    words = line.split()
    if len(words) not in (1, 2):
        raise ValueRefused(f"Use %{magic} name, or %{magic} name other_name.")
    for word in words:
        if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]{0,99}", word):
            raise ValueRefused(
                f"{word!a} is no name that both languages have: letters, digits and _ only, and no digit first."
            )
        if word in RESERVED or keyword.iskeyword(word):
            raise ValueRefused(f"{word} is a word of the language itself. Choose another name.")
    return words[0], words[-1]


def write_value(value: Any, name: str, folder: Path) -> tuple[str, str]:
    """Writes a value into a folder.

    Returns its TypeScript type, and the arguments with which the other end reads it.
    Raises ValueRefused.
    """
    if isinstance(value, np.ndarray):
        return _write_array(value, name, folder / "value.npy")
    check_json(value, name)
    text = json.dumps(value, allow_nan=False)
    if len(text) > LONGEST_JSON:
        raise ValueRefused(
            f"{name} takes {len(text):,} bytes as JSON; at most {LONGEST_JSON:,} pass. Put numbers as a numpy array."
        )
    path = folder / "value.json"
    path.write_text(text, "ascii")
    shape = type_of([value])
    return (shape if len(shape) <= LONGEST_TYPE else "any"), f"readJson({json.dumps(str(path))}, {len(text)})"


def read_value(name: str, folder: Path) -> Any:
    """Reads what the other end has written into a folder. Raises ValueRefused."""
    array, text = folder / "value.npy", folder / "value.json"
    try:
        if text.exists():
            return json.loads(text.read_text("utf-8"))
        values = np.load(array, allow_pickle=False)
        header = array.stat().st_size - values.nbytes
        if values.dtype.name not in ARRAYS or not 64 <= header < 1024:
            raise ValueError(f"{array.stat().st_size} bytes for {values.dtype} {values.shape}")
        return values
    except (OSError, ValueError, EOFError) as error:
        raise ValueRefused(f"{name} did not arrive whole ({error}). Run the line again.") from error


def _write_array(value: np.ndarray, name: str, path: Path) -> tuple[str, str]:
    if type(value) not in (np.ndarray, np.memmap):
        raise ValueRefused(
            f"{name} is a {type(value).__name__}, of which an array would keep only a part. Put numpy.asarray of it."
        )
    if value.dtype.name not in ARRAYS:
        raise ValueRefused(
            f"{name} has the dtype {value.dtype.name}, which TypeScript has no array for. "
            f"Convert it with .astype(...) to one of {', '.join(ARRAYS)}."
        )
    with open(path, "wb") as file:
        np.save(file, np.asarray(value, dtype=value.dtype.newbyteorder("<"), order="C"), allow_pickle=False)
    shape = json.dumps(list(value.shape))
    arguments = f"readArray({json.dumps(str(path))}, {json.dumps(value.dtype.name)}, {shape})"
    return f"{{ data: {ARRAYS[value.dtype.name]}; shape: number[] }}", arguments


def check_json(value: Any, path: str, above: tuple[int, ...] = ()) -> None:
    """Raises ValueRefused, with the path to the culprit, for what JSON or JavaScript would change or lose."""
    if value is None or type(value) in (bool, str):
        return
    if type(value) is int:
        if abs(value) > LARGEST_INTEGER:
            raise ValueRefused(
                f"{path} is {value}, beyond 2**53 - 1, where JavaScript's numbers are not exact. "
                "Put it as a string, or in a numpy array of int64."
            )
    elif type(value) is float:
        if not math.isfinite(value):
            raise ValueRefused(f"{path} is {value}, which JSON can't hold. Put None, or a numpy array.")
    elif type(value) in (list, tuple, dict):
        _check_below(value, path, above)
    else:
        raise ValueRefused(f"{path} is a {type(value).__name__}, which JSON can't hold. {_remedy(value)}")


def _check_below(value: Any, path: str, above: tuple[int, ...]) -> None:
    if id(value) in above:
        raise ValueRefused(f"{path} holds itself, so it has no end. Put it without the circle.")
    if len(above) >= DEEPEST:
        raise ValueRefused(f"{path} lies more than {DEEPEST} levels deep. Put it flatter.")
    above = (*above, id(value))
    if type(value) is not dict:
        for i, item in enumerate(value):
            check_json(item, f"{path}[{i}]", above)
        return
    for key, item in value.items():
        if type(key) is not str:
            raise ValueRefused(f"{path} has the key {key!a}; keys of JSON are strings. Convert the keys.")
        check_json(item, f"{path}[{key!a}]", above)


def _remedy(value: Any) -> str:
    if isinstance(value, np.ndarray):
        return "Put the array by itself, or its .tolist()."
    if isinstance(value, np.generic):
        return "Put its .item()."
    if hasattr(value, "to_dict"):
        return 'Put .to_dict("records"), or .to_numpy() for numbers alone.'
    return "Make it of dict, list, str, int, float, bool and None."


def type_of(values: Iterable[Any]) -> str:
    """The TypeScript type that holds all of some JSON values, as narrow as it can be said briefly."""
    values = list(values)
    kinds = dict.fromkeys(_kind(value) for value in values)
    names = [kind for kind in kinds if kind not in ("list", "dict")]
    if "list" in kinds:
        items = [item for value in values if _kind(value) == "list" for item in value]
        names.append(f"Array<{type_of(items)}>" if items else "unknown[]")
    if "dict" in kinds:
        names.append(_object_type([value for value in values if type(value) is dict]))
    return " | ".join(names)


def _kind(value: Any) -> str:
    if value is None:
        return "null"
    named = {bool: "boolean", str: "string", int: "number", float: "number", dict: "dict"}
    return named.get(type(value), "list")


def _object_type(objects: list[dict[str, Any]]) -> str:
    keys = dict.fromkeys(key for one in objects for key in one)
    fields = []
    for key in keys:
        found = [one[key] for one in objects if key in one]
        optional = "" if len(found) == len(objects) else "?"
        fields.append(f"{json.dumps(key)}{optional}: {type_of(found)}")
    return f"{{ {'; '.join(fields)} }}" if fields else "Record<string, never>"
