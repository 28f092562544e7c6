"""What the server on this machine does to an answer, as data: the places of faults, and schedules drawn from a seed.

A fault says what a server does to one answer and where. It is a frozen value that goes through JSON both ways
(`core.codec`), so that a schedule can stand in a report and be played again.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from enum import StrEnum

from attrs import field, frozen

from ...core.usage_error import UsageError
from ..script.faults import SERVER_WORDS, FaultKind

BODY_FAULTS = (
    FaultKind.RESET,
    FaultKind.HALF_CLOSE,
    FaultKind.STALL,
    FaultKind.PREMATURE_END,
    FaultKind.OVERLOADED,
    FaultKind.DRIP,
    FaultKind.PINGS,
    FaultKind.GARBAGE,
)
"""The kinds that have a place in the body."""


class Unit(StrEnum):
    """What `Fault.at` counts."""

    EVENTS = "events"
    """Whole events of the body."""
    BYTES = "bytes"
    """Bytes of the body, without HTTP's own."""
    CHARACTER = "character"
    """Bytes too, moved on into the next multi-byte character: after the first byte of it."""


@frozen
class Fault:
    """One thing that goes wrong with one answer.

    Args:
        kind: what goes wrong, one of `SERVER_WORDS`. RESET is an RST (SO_LINGER 0), HALF_CLOSE a FIN before the body's
            end was announced; after PREMATURE_END, OVERLOADED and GARBAGE the body ends properly, without the terminal
            event. REFUSE_PREFILL answers 400 to *every* request that ends with an assistant turn, and takes no turn.
        at: where, counted in `unit`; beyond the body's end it is the end, after the terminal event.
        unit: what `at` counts.
        in_chunk: for RESET and HALF_CLOSE: the announced HTTP chunk is longer than what is sent of it.
        status: for STATUS.
        retry_after_s: for STATUS: the server's hint; None sends no header.
        pause_s: for DRIP and PINGS: seconds between two writes.
        events: for DRIP: how many events come slowly.

    Raises:
        UsageError: a number that is out of range, or a kind that the server does not play.
    """

    kind: FaultKind = field(converter=FaultKind)
    at: int = 0
    unit: Unit = field(default=Unit.EVENTS, converter=Unit)
    in_chunk: bool = False
    status: int = 503
    retry_after_s: float | None = None
    pause_s: float = 0.001
    events: int = 12

    def __attrs_post_init__(self) -> None:
        if self.kind not in SERVER_WORDS:
            raise UsageError(f"kind is {self.kind}; expected one of {', '.join(SERVER_WORDS.values())}")
        for name, low in (("at", 0), ("status", 400), ("pause_s", 0), ("events", 0)):
            value = getattr(self, name)
            if not value >= low:
                raise UsageError(f"{name} is {value!r}; expected at least {low}")

    @property
    def word(self) -> str:
        """The word for its kind on the command line."""
        return SERVER_WORDS[self.kind]

    def __str__(self) -> str:
        """One line for a person: what, and where."""
        match self.kind:
            case FaultKind.STATUS:
                hint = "" if self.retry_after_s is None else f", Retry-After {self.retry_after_s:g}"
                return f"status {self.status}{hint}"
            case FaultKind.HTML | FaultKind.REFUSE_PREFILL:
                return self.word
            case _:
                inside = "inside a character after byte" if self.unit is Unit.CHARACTER else f"after {self.unit.value}"
                return f"{self.word} {inside} {self.at}"


@frozen
class Cut:
    """A place in a body: after `events` whole events and `bytes` bytes of the next one."""

    events: int
    bytes: int = 0


def cut_of(fault: Fault, events: Sequence[bytes]) -> Cut:
    """Find a fault's place in a body, given as its encoded events. *Cost*: linear in the body."""
    if fault.unit is Unit.EVENTS:
        return Cut(min(fault.at, len(events)))
    at = fault.at if fault.unit is Unit.BYTES else _inside_character(b"".join(events), fault.at)
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
            return Fault(kind, at * EVENT_BYTES, Unit.CHARACTER, in_chunk=in_chunk)
        case FaultKind.HALF_CLOSE:
            return Fault(kind, at * EVENT_BYTES, Unit.BYTES, in_chunk=in_chunk)
        case FaultKind.PINGS:
            return Fault(kind, at, pause_s=0.05)
        case FaultKind.STATUS:
            return Fault(kind, status=dice.choice(_STATUSES), retry_after_s=dice.choice(_HINTS_S))
        case FaultKind.HTML | FaultKind.REFUSE_PREFILL:
            return Fault(kind)
        case _:
            return Fault(kind, at)
