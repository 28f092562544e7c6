"""What a model says to one attempt: going on from what the request says was said, or as the fault of the attempt says.

A reply is a list of events; who plays it gives them one by one, and what was given is kept with the attempt.
"""

from __future__ import annotations

from collections.abc import Callable

from attrs import define, field

from ...core.capabilities import ContinuationForm
from ...core.stop import StopReason
from ...core.stream_events import AnswerRestarted, StopReported, StreamEvent, StreamFailed, ToolCallDelta
from ...core.usage import UsageReport
from .faults import BREAKS, Fault, FaultKind, failure_of
from .text import EVIDENCE_CHARS, Reply, Version


class ForeignError(Exception):
    """What a source raises that nobody knows."""


@define(eq=False)
class Attempt:
    """What was asked, and what the model gave for it.

    Attributes:
        base: how many characters of text were shown as it was asked.
        before: the version of the answer that they are of, where the reply begins another one.
        given: how many of the reply's events were given so far.
        ended: the channel's end was given.
        refused: its form was; `repeats_refusal`: not for the first time, so that it costs an attempt.
        history: what its generation had given before, of one that is read on; `is_surmised`: as far as is known.
        began: how many characters were shown as that generation was asked for; None where this attempt began it.
        generation: the number of the generation that it reads, and `places` where it stands after each event.
    """

    number: int
    process: int
    form: ContinuationForm | None
    fault: Fault
    asked_s: float
    base: int
    reply: Reply
    searches: bool = False
    given: int = 0
    ended: bool = False
    refused: bool = False
    ended_s: float = 0.0
    begins: FaultKind = FaultKind.NONE
    before: Version | None = None
    rewinds: int | None = None
    repeats_refusal: bool = False
    history: tuple[StreamEvent, ...] = ()
    is_surmised: bool = False
    began: int | None = None
    generation: int | None = None
    places: list[int | None] = field(factory=list["int | None"])

    @property
    def costs(self) -> bool:
        """Whether it counts in the budget: the first refusal of a form does not."""
        return not self.refused or self.repeats_refusal

    @property
    def events(self) -> list[StreamEvent]:
        """What was given."""
        return self.reply.events[: self.given]

    @property
    def terminal(self) -> bool:
        """Whether the terminal event was given: the channel's end after a stop."""
        return self.ended and self.given > 0 and isinstance(self.reply.events[self.given - 1], StopReported)


def ignore(*_said: object) -> None:
    """Do nothing: the listener of a run that is over, so that nothing points back to it."""


# -- what is said -----------------------------------------------------------------------------------------------------


def make_reply(
    attempt: Attempt,
    opening: tuple[StreamEvent, ...],
    said: str,
    shown: str,
    suffix: str,
    begun_anew: Callable[[Version, int], Version | None],
) -> None:
    """Make the reply of an attempt, and cut it where its fault lies. The arguments are those of `compose`."""
    compose(attempt, opening, said, shown, suffix, begun_anew)
    break_off(attempt, attempt.reply)


def compose(
    attempt: Attempt,
    opening: tuple[StreamEvent, ...],
    said: str,
    shown: str,
    suffix: str,
    begun_anew: Callable[[Version, int], Version | None],
) -> None:
    """Make the whole reply of an attempt. `attempt.reply` holds the version that it goes on from.

    Args:
        attempt: what was asked; `begins`, `reply` and `rewinds` are set.
        opening: what comes before everything else.
        said: what the request says was said.
        shown: what the run holds as text: `said`, and the white space that the request had to leave off.
        suffix: is put after each call's id.
        begun_anew: gives the other answer of a model that starts over after so many characters, if it has one.

    """
    fault, version, offset = attempt.fault, attempt.reply.version, len(said)
    start, ahead = offset, ""
    can_repeat = attempt.searches and offset >= EVIDENCE_CHARS
    begins = fault.begins
    if begins is FaultKind.ECHO and can_repeat:
        start = 0
    elif begins is FaultKind.OVERLAP and can_repeat:
        start = max(offset - max(fault.count, EVIDENCE_CHARS), 0)
    elif begins is FaultKind.STARTS_OVER and can_repeat and (other := begun_anew(version, offset)):
        attempt.before, version, start = version, other, 0
    elif begins is FaultKind.WHITE_SPACE and attempt.form is not None and offset < len(version.text):
        version, offset, ahead = _respell(version, offset, shown)
        start = offset
    else:
        begins = FaultKind.NONE
    attempt.begins = begins
    attempt.reply = reply = Reply(version)
    if fault.kind is FaultKind.EMPTY and not said:
        _say_nothing(reply, opening)
        return
    reply.begin(opening, offset if start == offset else start)
    if start < offset:
        reply.say_text(start, offset)
    reply.say_rest(offset, suffix, ahead)


def _respell(version: Version, offset: int, shown: str) -> tuple[Version, int, str]:
    """Begin with white space that is not the answer's; `shown` may hold some that the request left off."""
    rest = version.text[offset:]
    ahead = "\t" if not rest[:1].isspace() else "\n\t" if rest[0] != "\n" else " \t"
    trimmed, reply, common = shown[offset:], ahead + rest, 0
    while common < min(len(trimmed), len(reply)) and trimmed[common] == reply[common]:
        common += 1
    return version.respelled(offset, shown, reply[common:]), len(shown), reply[:common]


def break_off(attempt: Attempt, whole: Reply) -> None:
    """Cut the reply where its fault lies; how it then ends is its player's. `whole` is what it is if it begins again.

    Where the reply is read on, `whole` is all of its generation.
    """
    fault, reply = attempt.fault, attempt.reply
    at = fault.at
    match fault.kind:
        case FaultKind.PREMATURE_END:
            _cut(reply, len(reply.events) - 1)
        case kind if kind in BREAKS:
            last = 1 if kind is FaultKind.HALF_CLOSE else 0  # an end after the stop is the terminal event
            _cut(reply, min(at, len(reply.events) - last))
        case FaultKind.IN_BAND_ERROR:
            _cut(reply, at)
            reply.events.append(StreamFailed(failure_of(fault)))
            reply.ends.append(reply.ends[-1] if reply.ends else attempt.base)
        case FaultKind.GARBAGE:
            _cut(reply, at)
            reply.events.append(ToolCallDelta("nobody's", ""))
            reply.ends.append(reply.ends[-1] if reply.ends else attempt.base)
        case FaultKind.DUPLICATE:
            at = min(at, len(reply.events) - 1)
            attempt.rewinds = at
            began = attempt.base if attempt.began is None else attempt.began
            reply.events[at:] = [AnswerRestarted(), *whole.events]
            reply.ends[at:] = [began, *whole.ends]
        case _:
            pass


def _cut(reply: Reply, at: int) -> None:
    del reply.events[at:]
    del reply.ends[at:]


def _say_nothing(reply: Reply, opening: tuple[StreamEvent, ...]) -> None:
    reply.begin(opening, 0)
    reply.events += (UsageReport(output=0), StopReported(StopReason.END_TURN, "stop"))
    reply.ends += (0, 0)
