"""The simulated model: honest, going on from what the request says was said, or as its fault says.

It says what each attempt would bring as events; a world plays them (`events_world`, or a network of bytes). What was
given in each attempt is kept (`Attempt`): the invariants compare it with what the engine made of it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from ...core.capabilities import Capabilities, ContinuationForm
from ...core.stream_events import ResponseStarted, StreamEvent
from ...core.usage import UsageReport
from ...http.transport import Transport
from ..law import Law, Violation
from ..script.faults import HONEST
from ..script.speech import Attempt, ignore, make_reply
from ..script.text import START_OVER_CHARS, Reply, Version, version_of
from .scenario import PROVIDERS, Scenario


class World(Protocol):
    """What the simulator needs of a level: who answers, over what, and what really happened.

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
        closed_because: why nothing may be asked any more (the run was cancelled, its process killed); None: it may.
    """

    def __init__(self, scenario: Scenario, now: Callable[[], float], log: Callable[..., None]) -> None:
        self.scenario = scenario
        self.versions: list[Version] = [version_of(scenario.answer)]
        self.attempts: list[Attempt] = []
        self.broken: list[Violation] = []
        self.shown: Callable[[], str] = str
        self.process = 0
        self.closed_because: str | None = None
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
        make_reply(attempt, opening, said, shown, suffix, begun_anew)

    def let_go(self) -> None:
        """Forget who listens: nothing more is asked."""
        self.shown, self.now, self.log = str, float, ignore

    def on_request(self, attempt: Attempt) -> None:
        """Note that a request has really arrived: a checkpoint after the engine began it."""
        if self.closed_because is not None:
            said = f"request {attempt.number + 1} was sent although {self.closed_because}"
            self.broken.append(Violation(Law.CANCEL, said))

    def _version_of(self, form: ContinuationForm | None, said: str, shown: str) -> Version:
        """Find which answer this continues; law 1 is broken if it is none, or not what was shown."""
        lost = shown[len(said) :]
        trims = form is not ContinuationForm.QUOTE and not self.capabilities.prefix_trailing_space
        if not shown.startswith(said) or (lost and not (trims and lost.isspace())):
            seen = f"request {len(self.attempts) + 1} says {said[-40:]!r}; shown is {shown[-40:]!r}"
            self.broken.append(Violation(Law.ONE_STREAM, seen))
        for version in reversed(self.versions):
            if version.text.startswith(shown):
                return version
        seen = f"shown is {shown[-60:]!r}, which no answer of the model begins with"
        self.broken.append(Violation(Law.ONE_STREAM, seen))
        return self.versions[-1]


def begun_anew(version: Version, offset: int) -> Version | None:
    """Return the answer that leaves this one where it is seen to be the same for long enough, and before its end."""
    for fork in version.edges:
        if START_OVER_CHARS <= fork < offset - 8 and version.text[fork].isascii() and version.text[fork].isalpha():
            return version.astray(fork)
    return None
