"""What follows an attempt: the decisions of a run, as a state machine without I/O, clock or dice.

    state = RunState(rules, accumulator, restored, now_s=now)
    effects = state.begin(now)
    ...                                            # carry them out in order, then say what happened
    effects = state.attempt_ended(1, report, now_s=now, chance=dice)

Methods take what happened and return effects, which are values. Who carries them out decides nothing (`engine/run/loop`
does it on trio). What a provider says does not come through here: it goes from the wire to the accumulator, and this
machine is told how the attempt ended. Attempts are known by number, so that two may be open.

The order in which the consumer hears of an interruption:

    Interrupted  ToolCallCancel*  StreamReset?  RetryScheduled  …  Resumed

Calls of a generation that is read on stay under way over it. Where the run ends before, they are cancelled for its
consumer, and stay under way in the journal: whoever opens the run next reads them on.

Rules, each with its reason:

* A plan that needs no new attempt is carried out even when the budget is spent: it costs nothing (law 8).
* Resuming from a checkpoint spends no attempt: nothing broke in this process.
* A continuation's form that is refused spends no attempt, once for each form: it said nothing.
* After a released call nothing is asked again: every failure ends the run with the calls (law 3).
* A terminal event that was seen is the answer's end, whoever ends the run behind it (law 2).
"""

from __future__ import annotations

from collections.abc import Callable

from attrs import evolve, frozen

from .accumulator import Accumulator
from .attempt_ledger import AttemptLedger, OpenAttempt
from .capabilities import ContinuationForm
from .causes import (
    EmptyAnswer,
    FormRefused,
    InterruptCause,
    MalformedStream,
    PrematureEnd,
    ResumedFromCheckpoint,
)
from .continuation import CannotContinue, NextRequest, next_request
from .effects import Ask, CancelAttempt, Deliver, Effect, End, Fail, Finish, FlushJournal, Record, Stopped, Wait
from .errors import InferenceError, StreamInterrupted
from .events import Interrupted, RetryScheduled, Status
from .failures import Failure, FailureKind, failure_of_break
from .journal import AnswerEnded, AttemptBegan, RestoredRun
from .outcome import AttemptReport, Broken, Crashed, Ended, Failed, Unconfirmed
from .planner import Reattach, RecoveryPlan, SynthesizeToolUse, require_valid_plan
from .printable import SENTENCE_CHARS_MAX, printable
from .result import AttemptRecord
from .retry import attempts_max, delay_s
from .run_rules import Ending, RunRules
from .snapshot import InterruptSnapshot
from .spending import Spending
from .stop import EMPTY_STOPS, StopReason
from .taking_back import cancel_calls, forget_cursor, take_back
from .target import Target
from .unconfirmed import SAID, UnconfirmedEnds


@frozen
class _Over:
    """An attempt that is over, what it brought, and when it ended. Without an attempt: the run itself goes on."""

    attempt: OpenAttempt | None
    report: AttemptReport
    now_s: float


class RunState:
    """The decisions of one run. Not shared between tasks.

    Args:
        rules: what the run goes by.
        accumulator: what the run holds; whoever delivers an attempt's events folds them into it.
        restored: what an earlier process left of the run, if it did.
        now_s: when the run begins, on the clock of all later times.
    """

    __slots__ = (
        "_effects",
        "_has_ended",
        "_is_resumed",
        "_next",
        "_rules",
        "_spending",
        "_unconfirmed",
        "accumulator",
        "ledger",
    )

    def __init__(
        self, rules: RunRules, accumulator: Accumulator, restored: RestoredRun | None, *, now_s: float
    ) -> None:
        self.accumulator: Accumulator = accumulator
        self.ledger: AttemptLedger = AttemptLedger(accumulator, restored, now_s)
        self._rules = rules
        self._spending = Spending(rules.retry_budget)
        self._unconfirmed = UnconfirmedEnds()
        self._is_resumed = restored is not None
        self._has_ended = restored is not None and restored.ended
        self._next: NextRequest | None = None
        self._effects: list[Effect] = []

    # -- what happens ---------------------------------------------------------------------------------------------

    def begin(self, now_s: float) -> list[Effect]:
        """Begin the run, or go on where an earlier process left it."""
        if self._has_ended:
            self._effects.append(self._finish())
        elif self._is_resumed:
            self._go_on(self._resume(now_s))
        else:
            self._go_on(NextRequest(self._rules.request, ContinuationForm.RESTART))
        return self._taken()

    def waited(self, now_s: float) -> list[Effect]:
        """Take that what `Wait` asked for is over: the next attempt begins. Raises ValueError where none is due."""
        if self._next is None:
            raise ValueError("no attempt is due; expected a Wait before")
        step, self._next = self._next, None
        attempt = self.ledger.open(self._target, step, now_s)
        self._spending.attempts += 1
        reattaches = step.form is ContinuationForm.CURSOR
        accumulator = self.accumulator
        accumulator.origin, accumulator.defect = attempt.target.origin, None
        accumulator.begin_attempt(reattaches=reattaches)
        resumes = attempt.number > 1 or self._is_resumed
        self._effects += [
            Record(AttemptBegan(attempt.number, attempt.target.origin, reattaches)),
            Ask(attempt, resumes),
        ]
        return self._taken()

    def attempt_ended(
        self, number: int, report: AttemptReport, *, now_s: float, chance: Callable[[], float]
    ) -> list[Effect]:
        """Decide what follows an attempt that ended by itself. Word of one that is not open any more changes nothing.

        `chance` gives the one number from [0, 1) that a delay depends on; it is asked at most once, and only if needed.
        Raises what the planner raises; `crashed` then ends the run.
        """
        attempt = self.ledger.find(number)
        if attempt is None:
            return []
        over = _Over(attempt, report, now_s)
        if self.accumulator.stop is not None:
            attempt.target.learn_stop()
        match report.outcome:
            case Ended():
                self._after_end(over, chance)
            case Unconfirmed():
                self._after_unconfirmed_end(over, chance)
            case Crashed(error):
                self._stop_short(over, "the attempt crashed")
                self._effects.append(Fail(error))
            case Failed(failure):
                self._after_refusal(over, failure, chance)
            case Broken(cause, detail):
                self._recover(over, cause, failure_of_break(cause, detail, attempt.target.origin), chance)
            case None:
                raise ValueError("the attempt was cancelled from outside; expected `stopped`")
        return self._taken()

    def stopped(self, ending: Ending, report: AttemptReport | None, now_s: float) -> list[Effect]:
        """End the run because somebody else did: cancelled, paused, or its block was left; a fence counts as a cancel.

        `report` is that of the attempt under way, if there was one. An answer whose terminal event was seen is whole.
        """
        over = self._over_now(report, now_s)
        if over.attempt is not None:
            self._effects.append(CancelAttempt(over.attempt.number, ending.value))
        if self._has_ended:
            self._effects.append(self._finish())
        elif not (over.report.answer_ended and self._ends_whole(over)):
            self._stop_short(over, ending.value)
            self._effects.append(Stopped(StopReason.PAUSED if ending is Ending.PAUSE else StopReason.CANCELLED))
        return self._taken()

    def failed(self, error: Exception, why: str, report: AttemptReport | None, now_s: float) -> list[Effect]:
        """End the run with an error of foreign code, the planner's or the store's. `report` as for `stopped`."""
        self._stop_short(self._over_now(report, now_s), why)
        self._effects.append(Fail(error))
        return self._taken()

    # -- reading --------------------------------------------------------------------------------------------------

    @property
    def records(self) -> tuple[AttemptRecord, ...]:
        """The story so far, one line for each attempt that has ended. Cost: linear."""
        return self.ledger.records

    @property
    def _target(self) -> Target:
        return self._rules.targets[0]

    def _over_now(self, report: AttemptReport | None, now_s: float) -> _Over:
        numbers = self.ledger.open_numbers
        attempt = self.ledger.find(numbers[-1]) if numbers else None
        return _Over(attempt, AttemptReport(None) if report is None else report, now_s)

    # -- effects --------------------------------------------------------------------------------------------------

    def _taken(self) -> list[Effect]:
        effects, self._effects = self._effects, []
        return effects

    def _go_on(self, following: NextRequest | End, delay_s: float | None = None) -> None:
        """Ask next, or end."""
        if isinstance(following, NextRequest):
            self._next = following
            self._effects.append(Wait(delay_s))
        else:
            self._effects.append(following)

    def _finish(self, reason: StopReason | None = None) -> Finish:
        """End whole; `reason` is ours where the provider could not say one."""
        stop = self.accumulator.final_stop() if reason is None else (reason, None)
        return Finish(*stop)

    def _cancel_calls(self, reason: str, *, lives_on: bool = False) -> None:
        self._effects += cancel_calls(self.accumulator, reason, lives_on=lives_on)

    # -- the end of an answer -------------------------------------------------------------------------------------

    def _after_end(self, over: _Over, chance: Callable[[], float]) -> None:
        if not self._ends_whole(over):
            said = "the provider ended an answer without text, call or reasoning; expected at least one of them"
            self._recover(over, EmptyAnswer(), Failure(FailureKind.EMPTY_RESPONSE, said), chance)

    def _after_unconfirmed_end(self, over: _Over, chance: Callable[[], float]) -> None:
        capabilities = self._target.capabilities(self._rules.request)
        accumulator = self.accumulator
        if accumulator.completed_calls or not self._unconfirmed.ends_answer(
            accumulator, over.attempt, over.report, capabilities
        ):
            cause = PrematureEnd()
            self._recover(over, cause, failure_of_break(cause, "", self._target.origin), chance)
            return
        self._close(over, PrematureEnd(), None)
        self._spending.give_back()
        self._effects += [Deliver(Status(SAID)), Record(AnswerEnded()), self._finish(StopReason.OTHER)]
        self._has_ended = True

    def _ends_whole(self, over: _Over) -> bool:
        """End the answer whose terminal event was seen; False where there is nothing in it, and nothing was done."""
        accumulator = self.accumulator
        reason, _ = accumulator.final_stop()
        if accumulator.is_empty and reason in EMPTY_STOPS:
            return False
        self._cancel_calls("the answer ended before the call was closed")
        self._close(over, None, None)
        self._spending.give_back()
        self._effects += [Record(AnswerEnded()), self._finish()]
        self._has_ended = True
        return True

    # -- what goes wrong ------------------------------------------------------------------------------------------

    def _after_refusal(self, over: _Over, failure: Failure, chance: Callable[[], float]) -> None:
        """Go on after an answer that was an error.

        In this order: 1. A form that was refused is replaced by the next: nothing is wrong with the request. 2. What
        may pass by itself is recovered. So is what followed a released call: its plan ends the run with the calls. 3.
        Anything else is the run's end.
        """
        step = None if over.attempt is None else over.attempt.step
        if step is not None and not over.report.bytes_received > 0 and failure.refuses(step.form):
            self._learn_refusal(step.form)
            self._recover(over, FormRefused(step.form.value), failure, chance)
        elif failure.is_retryable or self.accumulator.completed_calls:
            self._recover(over, failure.to_cause(), failure, chance)
        else:
            snapshot = self.accumulator.snapshot()
            self._cancel_calls(failure.kind.value)
            self._close(over, failure.to_cause(), None)
            self._effects.append(Fail(failure.to_error(snapshot if snapshot.anything_shown else None)))

    def _learn_refusal(self, form: ContinuationForm) -> None:
        if form is ContinuationForm.CURSOR:
            self._effects += forget_cursor(self.accumulator)  # of this generation; the next may well be read on
        else:
            self._target.learn_refusal(self._rules.request, form)
        self._spending.note_refused(form)

    def _stop_short(self, over: _Over, why: str) -> None:
        """End what is under way before its answer is whole; a generation that lives on can be read on by the next."""
        lives_on = self._living_generation(over) is not None
        self._cancel_calls(why, lives_on=lives_on)
        self._close(over, None, None)
        if not lives_on:
            self._effects += forget_cursor(self.accumulator)

    def _recover(self, over: _Over, cause: InterruptCause, failure: Failure, chance: Callable[[], float]) -> None:
        """Plan and announce what follows an interruption, and back off."""
        self._effects.append(FlushJournal())
        if isinstance(cause, MalformedStream | EmptyAnswer) and failure.status is None:
            self._effects += forget_cursor(self.accumulator)  # reading it on would show the same again
        retry, spent = self._rules.policy.retry, self._spending.attempts
        most = attempts_max(retry, cause)
        delay = delay_s(retry, cause, spent, chance(), failure.retry_after_s) if spent < most else None
        if delay is not None and not isinstance(cause, FormRefused) and self._rules.retry_budget.is_spent:
            delay, failure = None, self._unretried(failure)
        exhausted = failure if delay is None else None
        following = self._plan(over, cause, is_news=over.report.said_anything, exhausted=exhausted)
        if not isinstance(following, NextRequest) or isinstance(cause, FormRefused) or delay is None:
            self._go_on(following)
            return
        self._spending.take_retry()
        self._effects.append(Deliver(RetryScheduled(spent + 1, most, delay, cause)))
        self._go_on(following, delay)

    def _unretried(self, failure: Failure) -> Failure:
        """Say why a failure is not retried: the budget that the engine's runs share is spent, and this run gives up."""
        most = self._rules.policy.retry.engine_retries_max
        why = f"{failure.message} (not retried: {most} retries of this engine without a success, engine_retries_max)"
        return evolve(failure, message=why)

    # -- planning -------------------------------------------------------------------------------------------------

    def _resume(self, now_s: float) -> NextRequest | End:
        said, over = self.accumulator.snapshot(), self._over_now(None, now_s)
        if said.cursor is not None or said.anything_shown or said.server_tool_in_flight is not None:
            return self._plan(over, ResumedFromCheckpoint(), is_news=True, exhausted=None)
        self._close(over, ResumedFromCheckpoint(), None)
        return NextRequest(self._rules.request, ContinuationForm.RESTART)

    def _plan(
        self, over: _Over, cause: InterruptCause, *, is_news: bool, exhausted: Failure | None
    ) -> NextRequest | End:
        """Choose and announce a plan; returns what to ask next, or how the run ends.

        `exhausted` is what the run fails with if the plan needs another attempt and none is left.
        """
        snapshot = self.accumulator.snapshot()
        capabilities = self._target.capabilities(self._rules.request)
        if exhausted is not None:  # a plan that asks nothing is carried out all the same (law 8); no other can be
            capabilities = capabilities.without(ContinuationForm.CURSOR)
        plan = require_valid_plan(self._rules.planner(snapshot, capabilities), snapshot, capabilities)
        if is_news:
            self._effects.append(Deliver(Interrupted(cause, plan)))
        self._close(over, cause, plan, is_last=exhausted is not None)
        if not isinstance(plan, Reattach):
            lives_on = exhausted is not None and self._living_generation(over) is not None
            self._cancel_calls(str(cause), lives_on=lives_on)
        if isinstance(plan, SynthesizeToolUse):
            self._spending.give_back()
            return self._finish(StopReason.TOOL_USE)
        step = next_request(self._rules.request, snapshot, plan, capabilities, origin=self._target.origin)
        if isinstance(step, CannotContinue):
            message = f"stream interrupted ({cause}): {step.reason}"
            return Fail(StreamInterrupted(printable(message, SENTENCE_CHARS_MAX), cause=cause, snapshot=snapshot))
        if exhausted is not None:
            return Fail(self._error(cause, exhausted, snapshot))
        if step.form is ContinuationForm.RESTART and snapshot.anything_shown:
            self._effects += take_back(self.accumulator, str(cause))
            self.ledger.take_back()
        return step

    def _close(
        self, over: _Over, cause: InterruptCause | None, plan: RecoveryPlan | None, *, is_last: bool = False
    ) -> None:
        """Write the line of the attempt that is over; where there is none, settle the generation that it left open."""
        is_read_on = isinstance(plan, Reattach)
        lives_on = self._living_generation(over) if not is_read_on and (is_last or cause is None) else None
        number = None if over.attempt is None else over.attempt.number
        ended = self.ledger.close(number, over.report, over.now_s, cause=cause, plan=plan, lives_on=lives_on)
        if ended is not None:
            self._effects.append(Record(ended))
        elif not is_read_on and (settled := self.ledger.settle_generation()) is not None and lives_on is None:
            self._effects.append(Record(settled))  # where it lives on, only this run does not read it on

    def _living_generation(self, over: _Over) -> Reattach | None:
        """Say where whoever opens a run that is left, paused or cancelled can read on what was under way."""
        cursor = self.accumulator.cursor
        if cursor is None or over.report.answer_ended:
            return None
        return Reattach(cursor) if self._target.capabilities(self._rules.request).can_reattach else None

    def _error(self, cause: InterruptCause, failure: Failure, held: InterruptSnapshot) -> InferenceError:
        """Build the error of a run whose attempts are used up: the failure itself if nothing was ever said."""
        if not held.anything_shown:
            return failure.to_error()
        spent = self._spending.attempts
        attempts = f"{spent} attempt{'s' if spent != 1 else ''}"
        message = f"stream interrupted ({cause}) after {attempts}; the snapshot holds what was said: {failure.message}"
        return StreamInterrupted(
            printable(message, SENTENCE_CHARS_MAX),
            cause=cause,
            snapshot=held,
            retry_after_s=failure.retry_after_s,
        )
