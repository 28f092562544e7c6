"""JSON texts in a body that has no other framing: an object, several in a row, or an array that grows.

Pure, never raising, the same for every cut of the bytes; work is linear in them.
"""

from __future__ import annotations

import re

_OUTSIDE = re.compile(rb'["{}\[\]]')
_INSIDE = re.compile(rb'["\\]')
_SPACE = re.compile(rb"[ \t\r\n]*+")


class JSONValueReader:
    """Cuts a JSON array of objects, or objects that follow each other, into the texts of the objects.

    Only brackets, quotes and backslashes are looked at; whether what is between is JSON is seen by who parses it. An
    object without a field says nothing, and is left out.
    `is_ended` holds after the bracket that closes the array. `defect` as in `SSEReader`.

    Args:
        value_bytes_max: the longest object.
        skips_empty: False gives an object without a field, too.
    """

    def __init__(self, *, value_bytes_max: int, skips_empty: bool = True) -> None:
        self._skips_empty = skips_empty
        self.defect: str | None = None
        self.is_ended: bool = False
        self._value_bytes_max = value_bytes_max
        self._value = bytearray()
        self._depth = 0
        self._is_in_string = False
        self._is_escaped = False
        self._is_array = False
        self._wants = b"[{"  # which characters may come between two objects

    def feed(self, data: bytes) -> list[str]:
        """Take the next bytes, in any cut; return the texts of the objects that they complete."""
        texts: list[str] = []
        position = 0
        while position < len(data) and self.defect is None and not self.is_ended:
            position = self._take_value(data, position, texts) if self._depth else self._take_between(data, position)
        return texts

    def close(self) -> str | None:
        """Take the end of the body; return the object that was cut, or None."""
        return self._text() if self._value and self.defect is None else None

    def _take_value(self, data: bytes, start: int, texts: list[str]) -> int:
        end = self._find_end(data, start)
        self._value += data[start:end]
        if len(self._value) > self._value_bytes_max:
            bound = self._value_bytes_max
            self.defect = f"a chunk is longer than {bound} bytes; expected at most {bound} (event_bytes_max)"
        elif not self._depth:
            if (text := self._text()) != "{}" or not self._skips_empty:
                texts.append(text)
            self._wants = self._wants_next
        return end

    @property
    def _wants_next(self) -> bytes:
        return b",]" if self._is_array else b"{,"

    def _find_end(self, data: bytes, position: int) -> int:
        """Return where the open object ends, or the end of the data; go through strings and brackets on the way."""
        while self._depth and position < len(data):
            if self._is_escaped:
                self._is_escaped = False
                position += 1
                continue
            match = (_INSIDE if self._is_in_string else _OUTSIDE).search(data, position)
            if match is None:
                return len(data)
            position = match.end()
            self._pass(match[0])
        return position

    def _pass(self, mark: bytes) -> None:
        if mark == b"\\":
            self._is_escaped = True
        elif mark == b'"':
            self._is_in_string = not self._is_in_string
        else:
            self._depth += 1 if mark in b"{[" else -1

    def _take_between(self, data: bytes, position: int) -> int:
        space = _SPACE.match(data, position)
        position = position if space is None else space.end()
        mark = data[position : position + 1]
        if not mark:
            return position
        if mark not in self._wants:
            self.defect = f"seen {mark!r} between the chunks; expected one of {self._wants.decode()!r}"
        elif (
            mark == b"{" and self._skips_empty and data[position + 1 : position + 2] == b"}"
        ):  # three bytes that would cost 20 µs
            self._wants = self._wants_next
            return position + 2
        elif mark == b"{":
            self._depth = 1
            self._value += mark
        elif mark == b"]":
            self.is_ended = True
        elif mark == b"[":
            self._is_array = True
            self._wants = b"{]"
        else:
            self._wants = b"{"
        return position + 1

    def _text(self) -> str:
        text = self._value.decode(errors="replace")
        self._value.clear()
        return text
