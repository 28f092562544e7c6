"""Finds where in an encoded answer a fault lies, in any format. Pure.

A format is asked, not known: two answers that differ in one piece are encoded, and where their bytes part is where that
piece stands.
"""

from __future__ import annotations

import random
from collections.abc import Sequence

from attrs import evolve, frozen

from ...core.messages import ToolCall
from ...testing.network.server_faults import Cut
from ...testing.script.faults import Fault, FaultKind, Unit
from ...testing.wire.format import Reply
from ...testing.wire.formats import Wire, events_of
from ...testing.wire.odd import escaped, with_crlf
from .play import Place, Play

_EARLIEST, _LATEST = 0.35, 0.7
"""The part of a text in which a cut lies: late enough that an echo of it can be told from a continuation."""


@frozen
class Laid:
    """A play in one answer: the fault with its place found, and the events as they are sent."""

    fault: Fault
    events: Sequence[bytes]


def lay(play: Play, wire: Wire, reply: Reply, dice: random.Random) -> Laid:
    """Find the place of a play in a reply. One that it has no room for is no fault."""
    events, fault = events_of(wire, reply), play.fault
    match play.place:
        case Place.NONE:
            return Laid(fault, events)
        case Place.CRLF:
            events = with_crlf(events)
            return _in_bytes(fault, events, b"\r\n", 1, _text_start(wire, reply, dice), dice)
        case Place.SURROGATE:
            events = escaped(events)
            return _in_bytes(fault, events, b"\\ud8", 6, 0, dice)
        case Place.ESCAPE:
            return _in_bytes(fault, events, b"\\", 1, _text_start(wire, reply, dice), dice)
        case Place.CHARACTER:
            at = _before(events, _text_cut(wire, reply, _middle(reply, dice)).events)
            return Laid(evolve(fault, at=at, cut=evolve(fault.cut, unit=Unit.CHARACTER)), events)
        case Place.SIGNATURE | Place.ARGUMENTS | Place.SECOND_CALL:
            cut = _parting(wire, reply, _changed_inside(play.place, reply))
            at = _before(events, cut.events) + cut.bytes
            return Laid(evolve(fault, at=at, cut=evolve(fault.cut, unit=Unit.BYTES)), events)
        case _:
            at_event = _event_of(play, wire, reply, events, dice)
            return Laid(Fault() if at_event is None else evolve(fault, at=at_event), events)


def _event_of(play: Play, wire: Wire, reply: Reply, events: Sequence[bytes], dice: random.Random) -> int | None:
    """Return how many whole events come before the place; None where there is no room for it."""
    match play.place:
        case Place.START:
            return _first_word(wire, reply)
        case Place.TOKENS:
            return _text_cut(wire, reply, play.fault.at).events if play.fault.at < len(reply.text) else None
        case Place.TEXT if len(reply.text) > 1:
            at = _text_cut(wire, reply, _middle(reply, dice)).events
            return at + (play.fault.kind is FaultKind.DUPLICATE_EVENT)
        case Place.REASONING if len(reply.reasoning) > 1:
            pieces = [*reply.reasoning]
            pieces[len(pieces) // 2] += "?"
            return _parting(wire, reply, evolve(reply, reasoning=pieces)).events
        case Place.BETWEEN_CALLS if len(reply.calls) > 1:
            return _parting(wire, reply, evolve(reply, calls=reply.calls[:1])).events
        case Place.TERMINAL:
            return _parting(wire, reply, evolve(reply, is_cut=True)).events
        case Place.TRAILER:
            return len(events) - 1
        case _:
            return None


def _middle(reply: Reply, dice: random.Random) -> int:
    count = len(reply.text)
    return max(1, min(count - 1, int(count * dice.uniform(_EARLIEST, _LATEST))))


def _text_cut(wire: Wire, reply: Reply, piece: int) -> Cut:
    """Return where piece number `piece` of the text begins."""
    if not reply.text:
        return Cut(_first_word(wire, reply))
    pieces = [*reply.text]
    pieces[min(piece, len(pieces) - 1)] = "\x7f"  # no text has it: the two part in that event
    return Cut(_parting(wire, reply, evolve(reply, text=pieces)).events)


def _first_word(wire: Wire, reply: Reply) -> int:
    """Return the event of the first word, of thoughts or text or a call."""
    if reply.reasoning:
        return _parting(wire, reply, evolve(reply, reasoning=("\x7f", *reply.reasoning[1:]))).events
    if reply.text:
        return _text_cut(wire, reply, 0).events
    return _parting(wire, reply, evolve(reply, calls=())).events


def _text_start(wire: Wire, reply: Reply, dice: random.Random) -> int:
    return _before(events_of(wire, reply), _text_cut(wire, reply, _middle(reply, dice)).events)


def _changed_inside(place: Place, reply: Reply) -> Reply:
    """Change what stands at a place that lies inside an event."""
    if place is Place.SIGNATURE:
        return evolve(reply, signature=f"{reply.signature[:4]}?{reply.signature[5:]}")
    at = 0 if place is Place.ARGUMENTS else 1
    calls = [*reply.calls]
    if at < len(calls):
        calls[at] = _other_arguments(calls[at])
    return evolve(reply, calls=tuple(calls))


def _other_arguments(call: ToolCall) -> ToolCall:
    """Change the last argument: the calls part late in their arguments."""
    names = list(call.arguments)
    return evolve(call, arguments={**call.arguments, **dict.fromkeys(names[-1:], "?")})


def _parting(wire: Wire, reply: Reply, other: Reply) -> Cut:
    """Return where the encodings of two replies part."""
    for number, (one, two) in enumerate(zip(events_of(wire, reply), events_of(wire, other), strict=False)):
        if one != two:
            return Cut(number, next((at for at, (a, b) in enumerate(zip(one, two, strict=False)) if a != b), 0))
    return Cut(min(len(events_of(wire, reply)), len(events_of(wire, other))))


def _before(events: Sequence[bytes], count: int) -> int:
    return sum(map(len, events[:count]))


def _in_bytes(fault: Fault, events: Sequence[bytes], found: bytes, after: int, start: int, dice: random.Random) -> Laid:
    """Cut `after` bytes into what is `found` in the body, from `start` on; before it where there is none."""
    body = b"".join(events)
    at = body.find(found, start)
    at = at if at >= 0 else body.find(found)
    if at < 0:
        return Laid(Fault(), events)
    return Laid(evolve(fault, at=at + after, cut=evolve(fault.cut, unit=Unit.BYTES)), events)
