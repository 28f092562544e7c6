"""The simulated model: honest, going on from what the request says was said, or as its fault says.

It says what each attempt would bring as events; a world plays them (`events_world`, or a network of bytes). What was
given in each attempt is kept (`Attempt`): the invariants compare it with what the engine made of it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from attrs import define, field, frozen

from ...core import errors
from ...core.capabilities import Capabilities, ContinuationForm
from ...core.failures import Failure, FailureKind
from ...core.stop import StopReason
from ...core.stream_events import (
    AnswerRestarted,
    ResponseStarted,
    StopReported,
    StreamEvent,
    StreamFailed,
    ToolCallDelta,
)
from ...core.usage import UsageReport
from ...http.transport import Transport
from ..script.text import EVIDENCE_CHARS, START_OVER_CHARS, Reply, Version, version_of
from .scenario import Fault, Kind, Scenario

_PREFIX = (ContinuationForm.PREFILL, ContinuationForm.QUOTE)
_NATIVE = (ContinuationForm.NATIVE, ContinuationForm.QUOTE)
PROVIDERS: dict[str, Capabilities] = {
    "prefill": Capabilities(forms=_PREFIX),
    "prefill_trim": Capabilities(forms=_PREFIX, prefix_trailing_space=False),
    "quote": Capabilities(),
    "native": Capabilities(forms=_NATIVE, waiting_message="loading"),
    "native_echo": Capabilities(forms=_NATIVE, echoes=True),
    "native_echo_trim": Capabilities(forms=_NATIVE, echoes=True, prefix_trailing_space=False),
    "restart": Capabilities(forms=()),
    "thinking": Capabilities(forms=_PREFIX, reasons=True),
    "reads_on": Capabilities(can_reattach=True),
    "reads_on_prefill": Capabilities(forms=_PREFIX, can_reattach=True),
}
"""What a simulated provider declares, by the name that a scenario gives."""

_REFUSALS: dict[int, tuple[type[errors.InferenceError], FailureKind]] = {
    400: (errors.InvalidRequest, FailureKind.INVALID_REQUEST),
    401: (errors.Unauthorized, FailureKind.UNAUTHORIZED),
    402: (errors.QuotaExhausted, FailureKind.QUOTA_EXHAUSTED),
    403: (errors.Unauthorized, FailureKind.UNAUTHORIZED),
    404: (errors.ModelNotFound, FailureKind.MODEL_NOT_FOUND),
    408: (errors.InferenceTimeout, FailureKind.TIMEOUT),
    409: (errors.ProviderError, FailureKind.PROVIDER),
    429: (errors.RateLimited, FailureKind.RATE_LIMITED),
    500: (errors.ProviderError, FailureKind.PROVIDER),
    502: (errors.ProviderError, FailureKind.PROVIDER),
    503: (errors.Overloaded, FailureKind.OVERLOADED),
    504: (errors.InferenceTimeout, FailureKind.TIMEOUT),
    529: (errors.Overloaded, FailureKind.OVERLOADED),
}
HONEST = Fault(burst=16)


class ForeignError(Exception):
    """What a source raises that nobody knows."""


@frozen
class Violation:
    """A broken law: its name, and what was seen and expected."""

    law: str
    message: str


@define(eq=False)
class Attempt:
    """What was asked, and what the model gave for it.

    Attributes:
        base: how many characters of text were shown as it was asked.
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
    begins: Kind = Kind.NONE
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


class World(Protocol):
    """What the simulator needs of a simulated outside: who answers, over what, and what really happened.

    The level "events" is `EventWorld`. Another level makes `source` a real provider and `transport` one whose network
    is simulated, and takes what it says from a `Model`.
    """

    @property
    def model(self) -> Model:
        """What was asked and said."""
        ...

    @property
    def source(self) -> object:
        """The provider, or event source."""
        ...

    @property
    def transport(self) -> Transport | None:
        """How its requests are sent; None for an event source."""
        ...

    @property
    def open_answers(self) -> int:
        """How many answers are open: none may be left."""
        ...

    def let_go(self) -> None:
        """Forget what points back at it: nothing more is asked."""
        ...


class Model:
    """Who speaks, whatever the level: from what a request says was said, and the fault of this attempt, to a reply.

    Attributes:
        capabilities: what its provider declares.
        shown: reads what the run holds as text at this moment.
        process: which process of the run is asking.
        quiet: why nothing may be asked any more (the run was cancelled, its process killed); None while it may.
    """

    def __init__(self, scenario: Scenario, now: Callable[[], float], log: Callable[..., None]) -> None:
        self.scenario = scenario
        self.versions: list[Version] = [version_of(scenario.answer)]
        self.attempts: list[Attempt] = []
        self.broken: list[Violation] = []
        self.shown: Callable[[], str] = str
        self.process = 0
        self.quiet: str | None = None
        self.now: Callable[[], float] = now
        self.log: Callable[..., None] = log
        self.capabilities: Capabilities = PROVIDERS[scenario.provider]

    def ask(self, form: ContinuationForm | None, said: str) -> Attempt:
        """Take a request that says `said` was said; `form` is None for the request as it was at first."""
        number, shown = len(self.attempts), self.shown()
        faults = self.scenario.faults
        fault = faults[number] if number < len(faults) else HONEST
        version = self._version_of(form, said, shown)
        attempt = Attempt(number, self.process, form, fault, self.now(), len(shown), Reply(version))
        attempt.searches = form is ContinuationForm.QUOTE or (form is not None and self.capabilities.echoes)
        self.attempts.append(attempt)
        self.log("asked", number, form or "", len(said), fault.kind)
        opening = (ResponseStarted(f"r{number}", "sim"), UsageReport(input=10 + number))
        self._speak(attempt, opening, said, shown, f"@{number}" if self.scenario.fresh_ids else "")
        if attempt.reply.version is not version:
            self.versions.append(attempt.reply.version)
        return attempt

    def _speak(self, attempt: Attempt, opening: tuple[StreamEvent, ...], said: str, shown: str, suffix: str) -> None:
        speak(attempt, opening, said, shown, suffix, begun_anew)

    def let_go(self) -> None:
        """Forget who listens: nothing more is asked."""
        self.shown, self.now, self.log = str, float, nobody_listens

    def hear(self, attempt: Attempt) -> None:
        """Note that a request has really arrived: a checkpoint after the engine began it."""
        if self.quiet is not None:
            said = f"request {attempt.number + 1} was sent although {self.quiet}"
            self.broken.append(Violation("cancellation wins", said))

    def _version_of(self, form: ContinuationForm | None, said: str, shown: str) -> Version:
        """Find which answer this continues; law 1 is broken if it is none, or not what was shown."""
        lost = shown[len(said) :]
        trims = form is not ContinuationForm.QUOTE and not self.capabilities.prefix_trailing_space
        if not shown.startswith(said) or (lost and not (trims and lost.isspace())):
            seen = f"request {len(self.attempts) + 1} says {said[-40:]!r}; shown is {shown[-40:]!r}"
            self.broken.append(Violation("one stream", seen))
        for version in reversed(self.versions):
            if version.text.startswith(shown):
                return version
        seen = f"shown is {shown[-60:]!r}, which no answer of the model begins with"
        self.broken.append(Violation("one stream", seen))
        return self.versions[-1]


def nobody_listens(*_said: object) -> None:
    """Stands where somebody was told, when a run is over: what points back is let go."""


def failure_of(fault: Fault) -> Failure:
    """The failure that a fault's status stands for."""
    kind = _REFUSALS[fault.status][1]
    return Failure(kind, f"status {fault.status}", status=fault.status, retry_after_s=fault.retry_after_s)


def error_of(fault: Fault) -> errors.InferenceError:
    """The error by which an event source refuses with a fault's status."""
    return _REFUSALS[fault.status][0](f"status {fault.status}", status=fault.status, retry_after_s=fault.retry_after_s)


def begun_anew(version: Version, offset: int) -> Version | None:
    """Return the answer that leaves this one where it is seen to be the same for long enough, and before its end."""
    for fork in version.edges:
        if START_OVER_CHARS <= fork < offset - 8 and version.text[fork].isascii() and version.text[fork].isalpha():
            return version.astray(fork)
    return None


# -- what is said -----------------------------------------------------------------------------------------------------


def speak(
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
    if begins is Kind.ECHO and can_repeat:
        start = 0
    elif begins is Kind.OVERLAP and can_repeat:
        start = max(offset - max(fault.count, EVIDENCE_CHARS), 0)
    elif begins is Kind.STARTS_OVER and can_repeat and (other := begun_anew(version, offset)):
        version, start = other, 0
    elif begins is Kind.WHITE_SPACE and attempt.form is not None and offset < len(version.text):
        version, offset, ahead = _respell(version, offset, shown)
        start = offset
    else:
        begins = Kind.NONE
    attempt.begins = begins
    attempt.reply = reply = Reply(version)
    if fault.kind is Kind.EMPTY and not said:
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
        case Kind.PREMATURE_END:
            _cut(reply, len(reply.events) - 1)
        case Kind.RESET | Kind.GOAWAY | Kind.HALF_CLOSE | Kind.STALL | Kind.PINGS_ONLY | Kind.FOREIGN_ERROR:
            last = 1 if fault.kind is Kind.HALF_CLOSE else 0  # an end after the stop is the terminal event
            _cut(reply, min(at, len(reply.events) - last))
        case Kind.IN_BAND_ERROR:
            _cut(reply, at)
            reply.events.append(StreamFailed(failure_of(fault)))
            reply.ends.append(reply.ends[-1] if reply.ends else attempt.base)
        case Kind.GARBAGE:
            _cut(reply, at)
            reply.events.append(ToolCallDelta("nobody's", ""))
            reply.ends.append(reply.ends[-1] if reply.ends else attempt.base)
        case Kind.DUPLICATE:
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
