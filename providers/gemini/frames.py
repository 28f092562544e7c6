"""The bytes of a Gemini response, cut into the JSON texts of its chunks, in whichever of three framings they come.

Server-sent events (`alt=sse`) are the rule. Without it the body is one growing JSON array; and an error inside a stream
of events comes as a bare JSON object over several lines, which is no event at all. A line that begins with a bracket
can not be a field of an event, so from the first such line on (the body's first byte, mostly) the rest is read as JSON.

Pure, never raising, the same for every cut of the bytes; work is linear in them. Source: wire-formats §5.1 and §5.3.
"""

from __future__ import annotations

from collections.abc import Sequence

from ...engine.core.framing import SSEReader
from ...engine.core.policy import Limits
from ..wire.json_values import JSONValueReader

_BARE = (b"\n{", b"\n[", b"\r{", b"\r[")


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
