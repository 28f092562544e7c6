"""The bytes of a Gemini response, cut into the JSON texts of its chunks, in whichever of three framings they come.

Server-sent events (`alt=sse`) are the rule. Without it the body is one growing JSON array; and an error inside a stream
of events comes as a bare JSON object over several lines, which is no event at all. A line that begins with a bracket
can not be a field of an event, so from the first such line on (the body's first byte, mostly) the rest is read as JSON.

Pure, never raising, the same for every cut of the bytes; work is linear in them. Source: wire-formats §5.1 and §5.3.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from ...engine.core.framing import SSEReader
from ...engine.core.policy import Limits

_BARE = (b"\n{", b"\n[", b"\r{", b"\r[")
_OUTSIDE = re.compile(rb'["{}\[\]]')
_INSIDE = re.compile(rb'["\\]')
_SPACE = re.compile(rb"[ \t\r\n]*+")


class GeminiFrames:
    """Turns bytes into the texts of chunks. After `is_ended` (the array is closed) nothing that comes is a chunk."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._events = SSEReader(line_bytes_max=limits.line_bytes_max, event_bytes_max=limits.event_bytes_max)
        self._values: JSONValueReader | None = None
        self._is_at_line_start = True

    @property
    def defect(self) -> str | None:
        """Which bound was exceeded, or what was seen instead of JSON; None while all is well."""
        return self._events.defect or (None if self._values is None else self._values.defect)

    @property
    def is_ended(self) -> bool:
        """Whether the framing itself said that nothing follows."""
        return self._values is not None and self._values.is_ended

    def feed(self, data: bytes) -> Sequence[str]:
        """Take the next bytes, in any cut; return the texts that they complete."""
        if self._values is not None:
            return self._values.feed(data)
        start = self._find_bare(data)
        if start < 0:
            return [event.data for event in self._events.feed(data)]
        texts = [event.data for event in self._events.feed(data[:start])]
        if self._events.defect is None:
            pending = self._events.close()  # its lines are whole, only the blank one is missing
            texts += [] if pending is None else [pending.data]
            self._values = JSONValueReader(value_bytes_max=self._limits.event_bytes_max)
            texts += self._values.feed(data[start:])
        return texts

    def close(self) -> str | None:
        """Take the end of the body; return what was begun and not ended: perhaps a whole chunk, perhaps half of one."""
        if self._values is not None:
            return self._values.close()
        cut = self._events.close()
        return None if cut is None else cut.data

    def _find_bare(self, data: bytes) -> int:
        """Return where a line begins with a bracket, or -1."""
        if self._is_at_line_start and data[:1] in (b"{", b"["):
            return 0
        if data:
            self._is_at_line_start = data[-1:] in (b"\n", b"\r")
        found = [at for mark in _BARE if (at := data.find(mark)) >= 0]
        return min(found) + 1 if found else -1


class JSONValueReader:
    """Cuts a JSON array of objects, or objects that follow each other, into the texts of the objects.

    Only brackets, quotes and backslashes are looked at; whether what is between is JSON is seen by who parses it. An
    object without a field says nothing, and is left out.
    `is_ended` holds after the bracket that closes the array. `defect` as in `SSEReader`.

    Args:
        value_bytes_max: the longest object.
    """

    def __init__(self, *, value_bytes_max: int) -> None:
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
            if (text := self._text()) != "{}":
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
        elif mark == b"{" and data[position + 1 : position + 2] == b"}":  # three bytes that would cost 20 µs
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
