"""What the demo tells: moments of a run, how each side ended, and the verdict. Values, without screen or sockets."""

from __future__ import annotations

from collections.abc import Sequence

from attrs import Factory, define, frozen

from ...core.events import Event, Finished, Interrupted, Resumed, RetryScheduled, StreamReset
from ...core.planner import ContinueText, Reattach, RecoveryPlan, SynthesizeToolUse, TruncateBeforeTool, WholeRestart
from ...core.printable import printable
from ...testing.script.faults import Fault

TAIL_CHARS = 24
"""How much of the text a line shows of the place where it broke."""


@frozen
class Moment:
    """One thing that happened to a run, `at_s` seconds after it began, with `chars` characters shown."""

    at_s: float
    chars: int
    kind: str
    words: str


def moment_of(event: Event, at_s: float, shown: str) -> Moment | None:
    """Tell an event that belongs to the story; None for text and for what is only counted."""
    words = _words(event, shown)
    return None if words is None else Moment(round(at_s, 3), len(shown), type(event).__name__, words)


def _words(event: Event, shown: str) -> str | None:
    match event:
        case Interrupted(cause, plan):
            return f"{cause} after {tail_of(shown)}; plan: {plan_words(plan)}"
        case RetryScheduled(attempt, attempts_max, delay_s, cause):
            return f"attempt {attempt} of {attempts_max} in {delay_s:.2f} s ({cause})"
        case Resumed(attempt, _, form, seam):
            return f"attempt {attempt} goes on by {form.value}, seam: {seam.value}"
        case StreamReset(reason):
            return f"what was shown is taken back: {printable(reason)}"
        case Finished(result):
            return f"finished: {result.stop_reason.value}, {counted(len(result.attempts), 'attempt')}"
        case _:
            return None


def plan_words(plan: RecoveryPlan) -> str:
    """Say a plan in a few words."""
    match plan:
        case Reattach():
            return "re-attach"
        case SynthesizeToolUse():
            return "end with the finished calls"
        case TruncateBeforeTool():
            return "drop the call, continue the text"
        case ContinueText():
            return "continue the text"
        case WholeRestart():
            return "ask again"


def tail_of(text: str) -> str:
    """Quote the end of what was shown, on one line."""
    return f"“…{printable(text[-TAIL_CHARS:])}”" if text else "no text"


def counted(number: int, noun: str) -> str:
    """Say a number with its noun."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


@define
class Pane:
    """What one side has shown so far, for a screen: text by attempt, and the line below it."""

    title: str
    status: str = "asking"
    chars: int = 0
    sections: list[tuple[int, list[str]]] = Factory(list[tuple[int, list[str]]])

    def add(self, text: str, attempt: int = 1) -> None:
        """Show more text, of this attempt."""
        if not self.sections or self.sections[-1][0] != attempt:
            self.sections.append((attempt, []))
        self.sections[-1][1].append(text)
        self.chars += len(text)

    def clear(self) -> None:
        """Take back what was shown."""
        self.sections.clear()
        self.chars = 0

    @property
    def text(self) -> str:
        """Everything that is shown. *Cost*: linear in it."""
        return "".join(part for _, parts in self.sections for part in parts)


@frozen
class PlainOutcome:
    """How a plain client ended. `noticed` says whether it knew that something was missing."""

    chars: int
    is_whole: bool
    noticed: bool
    ended: str


@frozen
class RiverrunOutcome:
    """How riverrun ended.

    `shown_is_whole` compares what a consumer was given with the provider's whole answer, letter for letter;
    `result_is_whole` does the same with the result's text. `error` is what the run raised, if it did.
    """

    chars: int
    shown_is_whole: bool
    result_is_whole: bool
    attempts: int = 0
    recovered_from: tuple[str, ...] = ()
    error: str | None = None


@frozen
class WireOutcome:
    """One wire format's show. `faults` are those that were played to riverrun, in order."""

    wire: str
    model: str
    answer: str
    chars_whole: int
    took_s: float
    faults: tuple[Fault, ...]
    plain: PlainOutcome
    riverrun: RiverrunOutcome
    story: tuple[Moment, ...]

    @property
    def holds(self) -> bool:
        """Whether riverrun kept its promise: the answer, whole, in the stream and in the result."""
        return self.riverrun.shown_is_whole and self.riverrun.result_is_whole and self.riverrun.error is None

    @property
    def plain_words(self) -> str:
        """Say how the plain client ended."""
        plain = self.plain
        if plain.is_whole:
            return f"the whole answer, {counted(plain.chars, 'character')}"
        return f"{plain.chars:,} of {counted(self.chars_whole, 'character')}; {plain.ended}"

    @property
    def riverrun_words(self) -> str:
        """Say how riverrun ended."""
        ours = self.riverrun
        causes = f"; recovered from: {', '.join(ours.recovered_from)}" if ours.recovered_from else ""
        if self.holds:
            whole = f"{ours.chars:,} of {counted(self.chars_whole, 'character')}, identical letter for letter"
            return f"{whole}; {counted(ours.attempts, 'attempt')}{causes}"
        failed = ours.error or "NOT the provider's answer"
        return f"{ours.chars:,} of {counted(self.chars_whole, 'character')}; {failed}{causes}"


def faults_words(faults: Sequence[Fault]) -> str:
    """List faults on one line."""
    return "; ".join(str(fault) for fault in faults) or "none"
