"""Arguments that arrive in pieces, each with its JSON path, written as one JSON text while they arrive.

A model writes its arguments from the beginning to the end, so the pieces come in the order of a document: a piece whose
path goes back into what was left is a defect. In that order the text can be given out at once, and half of it can never
be mistaken for the whole: the outermost bracket closes last.

Source: `PartialArg` of google-genai 3.4.0; RFC 9535 (normalized and shorthand names); wire-formats §5.2 (2026-11).
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import TypeAlias

from ...engine.core.held_bytes import HeldBytes
from ...engine.core.json_value import JSONObject, JSONValue
from ...engine.core.tool_json import DEPTH_MAX
from ..wire.json import text_at, write_json
from ..wire.spoken import spoken

PATH_CHARS_MAX = 64 * 1024
"""A longer path leads nowhere: 128 levels (`DEPTH_MAX`) of keys with 500 characters."""

KEY_BYTES = 128
"""What a key that is kept takes beside its characters: an object, and its place in a set."""

Key: TypeAlias = str | int

_STEP = re.compile(r"""\.([^.\[\]]+)|\[(\d{1,7})\]|\['((?:[^'\\]|\\.)*)'\]|\["((?:[^"\\]|\\.)*)"\]""")
_VALUES = ("stringValue", "numberValue", "boolValue", "nullValue")


def read_path(path: str) -> tuple[Key, ...] | None:
    """Return the keys and indexes of a JSON path, outermost first; None for what is no path to a value inside."""
    if len(path) > PATH_CHARS_MAX:
        return None
    keys: list[Key] = []
    position = 1
    while position < len(path) and len(keys) < DEPTH_MAX:
        step = _STEP.match(path, position)
        key = None if step is None else _read_step(step)
        if step is None or key is None:
            return None
        keys.append(key)
        position = step.end()
    return tuple(keys) if path[:1] == "$" and keys and position == len(path) else None


def _read_step(step: re.Match[str]) -> Key | None:
    if step[1] is not None:
        return step[1]
    if step[2] is not None:
        return int(step[2])
    quoted = step[4] if step[3] is None else step[3].replace("\\'", "'").replace('"', '\\"')
    try:
        name: object = json.loads(f'"{quoted}"')
    except ValueError:
        return None
    return name if isinstance(name, str) else None


class _Container:
    """An object or an array that is open: under which key it stands, and what it holds so far."""

    __slots__ = ("count", "held_bytes", "is_array", "key", "names")

    def __init__(self, key: Key, *, is_array: bool) -> None:
        self.key: Key = key
        self.is_array: bool = is_array
        self.count: int = 0
        self.names: set[Key] = set()
        self.held_bytes: int = 0


class ArgumentsWriter:
    """Writes the arguments of one call. `defect` says which piece did not fit; nothing is written after that.

    The keys of the objects that are open are kept, for none may come twice, and counted in `held`.
    """

    def __init__(self, held: HeldBytes) -> None:
        self.defect: str | None = None
        self._held = held
        self._open: list[_Container] = []
        self._leaf: tuple[Key, ...] = ()
        self._is_in_string = False

    @property
    def is_begun(self) -> bool:
        """Whether anything was written."""
        return bool(self._open)

    def put(self, piece: JSONObject) -> str:
        """Take one piece; return the text that it adds. A string under the same path as before goes on."""
        kind = next((name for name in _VALUES if name in piece), None)
        if kind is None:
            return ""  # it only announces a path
        keys = read_path(text_at(piece, "jsonPath"))
        if keys is None:
            return self._refuse("that is no path")
        value: JSONValue = None if kind == "nullValue" else piece[kind]
        if kind == "stringValue" and (value := spoken(value)) is None:
            return self._refuse("whose string is none")
        if keys == self._leaf and self._is_in_string and isinstance(value, str):
            return write_json(value)[1:-1]
        return self._write(keys, value)

    def close(self) -> str:
        """Return the text that ends the arguments; nothing if there were none."""
        return self._leave(0) if self._open and self.defect is None else ""

    def _write(self, keys: tuple[Key, ...], value: JSONValue) -> str:
        text = "" if self._open else self._enter(0, is_array=False)
        text += self._leave(1 + self._shared(keys[:-1]))
        for depth in range(len(self._open) - 1, len(keys)):
            text += self._begin(keys[depth])
            if self.defect is not None:
                return ""
            if depth + 1 < len(keys):
                text += self._enter(keys[depth], is_array=isinstance(keys[depth + 1], int))
        self._leaf = keys
        self._is_in_string = isinstance(value, str)
        return text + (write_json(value)[:-1] if self._is_in_string else write_json(value))

    def _shared(self, keys: Sequence[Key]) -> int:
        """Count how many of the open containers, the outermost left out, lie on a path."""
        count = 0
        for container, key in zip(self._open[1:], keys, strict=False):
            if container.key != key:
                break
            count += 1
        return count

    def _begin(self, key: Key) -> str:
        """Write what stands before a member's value."""
        holder = self._open[-1]
        is_next = key == holder.count if holder.is_array else isinstance(key, str) and key not in holder.names
        if isinstance(key, int) != holder.is_array or not is_next:
            return self._refuse("whose place has passed or is not reached")
        comma = "," if holder.count else ""
        holder.count += 1
        if isinstance(key, int):
            return comma
        holder.names.add(key)
        holder.held_bytes += len(key) + KEY_BYTES
        self._held.hold(len(key) + KEY_BYTES)
        return f"{comma}{write_json(key)}:"

    def _enter(self, key: Key, *, is_array: bool) -> str:
        self._open.append(_Container(key, is_array=is_array))
        return "[" if is_array else "{"

    def _leave(self, depth: int) -> str:
        """Close the string that is open and the containers deeper than `depth`."""
        text = '"' if self._is_in_string else ""
        self._is_in_string = False
        while len(self._open) > depth:
            container = self._open.pop()
            self._held.release(container.held_bytes)
            text += "]" if container.is_array else "}"
        return text

    def _refuse(self, why: str) -> str:
        self.defect = f"seen a piece of arguments at a path {why}; expected paths in the order of a document"
        return ""
