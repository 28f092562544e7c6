"""What a fault makes of a body that comes piece by piece: bytes, silences and ends, as the kit's steps. Pure.

Up to its place every byte passes as it came, at once. What was drawn and found no place (the body ended before it, or
has no events) changes nothing, and `why_not` says so.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

from attrs import frozen

from ...testing.network.script import Close, Reset, Silence, Step
from ...testing.network.served import DRIP_BYTES, between, broken_off
from ...testing.script.faults import FaultKind
from ...testing.wire.formats import Wire, ping
from ...testing.wire.odd import COMMENT, EMPTY_DATA
from .places import EventEdges, finder_of
from .spelling import Rule, Unit


@frozen
class EndOfBody:
    """The body ends here, in order."""


Move: TypeAlias = Step | EndOfBody
"""A step of the kit's, or an end in order."""

EVENT_BYTES_MAX = 1024 * 1024
"""The largest event that is kept to be said twice; a longer one is said twice from its end on."""


@frozen
class BodyHead:
    """What is known of a body before it comes. `coding` is its Content-Encoding, "" for none."""

    wire: Wire
    content_type: str
    length: int | None = None
    coding: str = ""


class Meddler:
    """Plays one rule on one body.

    Attributes:
        has_struck: the place was reached.
        is_over: nothing more of the body is passed.
    """

    def __init__(self, rule: Rule, head: BodyHead) -> None:
        if rule.place is None:
            raise TypeError(f"{rule.word} strikes before there is a body")
        self.has_struck: bool = False
        self.is_over: bool = False
        self._rule = rule
        self._place = rule.place
        self._head = head
        self._is_blind = bool(head.coding) and rule.looks_inside
        self._finder = finder_of(rule.place, head.content_type, head.wire, head.length)
        self._edges = EventEdges(head.content_type)
        self._is_between = True
        self._event, self._under_way = bytearray(), bytearray()

    def feed(self, data: bytes) -> Iterator[Move]:
        """Take the next bytes, b"" before the first; give what is done with them."""
        if self.has_struck:
            yield from self._after(data)
            return
        at = None if self._is_blind else self._finder.feed(data)
        before = data if at is None else data[:at]
        self._keep(before)
        if before:
            yield before
        if at is None:
            return
        self.has_struck = True
        yield from self._strike(data[at:])

    def end(self) -> Iterator[Move]:
        """Take the body's end; give what is done there."""
        if self._place.unit is Unit.END and not self.has_struck and not self._is_blind:
            self.has_struck = True
            yield from self._strike(b"")
        if not self.is_over:
            yield EndOfBody()

    @property
    def why_not(self) -> str:
        """Why a fault that was drawn was not played; "" if it was."""
        if self.has_struck:
            return ""
        if self._is_blind:
            return f"not played: the body is coded ({self._head.coding})"
        if self._place.unit in (Unit.TOKENS, Unit.EVENTS) and not self._edges.has_events:
            return "not played: the body has no events"
        return f"not played: the body ended before {self._place.spelled}"

    # -- striking -----------------------------------------------------------------------------------------------------

    def _strike(self, rest: bytes) -> Iterator[Move]:
        fault = self._rule.fault
        match fault.kind:
            case FaultKind.PAUSE | FaultKind.BAD_EVENT | FaultKind.UNKNOWN_EVENT | FaultKind.DUPLICATE_EVENT:
                yield between(fault, self._head.wire, bytes(self._event))
                yield from self._after(rest)
            case FaultKind.DRIP | FaultKind.EMPTY_DATA:
                yield from self._after(rest)
            case FaultKind.PINGS_ONLY | FaultKind.COMMENTS_ONLY:
                sign = COMMENT if fault.kind is FaultKind.COMMENTS_ONLY else ping(self._head.wire)
                while True:
                    yield sign
                    yield Silence(fault.seconds)
            case _:
                self.is_over = True
                steps = broken_off(fault, self._head.wire)
                yield from steps
                if not (steps and isinstance(steps[-1], Reset | Close | Silence)):
                    yield EndOfBody()

    # -- what comes behind a place ------------------------------------------------------------------------------------

    def _after(self, data: bytes) -> Iterator[Move]:
        if self._rule.word == "drip":
            for at in range(0, len(data), DRIP_BYTES):
                yield data[at : at + DRIP_BYTES]
                yield Silence(self._rule.fault.seconds)
        elif self._rule.word in ("slow", "empty-data"):
            yield from self._by_event(data)
        elif data:
            yield data

    def _by_event(self, data: bytes) -> Iterator[Move]:
        """Pause before each event, or say one without data behind it. Without events each piece is one."""
        edges, begin = self._edges.feed(data), 0
        for end in dict.fromkeys([*edges, len(data)]):
            if begin == end:
                continue
            if self._is_between and self._rule.word == "slow":
                yield Silence(self._rule.fault.seconds)
            yield data[begin:end]
            self._is_between = end in edges or not self._edges.has_events
            if self._is_between and self._rule.word == "empty-data":
                yield EMPTY_DATA
            begin = end

    def _keep(self, data: bytes) -> None:
        """Keep the last whole event before the place, where it is to be said twice."""
        if self._rule.fault.kind is not FaultKind.DUPLICATE_EVENT:
            return
        begin = 0
        for edge in self._edges.feed(data):
            self._event, self._under_way = self._under_way + data[begin:edge], bytearray()
            begin = edge
        self._under_way += data[begin:]
        del self._under_way[:-EVENT_BYTES_MAX]
