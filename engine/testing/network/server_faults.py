"""What the server on this machine does to an answer: which faults it plays, where they cut, and schedules of a seed.

RESET is an RST (SO_LINGER 0), HALF_CLOSE a FIN before the body's end was announced; after PREMATURE_END, IN_BAND_ERROR
and GARBAGE the body ends properly, without the terminal event. PREFILL_REFUSED answers 400 to *every* request that ends
with an assistant turn, and takes no turn. A place beyond the body's end is the end, after the terminal event.
"""

from __future__ import annotations

import random
from collections.abc import Sequence

from attrs import frozen

from ..script.faults import SERVED, SERVER_WORDS, Fault, FaultKind, Unit, WireCut, refuse


def require_served(faults: Sequence[Fault]) -> list[Fault]:
    """List the faults. Raises UsageError for one that the server does not play: a kind, or a manner of the reply."""
    for at, fault in enumerate(faults):
        if fault.kind not in SERVED and fault.kind is not FaultKind.NONE:
            refuse(f"faults[{at}].kind", fault.kind.value, f"one of none, {', '.join(SERVER_WORDS.values())}")
        if fault.manner is not FaultKind.NONE:
            refuse(f"faults[{at}].manner", fault.manner.value, "none: how all replies begin is open_loopback's manner")
    return list(faults)


@frozen
class Cut:
    """A place in a body: after `events` whole events and `bytes` bytes of the next one."""

    events: int
    bytes: int = 0


def cut_of(fault: Fault, events: Sequence[bytes]) -> Cut:
    """Find a fault's place in a body, given as its encoded events. *Cost*: linear in the body."""
    if fault.cut.unit is Unit.EVENTS:
        return Cut(min(fault.at, len(events)))
    at = fault.at if fault.cut.unit is Unit.BYTES else _inside_character(b"".join(events), fault.at)
    for number, event in enumerate(events):
        if at < len(event):
            return Cut(number, at)
        at -= len(event)
    return Cut(len(events))


def _inside_character(body: bytes, at: int) -> int:
    """Return the place after the first byte of the next multi-byte character; `at` itself if there is none."""
    return next((place + 1 for place in range(at, len(body)) if body[place] >= 0xC0), at)


EVENT_BYTES = 140
"""About what one event is long in both wire formats: turns a place in events into one in bytes for a schedule."""

_STATUSES = (429, 500, 503, 529)
_HINTS_S = (None, 1.0)


def fault_schedule(
    seed: int,
    kinds: Sequence[FaultKind] | None = None,
    *,
    faults_max: int = 4,
    events_min: int = 12,
    events_max: int = 60,
) -> tuple[Fault, ...]:
    """Draw a schedule: the n-th fault is for the n-th request. Same arguments, same schedule.

    Args:
        seed: what the dice begin with.
        kinds: which faults, in this order; None draws two to `faults_max` of those in `SERVER_WORDS`.
        faults_max: the most that are drawn.
        events_min: the earliest place of a fault in a body, in events.
        events_max: the latest.
    """
    dice = random.Random(seed)  # noqa: S311 - a show's dice have to repeat; nothing is secret here
    if kinds is None:
        kinds = [dice.choice(tuple(SERVER_WORDS)) for _ in range(dice.randint(2, max(faults_max, 2)))]
    return tuple(_draw(FaultKind(kind), dice.randint(events_min, events_max), dice) for kind in kinds)


def _draw(kind: FaultKind, at: int, dice: random.Random) -> Fault:
    in_chunk = dice.random() < 0.5
    match kind:
        case FaultKind.RESET:
            return Fault(kind, at * EVENT_BYTES, cut=WireCut(Unit.CHARACTER, in_chunk))
        case FaultKind.HALF_CLOSE:
            return Fault(kind, at * EVENT_BYTES, cut=WireCut(Unit.BYTES, in_chunk))
        case FaultKind.DRIP:
            return Fault(kind, at, seconds=0.001, count=12)
        case FaultKind.PINGS_ONLY:
            return Fault(kind, at, seconds=0.05)
        case FaultKind.IN_BAND_ERROR:
            return Fault(kind, at, status=529)
        case FaultKind.HTTP_ERROR:
            return Fault(kind, status=dice.choice(_STATUSES), retry_after_s=dice.choice(_HINTS_S))
        case FaultKind.HTML | FaultKind.PREFILL_REFUSED:
            return Fault(kind)
        case _:
            return Fault(kind, at)
