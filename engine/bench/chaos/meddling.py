"""What a fault makes of a body that comes piece by piece: bytes, silences and ends, as the kit's steps. Pure.

Up to its place every byte passes as it came, at once. What was drawn and found no place (the body ended before it, or
has no events) changes nothing, and `why_not` says so.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

from attrs import frozen

from ...testing.network.script import Close, Reset, Silence
from ...testing.network.server_connection import DRIP_BYTES
from ...testing.script.faults import FaultKind
from ...testing.wire.formats import GARBAGE, Wire, ping, stream_error
from .places import EventEdges, finder_of
from .spelling import Rule, Unit


@frozen
class EndOfBody:
    """The body ends here, in order."""


Move: TypeAlias = bytes | Silence | Reset | Close | EndOfBody
"""The steps of the kit that a proxy plays, and an end in order."""


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

    def feed(self, data: bytes) -> Iterator[Move]:
        """Take the next bytes, b"" before the first; give what is done with them."""
        if self.has_struck:
            yield from self._after(data)
            return
        at = None if self._is_blind else self._finder.feed(data)
        if at is None:
            if data:
                yield data
            return
        if at:
            yield data[:at]
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
        rule = self._rule
        match rule.plays:
            case FaultKind.STALL if rule.seconds is not None:
                yield Silence(rule.seconds)
                if rest:
                    yield rest
            case FaultKind.DRIP:
                yield from self._after(rest)
            case _:
                self.is_over = True
                yield from self._break()

    def _break(self) -> Iterator[Move]:
        rule, wire = self._rule, self._head.wire
        match rule.plays:
            case FaultKind.RESET:
                yield Reset()
            case FaultKind.HALF_CLOSE:
                yield Close()
            case FaultKind.STALL:
                yield Silence()
            case FaultKind.PINGS_ONLY:
                while True:
                    yield ping(wire)
                    yield Silence(rule.seconds)
            case FaultKind.IN_BAND_ERROR:
                yield from (stream_error(wire, rule.status), EndOfBody())
            case FaultKind.GARBAGE:
                yield from (GARBAGE, EndOfBody())
            case _:
                yield EndOfBody()

    # -- what comes behind a place ------------------------------------------------------------------------------------

    def _after(self, data: bytes) -> Iterator[Move]:
        if self._rule.plays is not FaultKind.DRIP:
            if data:
                yield data
        elif self._rule.word == "drip":
            for at in range(0, len(data), DRIP_BYTES):
                yield data[at : at + DRIP_BYTES]
                yield Silence(self._rule.seconds)
        else:
            yield from self._slowly(data)

    def _slowly(self, data: bytes) -> Iterator[Move]:
        """Pause before the first byte of each event, or of each piece where a body has no events."""
        edges, begin = self._edges.feed(data), 0
        for end in dict.fromkeys([*edges, len(data)]):
            if begin < end:
                if self._is_between:
                    yield Silence(self._rule.seconds)
                yield data[begin:end]
                self._is_between = end in edges or not self._edges.has_events
            begin = end
