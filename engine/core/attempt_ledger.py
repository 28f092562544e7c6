"""The attempts of a run by number: those that are open, and one line for each that has ended.

A line says what its attempt cost. That of an attempt whose generation is read on by the next holds no usage: the one
that reads it to its end is told all of it. Where there is no next after all, the generation is settled later.
"""

from __future__ import annotations

from attrs import evolve, frozen

from .accumulator import Accumulator
from .capabilities import ContinuationForm
from .causes import InterruptCause
from .continuation import NextRequest
from .journal import AttemptEnded, GenerationEnded, RestoredRun
from .ledger import Ledger
from .outcome import AttemptReport
from .planner import Reattach, RecoveryPlan
from .result import AttemptRecord, SeamVerdict
from .target import Target
from .usage import NO_USAGE

_KILLED = AttemptReport(None)
"""All that is known of an attempt that a killed process left open."""


@frozen
class OpenAttempt:
    """One attempt under way."""

    number: int
    target: Target
    step: NextRequest
    began_s: float


class AttemptLedger:
    """The story of a run's attempts. Times are seconds on the clock of whoever hands them in.

    Args:
        accumulator: the run's, whose usage belongs to the attempt under way.
        restored: what an earlier process left of the run.
        began_s: when the run began.
    """

    __slots__ = ("_accumulator", "_began_s", "_lines", "_open", "_was_killed")

    def __init__(self, accumulator: Accumulator, restored: RestoredRun | None, began_s: float) -> None:
        self._accumulator = accumulator
        self._began_s = began_s
        self._lines = Ledger(() if restored is None else restored.attempts)
        self._open: dict[int, OpenAttempt] = {}
        self._was_killed = restored is not None and restored.attempt_open

    @property
    def records(self) -> tuple[AttemptRecord, ...]:
        """One line for each attempt that has ended. Cost: linear."""
        return self._lines.read()

    @property
    def next_number(self) -> int:
        """The number of the next attempt, counted from 1 over all processes of the run."""
        return len(self._lines) + len(self._open) + 1

    def open(self, target: Target, step: NextRequest, now_s: float) -> OpenAttempt:
        """Note that an attempt begins."""
        attempt = OpenAttempt(self.next_number, target, step, now_s)
        self._open[attempt.number] = attempt
        return attempt

    def find(self, number: int) -> OpenAttempt | None:
        """Return an attempt that is open; None for one that has ended."""
        return self._open.get(number)

    @property
    def open_numbers(self) -> tuple[int, ...]:
        """The attempts that are open, in the order they began."""
        return tuple(self._open)

    def take_back(self) -> None:
        """Note that nothing is kept of what the attempts so far said. Cost: O(1)."""
        self._lines.take_back()

    def close(
        self,
        number: int | None,
        report: AttemptReport,
        now_s: float,
        *,
        cause: InterruptCause | None,
        plan: RecoveryPlan | None,
        lives_on: Reattach | None = None,
    ) -> AttemptEnded | None:
        """Write the line of an attempt, or (None) of one that a killed process left open; None if there is none.

        Args:
            number: which attempt.
            report: what it brought.
            now_s: when it ended.
            cause: why it ended early.
            plan: what follows.
            lives_on: where its generation can be read on by whoever opens the run again: the stored line holds no
                usage then.
        """
        attempt = None if number is None else self._open.pop(number, None)
        if attempt is None and not self._was_killed:
            return None
        record = self._record_of(attempt, report, now_s, cause, plan)
        if record.seam is SeamVerdict.RESTART:
            self._lines.take_back()
        self._lines.append(record)
        self._was_killed = False
        if lives_on is not None:
            return AttemptEnded(evolve(record, plan=lives_on, usage=NO_USAGE, usage_estimated=False))
        return AttemptEnded(record)

    def settle_generation(self) -> GenerationEnded | None:
        """Add to the last line what its generation cost: it was to be read on, and will not be."""
        last = self._lines.last
        if last is None or not isinstance(last.plan, Reattach):
            return None
        usage, estimated = self._accumulator.end_attempt()
        self._lines.amend(last.with_rest(usage, estimated=estimated))
        return GenerationEnded(usage, estimated)

    def _record_of(
        self,
        attempt: OpenAttempt | None,
        report: AttemptReport,
        now_s: float,
        cause: InterruptCause | None,
        plan: RecoveryPlan | None,
    ) -> AttemptRecord:
        accumulator = self._accumulator
        number = len(self._lines) + 1 if attempt is None else attempt.number
        kept, wasted = accumulator.has_kept, accumulator.wasted_bytes
        usage, is_estimated = (NO_USAGE, False) if isinstance(plan, Reattach) else accumulator.end_attempt()
        if attempt is None:
            provider, _, model = (accumulator.origin or "").partition("/")
            return AttemptRecord(
                number, provider, model, None, 0.0, 0.0, usage, is_estimated, kept=kept, cause=cause, plan=plan
            )
        form, source = attempt.step.form, attempt.target.source
        return AttemptRecord(
            number,
            source.name,
            source.model,
            continuation=None if form is ContinuationForm.RESTART and number == 1 else form,
            began_s=attempt.began_s - self._began_s,
            ended_s=now_s - self._began_s,
            usage=usage,
            usage_estimated=is_estimated,
            kept=kept or (cause is None and accumulator.stop is not None),
            cause=cause,
            plan=plan,
            seam=report.seam,
            response_id=accumulator.response_id,
            bytes_received=report.bytes_received,
            wasted_bytes=wasted,
            ignored=report.ignored,
        )
