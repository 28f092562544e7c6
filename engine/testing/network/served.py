"""What a server writes for an answer and a fault, as steps: the same for real sockets and for a scripted network. Pure.

An answer comes as its encoded events; each event is a write and, unless its length is announced, an HTTP chunk. Whoever
plays the steps (`play.play_steps`, `ScriptedNetwork`) needs to know nothing of faults.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, repeat

from attrs import frozen

from ...core.json_value import JSONObject
from ..script.faults import Fault, FaultKind
from ..wire.formats import GARBAGE, Continuation, Wire, error_body, ping, stream_error
from ..wire.odd import COMMENT, EMPTY_DATA, bad_event, failed_finish, unknown_event
from .script import Close, Reset, Silence, Step, chunk, head, response
from .server_faults import cut_of

DRIP_BYTES = 5
"""How much one write of a slow body holds: less than any event, and not a multiple of a character."""

HTML_PAGE = (
    b"<!doctype html><html><head><title>Welcome</title></head><body>Please log in to this network.</body></html>"
)
"""What a network answers that wants a login first."""

NO_PREFILL = "This model does not support assistant message prefill. The conversation must end with a user message."
"""What a model says to a request that ends with the assistant's turn, and that does not go on from one."""

NO_TRAILING_SPACE = "messages: final assistant content cannot end with trailing whitespace"
"""What Anthropic says to an assistant's turn that ends with white space (`ends_in_space`)."""

NEVER_SAID = "the assistant's turn holds words that were never said"
"""What an honest server of ours says to a client that claims words of an answer it never gave."""

_DOWN = b"<html><head><title>%d</title></head><body><h1>The server is not available.</h1></body></html>"
_JSON = "application/json"
_WEB_PAGE = "text/html; charset=utf-8"


def ends_in_space(wire: Wire, before: Continuation) -> bool:
    """Whether a request goes on from an assistant's turn that its API does not take."""
    return wire is Wire.ANTHROPIC and before.is_prefix and before.text != before.text.rstrip()


def steps_of(fault: Fault, wire: Wire, events: Sequence[bytes], *, event_s: float = 0.0) -> Iterable[Step]:
    """Write an answer with a fault. Pings and comments have no end.

    Args:
        fault: what goes wrong; its kind is one of `SERVED`, or NONE. Its manner is not looked at.
        wire: the format.
        events: the encoded events of the whole answer; for EMPTY those of one without a word.
        event_s: seconds between two events.
    """
    match fault.kind:
        case FaultKind.CONNECT_ERROR:
            return [Reset()]
        case FaultKind.HTTP_ERROR | FaultKind.ERROR_UNDER_200 | FaultKind.HTML | FaultKind.HTML_ERROR:
            return instead_of_stream(fault, wire).steps
        case FaultKind.SLOW_HEADERS if math.isinf(fault.seconds):
            return [Silence()]
        case FaultKind.SLOW_HEADERS:
            return [Silence(fault.seconds), *_framed(wire, _paced(events, event_s))]
        case FaultKind.PINGS_ONLY | FaultKind.COMMENTS_ONLY:
            sign = ping(wire) if fault.kind is FaultKind.PINGS_ONLY else COMMENT
            said = _framed(wire, [*_paced(_said(fault, events), event_s), Silence()])[:-1]
            return chain(said, chain.from_iterable(repeat((chunk(sign), Silence(fault.seconds)))))
        case _:
            return _stream(fault, wire, events, event_s)


@frozen
class WholeAnswer:
    """An answer in one piece, in place of a stream."""

    body: bytes
    status: int = 200
    content_type: str = _JSON
    retry_after_s: float | None = None

    @property
    def steps(self) -> list[Step]:
        """Write it."""
        hint: JSONObject = {} if self.retry_after_s is None else {"retry-after": f"{self.retry_after_s:g}"}
        return whole_steps(self.body, status=self.status, content_type=self.content_type, more=hint)


def instead_of_stream(fault: Fault, wire: Wire) -> WholeAnswer:
    """Return what a fault says where a stream was asked for: an error, or a web page."""
    match fault.kind:
        case FaultKind.PREFILL_REFUSED:
            return WholeAnswer(error_body(wire, 400, NO_PREFILL), 400)
        case FaultKind.HTML:
            return WholeAnswer(HTML_PAGE, content_type=_WEB_PAGE)
        case FaultKind.HTML_ERROR:
            return WholeAnswer(_DOWN % fault.status, fault.status, _WEB_PAGE)
        case _:
            message = f"the server answers {fault.status} on schedule"
            status = 200 if fault.kind is FaultKind.ERROR_UNDER_200 else fault.status
            return WholeAnswer(error_body(wire, fault.status, message), status, retry_after_s=fault.retry_after_s)


def whole_steps(
    body: bytes, *, status: int = 200, content_type: str = _JSON, more: JSONObject | None = None
) -> list[Step]:
    """Write an answer in one piece."""
    told = {"content-type": content_type, "content-length": str(len(body))}
    return [head(status, told | {name: str(value) for name, value in (more or {}).items()}) + body]


def error_steps(body: bytes, status: int, retry_after_s: float | None = None) -> list[Step]:
    """Write an error, with a hint of seconds."""
    return whole_steps(
        body, status=status, more=None if retry_after_s is None else {"retry-after": f"{retry_after_s:g}"}
    )


def _paced(events: Iterable[bytes], event_s: float) -> list[Step]:
    if not event_s:
        return [*events]
    return [step for event in events for step in (event, Silence(event_s))]


def _framed(wire: Wire, steps: list[Step]) -> list[Step]:
    return response(steps, headers={"content-type": wire.content_type, "cache-control": "no-cache"})


def _said(fault: Fault, events: Sequence[bytes]) -> list[bytes]:
    """Return what is said before the cut, the part of an event included."""
    cut = cut_of(fault, events)
    return [*events[: cut.events], *([events[cut.events][: cut.bytes]] if cut.bytes else [])]


def _stream(fault: Fault, wire: Wire, events: Sequence[bytes], event_s: float) -> list[Step]:
    if fault.kind in (FaultKind.RESET, FaultKind.HALF_CLOSE) and fault.cut.in_chunk:
        return _cut_in_chunk(fault, wire, events, event_s)
    body = [*_body(fault, wire, events, event_s)]
    if not fault.cut.has_length:
        return _framed(wire, body)
    length = sum(map(len, events if fault.kind is not FaultKind.PREMATURE_END else _said(fault, events)))
    told = {"content-type": wire.content_type, "cache-control": "no-cache", "content-length": str(length)}
    return [head(200, told), *body]


def _cut_in_chunk(fault: Fault, wire: Wire, events: Sequence[bytes], event_s: float) -> list[Step]:
    cut = cut_of(fault, events)
    end = _end_of(fault)
    steps = _framed(wire, [*_paced(events[: cut.events], event_s), *end])
    if cut.bytes:
        event = events[cut.events]
        steps[-1:-1] = [chunk(event[: cut.bytes], of_bytes=len(event))]
    return steps


def _end_of(fault: Fault) -> list[Step]:
    return [Reset() if fault.kind is FaultKind.RESET else Close()]


def _body(fault: Fault, wire: Wire, events: Sequence[bytes], event_s: float) -> Iterator[Step]:
    cut = cut_of(fault, events)
    at = cut.events
    match fault.kind:
        case FaultKind.NONE | FaultKind.EMPTY:
            yield from _paced(events, event_s)
        case FaultKind.ERROR_AFTER_TERMINAL:
            yield from _paced(events, event_s)
            yield Silence() if fault.count else Reset()
        case FaultKind.EMPTY_DATA:
            yield from _paced((part for event in events for part in (event, EMPTY_DATA)), event_s)
        case FaultKind.DRIP:
            yield from _paced(events[:at], event_s)
            yield from _drip(fault, b"".join(events[at : at + fault.count]))
            yield from _paced(events[at + fault.count :], event_s)
        case FaultKind.PAUSE | FaultKind.BAD_EVENT | FaultKind.UNKNOWN_EVENT | FaultKind.DUPLICATE_EVENT:
            yield from _paced(events[:at], event_s)
            yield between(fault, wire, events[max(at - 1, 0)])
            yield from _paced(events[at:], event_s)
        case FaultKind.DUPLICATE:
            yield from _paced([*events[:at], *events], event_s)
        case _:
            yield from _paced(_said(fault, events), event_s)
            yield from broken_off(fault, wire)


def between(fault: Fault, wire: Wire, before: bytes) -> Step:
    """Return what comes between two events, of which one is `before`; the rest follows."""
    match fault.kind:
        case FaultKind.PAUSE:
            return Silence(fault.seconds)
        case FaultKind.BAD_EVENT:
            return bad_event(wire)
        case FaultKind.UNKNOWN_EVENT:
            return unknown_event(wire)
        case _:
            return before


def broken_off(fault: Fault, wire: Wire) -> list[Step]:
    """Return what comes in place of the rest; a body whose last step is no end has its proper one."""
    match fault.kind:
        case FaultKind.RESET | FaultKind.HALF_CLOSE:
            return _end_of(fault)
        case FaultKind.STALL:
            return [Silence(fault.seconds), Close()] if fault.count else [Silence()]
        case FaultKind.IN_BAND_ERROR:
            return [stream_error(wire, fault.status), *([Silence()] if fault.count else [])]
        case FaultKind.GARBAGE:
            return [GARBAGE]
        case FaultKind.FAILED_FINISH:
            return [failed_finish(wire)]
        case _:
            return []  # the premature end: nothing more is said


def _drip(fault: Fault, slow: bytes) -> Iterator[Step]:
    for at in range(0, len(slow), DRIP_BYTES):
        yield slow[at : at + DRIP_BYTES]
        if fault.seconds:
            yield Silence(fault.seconds)
