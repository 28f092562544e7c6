"""A model whose generations live on without a reader: each is said once, and can be read on from any place in it.

A cursor is "generation:place", the number of events before the place. What breaks is the stream, and the generation
lives on; only an error inside the stream is the generation's own, and whoever reads it on later is given it too.
"""

from __future__ import annotations

from collections.abc import Callable

from attrs import define, evolve

from ...core.capabilities import ContinuationForm
from ...core.stream_events import AnswerRestarted, ResponseStarted, StopReported, StreamEvent, StreamFailed
from ...core.usage import UsageReport
from ..law import Law, Violation
from ..script.faults import HONEST, Fault, FaultKind
from ..script.speech import Attempt, break_off, compose
from ..script.text import Reply
from .model import Model, begun_anew
from .scenario import Scenario

_NO_WORDS = (ResponseStarted, UsageReport, StopReported)


@define(eq=False)
class Generation:
    """What a model says, whole, and who read it so far."""

    number: int
    whole: Reply
    readers: list[Attempt]
    failed_by: Fault | None = None

    @property
    def first(self) -> Attempt:
        """The attempt that began it."""
        return self.readers[0]

    @property
    def prompt_tokens(self) -> int:
        """What its prompt cost."""
        return next((event.input or 0 for event in self.whole.events if isinstance(event, UsageReport)), 0)

    @property
    def fault_of_its_own(self) -> Fault | None:
        """What is wrong with it, whoever reads it: that it fails, or is empty."""
        first, events = self.first, self.whole.events
        is_empty = first.fault.kind is FaultKind.EMPTY and all(isinstance(e, _NO_WORDS) for e in events)
        return first.fault if is_empty else self.failed_by

    def text_chars(self, place: int) -> int:
        """How many characters of text a run holds that has read up to a place."""
        return max(self.first.base, *self.whole.ends[:place], 0)

    @property
    def is_known_to_fail(self) -> bool:
        """Whether a reader was given its failure."""
        return any(isinstance(event, StreamFailed) for event in self.readers[-1].events)


class ReadingModel(Model):
    """A `Model` that keeps its generations.

    Attributes:
        has_kept: whether the run that was opened last finds all that the one before was given.
        is_stop_stored: whether it finds why the answer ends: no cursor is told after that.
        is_held: whether the run's plans are ours: a stranger's need not read on.
    """

    def __init__(self, scenario: Scenario, now: Callable[[], float], log: Callable[..., None]) -> None:
        super().__init__(scenario, now, log)
        self.generations: list[Generation] = []
        self.has_kept = self.is_stop_stored = False
        self.is_held = True

    def _speak(self, attempt: Attempt, opening: tuple[StreamEvent, ...], said: str, shown: str, suffix: str) -> None:
        self._require_no_cursor(shown)
        compose(attempt, opening, said, shown, suffix, begun_anew)
        whole = attempt.reply
        attempt.reply = _copy(whole, 0)
        attempt.generation = len(self.generations)
        generation = Generation(attempt.generation, whole, [attempt])
        self.generations.append(generation)
        self._break_off(attempt, generation, 0)

    def read_on(self, cursor: str) -> Attempt:
        """Take a request that reads a generation on."""
        number, shown = len(self.attempts), self.shown()
        faults = self.scenario.faults
        fault = evolve(faults[number], manner=FaultKind.NONE) if number < len(faults) else HONEST
        name, _, at = cursor.partition(":")
        generation, place = self.generations[int(name)], int(at)
        fault = generation.fault_of_its_own or fault
        attempt = Attempt(
            number, self.process, ContinuationForm.CURSOR, fault, self.now(), len(shown), _copy(generation.whole, place)
        )
        attempt.generation, attempt.began = generation.number, generation.first.base
        attempt.begins = generation.first.begins
        attempt.history, attempt.is_surmised = self._history(generation, place)
        attempt.repeats_refusal = any(
            before.refused and before.form is ContinuationForm.CURSOR and before.process == self.process
            for before in self.attempts
        )
        self._check_place(generation, place, shown)
        self.attempts.append(attempt)
        self.log("asked", number, attempt.form, len(shown), fault.kind)
        generation.readers.append(attempt)
        self._break_off(attempt, generation, place)
        return attempt

    def _break_off(self, attempt: Attempt, generation: Generation, place: int) -> None:
        if generation.failed_by is None:
            break_off(attempt, generation.whole)
        if attempt.fault.kind is FaultKind.IN_BAND_ERROR and generation.failed_by is None:
            generation.failed_by = attempt.fault
            events, ends = generation.whole.events, generation.whole.ends
            events[place:], ends[place:] = attempt.reply.events, attempt.reply.ends
        attempt.places = _places(attempt, place)

    def _history(self, generation: Generation, place: int) -> tuple[tuple[StreamEvent, ...], bool]:
        """Say what the run knows of what the generation gave before, and whether that is only surmised.

        After a crash it is what the cursor says, but for what was said twice: how much of that is stored is not known.
        """
        last = generation.readers[-1]
        if last.process == self.process or self.has_kept:
            return (*last.history, *last.events), last.is_surmised
        is_surmised = generation.first.begins is not FaultKind.NONE or any(
            one.rewinds is not None for one in generation.readers
        )
        events = generation.whole.events
        stop = [event for event in events[place:] if isinstance(event, StopReported)] if self.is_stop_stored else []
        return (*events[:place], *stop), is_surmised

    # -- what it holds the engine to --------------------------------------------------------------------------------

    def _check_place(self, generation: Generation, place: int, shown: str) -> None:
        """A cursor stands exactly where what the run holds ends, in a generation that is not known to have failed."""
        chars, reply = generation.text_chars(place), generation.whole
        places = {chars, reply.ends[place - 1] if place else 0}
        if not reply.version.text.startswith(shown) or len(shown) not in places:
            seen = f"request {len(self.attempts) + 1} reads on at {generation.number}:{place}, after {chars} characters"
            self.broken.append(Violation(Law.ONE_STREAM, f"{seen}; shown are {len(shown)}: …{shown[-40:]!r}"))
        last = generation.readers[-1]
        if last.process == self.process and generation.is_known_to_fail:
            said = f"request {len(self.attempts) + 1} reads on a generation that has failed"
            self.broken.append(Violation(Law.BUDGETS, said))

    def _require_no_cursor(self, shown: str) -> None:
        """A generation that could be read on is not paid again."""
        if not self.generations or not self.is_held:
            return
        generation = self.generations[-1]
        last, first = generation.readers[-1], generation.first
        is_known = last.process == self.process or self.has_kept
        is_sought = first.searches and len(shown) <= first.base  # its seam may still hold what came
        if is_known and not is_sought and _can_be_read_on(generation):
            said = f"request {len(self.attempts)} begins a generation although number {generation.number}"
            self.broken.append(Violation(Law.LEDGER, f"{said} could be read on: it is paid twice"))


def _copy(whole: Reply, place: int) -> Reply:
    copied = Reply(whole.version)
    copied.events, copied.ends = whole.events[place:], whole.ends[place:]
    return copied


def _places(attempt: Attempt, start: int) -> list[int | None]:
    """Say where in the generation a reader stands after each event; None where no cursor is told."""
    places: list[int | None] = []
    at = start
    for event in attempt.reply.events:
        at = 0 if isinstance(event, AnswerRestarted) else at + 1
        is_told = not isinstance(event, AnswerRestarted | StopReported | StreamFailed)
        places.append(at if is_told else None)
    if attempt.fault.kind is FaultKind.GARBAGE and places:
        places[-1] = None
    return places


def _can_be_read_on(generation: Generation) -> bool:
    """Whether its last reader holds a cursor, and nothing that it was given takes the cursor back."""
    last = generation.readers[-1]
    told = [reader for reader in generation.readers if any(reader.places[: reader.given])]
    if not told or last.refused or generation.is_known_to_fail or last.fault.kind is FaultKind.EMPTY:
        return False
    if last.rewinds is not None and last.given > last.rewinds:
        return False
    return not (last.fault.kind is FaultKind.GARBAGE and last.given == len(last.reply.events))
