"""How a simulated answer crosses a network of bytes: in drawn reads and frames, and broken as its fault says."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from ..network.script import Close, Fails, Framing, GoesAway, Reset, Silence, Step, chunk, head, recut, response
from ..script.faults import BREAKS, Fault, FaultKind
from ..script.speech import ForeignError

UNENDED = BREAKS | {FaultKind.PREMATURE_END, FaultKind.GARBAGE, FaultKind.IN_BAND_ERROR}
"""After these the provider's terminal event is missing."""

_STREAM = {"content-type": "text/event-stream"}
"""The fewest headers: each is a tenth of what reading a head costs."""


def error_script(dice: Callable[[], float], status: int, body: bytes, hint: Mapping[str, str]) -> Iterable[Step]:
    """Write an error response, in a framing that is drawn."""
    framing = (Framing.LENGTH, Framing.CHUNKED, Framing.CLOSE)[int(dice() * 3)]
    return response([body], status=status, headers={"content-type": "application/json", **hint}, framing=framing)


def hint_of(fault: Fault) -> Mapping[str, str]:
    """The headers that say when to come back."""
    return {} if fault.retry_after_s is None else {"retry-after": f"{fault.retry_after_s:g}"}


def stream_script(
    dice: Callable[[], float], fault: Fault, said: Sequence[bytes], *, ping: bytes, garbage: bytes
) -> Iterable[Step]:
    """Write a stream: what is said, an event's bytes each, in drawn frames and reads, and how its fault ends it."""
    body = [*_reads_of(said, fault), *_ending(fault, garbage)]
    if fault.kind is FaultKind.PINGS_ONLY:
        return _pinging(body, fault, ping)
    draw = dice()
    framing = Framing.LENGTH if draw < 0.1 else Framing.CLOSE if draw < 0.2 else Framing.CHUNKED
    steps = response(body, headers=_STREAM, framing=framing)
    return recut(steps, _sizes(dice)) if dice() < 0.25 else steps


def _sizes(dice: Callable[[], float]) -> Iterator[int]:
    """Draw the sizes of reads: mostly large, for each costs 60 µs, with tiny ones among them."""
    large = (300, 1200, 5000)[int(dice() * 3)]
    while True:
        yield 1 + int(dice() * (large if dice() < 0.7 else 8))


def _reads_of(said: Sequence[bytes], fault: Fault) -> list[Step]:
    """Give what is said in reads of `burst` events; from where it drips, each event that is seen by itself."""
    drips = range(fault.at, fault.at + fault.count) if fault.kind is FaultKind.DRIP else range(0)
    steps: list[Step] = []
    held = b""
    for place, data in enumerate(said):
        if place in drips and data:
            steps += (held, Silence(fault.seconds))
            held = b""
        held += data
        if place % max(fault.burst, 1) == fault.burst - 1:
            steps.append(held)
            held = b""
    return [*(step for step in steps if step != b""), *([held] if held else [])]


def _ending(fault: Fault, garbage: bytes) -> list[Step]:
    """What comes after what is said; nothing is a proper end."""
    match fault.kind:
        case FaultKind.RESET:
            return [Reset()]
        case FaultKind.HALF_CLOSE:
            return [Close()]
        case FaultKind.GOAWAY:
            return [GoesAway()]
        case FaultKind.STALL:
            return [Silence()]
        case FaultKind.FOREIGN_ERROR:
            return [Fails(ForeignError("nobody's error"))]
        case FaultKind.GARBAGE:
            return [garbage]
        case FaultKind.ERROR_AFTER_TERMINAL:
            return [Silence() if fault.count else Reset()]
        case _:
            return []


def _pinging(body: Iterable[Step], fault: Fault, ping: bytes) -> Iterator[Step]:
    """Say what is said, and then nothing but signs of life, for ever."""
    yield head(200, {**_STREAM, "transfer-encoding": "chunked"})
    for step in body:
        yield chunk(step) if isinstance(step, bytes) else step
    while True:
        yield Silence(fault.seconds)
        yield chunk(ping)
