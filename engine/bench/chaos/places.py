"""Finds a place in a body that comes piece by piece: after so many bytes, events or words. Pure; nothing is held back.

An event ends with its blank line (server-sent events) or its line (NDJSON); any other body has none. A token is about
four characters of what the model says: text, reasoning and arguments, as the provider's decoder reads them.
"""

from __future__ import annotations

import re
from typing import Protocol

from ....providers.by_name import from_name
from ...core.policy import Limits
from ...core.provider import WireDecoder
from ...core.stream_events import ReasoningDelta, TextDelta, ToolCallDelta
from ...testing.wire.formats import Wire
from .spelling import Place, Unit

CHARS_A_TOKEN = 4

_BLANK_LINE = re.compile(rb"\n\n|\n\r\n|\r\r")
_LINE = re.compile(rb"\n")


class EventEdges:
    """Where events end in a body that comes piece by piece.

    Attributes:
        count: how many have ended so far.
    """

    def __init__(self, content_type: str) -> None:
        kind = content_type.partition(";")[0].strip().lower()
        is_lines = kind in ("application/x-ndjson", "application/jsonl", "application/x-jsonlines")
        self._edge = _BLANK_LINE if kind == "text/event-stream" else _LINE if is_lines else None
        self._tail = b""
        self.count: int = 0

    @property
    def has_events(self) -> bool:
        """Whether this is a body that has any."""
        return self._edge is not None

    def feed(self, data: bytes) -> list[int]:
        """Take the next bytes; return the offsets in them behind which an event ends."""
        if self._edge is None:
            return []
        before = len(self._tail)
        seen = self._tail + data
        edges = [found.end() for found in self._edge.finditer(seen)]
        self._tail = seen[edges[-1] if edges else 0 :][-2:]  # an edge that is found counts no second time
        self.count += len(edges)
        return [edge - before for edge in edges]


class Finder(Protocol):
    """Looks for one place."""

    def feed(self, data: bytes) -> int | None:
        """Take the next bytes; the offset in them where the place is, None if it is further on."""
        ...


class AfterBytes:
    """The place after so many bytes."""

    def __init__(self, amount: int) -> None:
        self._left = amount

    def feed(self, data: bytes) -> int | None:
        """Take the next bytes."""
        if self._left <= len(data):
            return self._left
        self._left -= len(data)
        return None


class AfterEvents:
    """The place after so many events."""

    def __init__(self, amount: int, content_type: str) -> None:
        self._left = amount
        self._edges = EventEdges(content_type)

    def feed(self, data: bytes) -> int | None:
        """Take the next bytes."""
        if not self._left:
            return 0
        edges = self._edges.feed(data)
        if len(edges) >= self._left:
            return edges[self._left - 1]
        self._left -= len(edges)
        return None


class AfterTokens:
    """The place after the event in which the model has said so many tokens."""

    def __init__(self, amount: int, content_type: str, wire: Wire) -> None:
        self._chars_left = amount * CHARS_A_TOKEN
        self._edges = EventEdges(content_type)
        self._decoder = _decoder_of(wire)

    def feed(self, data: bytes) -> int | None:
        """Take the next bytes."""
        if self._chars_left <= 0:
            return 0
        begin = 0
        for edge in self._edges.feed(data):
            self._count(data[begin:edge])
            begin = edge
            if self._chars_left <= 0:
                return edge
        self._count(data[begin:])
        return None

    def _count(self, data: bytes) -> None:
        for event in self._decoder.feed(data):
            match event:
                case TextDelta(text) | ReasoningDelta(text) | ToolCallDelta(_, text):
                    self._chars_left -= len(text)
                case _:
                    pass


class Never:
    """No place: the body has an end, and that is where the fault is, or it has no such places."""

    def feed(self, data: bytes) -> int | None:
        """Take the next bytes."""
        return None


def finder_of(place: Place, content_type: str, wire: Wire, length: int | None) -> Finder:
    """Make what looks for a place. `length` is that of the whole body, where it is known."""
    match place.unit:
        case Unit.BYTES:
            return AfterBytes(int(place.amount))
        case Unit.EVENTS:
            return AfterEvents(int(place.amount), content_type)
        case Unit.TOKENS:
            return AfterTokens(int(place.amount), content_type, wire)
        case Unit.SHARE:
            return Never() if length is None else AfterBytes(round(place.amount / 100 * length))
        case Unit.END:
            return Never()


def _decoder_of(wire: Wire) -> WireDecoder:
    return from_name(f"{wire.value}/any", api_key="unused", base_url="http://127.0.0.1").decoder(Limits())
