"""The run loop: ask, and while it breaks, plan, back off, continue. One task runs it from the first attempt to the end.

The order in which the consumer hears of an interruption:

    Interrupted  ToolCallCancel*  StreamReset?  RetryScheduled  …  Resumed

Calls of a generation that is read on stay under way over it. Where the run ends before, they are cancelled for its
consumer, and stay under way in the journal: whoever opens the run next reads them on.

A plan that needs no new attempt is carried out even when the budget is spent; resuming from a checkpoint spends none.
"""

from __future__ import annotations

from typing import TypeAlias

import trio
from attrs import evolve, frozen

from .attempt import Broken, Crashed, Ended, Outcome, Refused, run_attempt
from .core.capabilities import ContinuationForm
from .core.causes import EmptyAnswer, FormRefused, IdleStall, InterruptCause, MalformedStream, ResumedFromCheckpoint
from .core.continuation import CannotContinue, NextRequest, next_request
from .core.errors import InferenceError, StoreError, StreamInterrupted
from .core.events import Interrupted, RetryScheduled
from .core.failures import Failure, FailureKind
from .core.journal import AnswerEnded, AttemptEnded, GenerationEnded, RestoredRun
from .core.ledger import Ledger
from .core.planner import Reattach, RecoveryPlan, SynthesizeToolUse
from .core.printable import SENTENCE_CHARS_MAX, printable
from .core.request import InferenceRequest
from .core.result import AttemptRecord, SeamVerdict
from .core.retry import attempts_max, delay_s
from .core.snapshot import InterruptSnapshot
from .core.stop import StopReason
from .core.usage import NO_USAGE
from .delivery import Delivery
from .plan_check import checked_plan
from .watch import Watch
from .world import World

EMPTY_STOPS = frozenset({StopReason.END_TURN, StopReason.OTHER})
"""Stops after which nothing said means that something went wrong; an empty answer after any other has its reason."""


@frozen
class Finish:
    """The run's end: nothing is left to ask. `reason` is ours where the provider could not say one."""

    reason: StopReason | None = None


@frozen
class Fail:
    """The run's end: this is raised."""

    error: Exception


End: TypeAlias = Finish | Fail


class Recovery:
    """The loop's state: the ledger and the budget.

    `restored` is what an earlier process left of the run.
    """

    def __init__(
        self,
        world: World,
        request: InferenceRequest,
        delivery: Delivery,
        watch: Watch,
        restored: RestoredRun | None = None,
    ) -> None:
        self._ledger = Ledger(() if restored is None else restored.attempts)
        self._world = world
        self._request = request
        self._delivery = delivery
        self._watch = watch
        self._is_resumed = restored is not None
        self._has_ended = restored is not None and restored.ended
        self._was_killed = restored is not None and restored.attempt_open
        self._refused: tuple[ContinuationForm, ...] = ()  # an empty set weighs 216 bytes
        self._spent = 0
        self._retries_taken = 0
        self._began = trio.current_time()
        self._attempt_began: float | None = None
        self._step: NextRequest | None = None

    # -- the loop -------------------------------------------------------------------------------------------------

    async def run(self) -> End:
        """Go on until the run ends. If cancelled: `close_attempt` tells the ledger what was under way."""
        if self._has_ended:
            return Finish()
        following = self._resume() if self._is_resumed else NextRequest(self._request, ContinuationForm.RESTART)
        try:
            while isinstance(following, NextRequest):
                await self._delivery.release()
                outcome = await self._attempt(following)
                await trio.lowlevel.checkpoint_if_cancelled()  # who ends the run wins over what an attempt made of it
                following = await self._follow(outcome)
            await self._delivery.release()
        except StoreError as error:
            self.stop_short("the store failed")
            return Fail(error)
        return following

    def _resume(self) -> NextRequest | End:
        said = self._delivery.accumulator.snapshot()
        if said.cursor is not None or said.anything_shown or said.server_tool_in_flight is not None:
            return self._plan(ResumedFromCheckpoint(), is_news=True, exhausted=None)
        self.close_attempt(ResumedFromCheckpoint(), None)
        return NextRequest(self._request, ContinuationForm.RESTART)

    async def _attempt(self, step: NextRequest) -> Outcome:
        world = self._world
        self._spent += 1
        self._attempt_began = trio.current_time()
        self._step = step
        number = len(self._ledger) + 1
        capabilities = world.capabilities(self._request)
        self._delivery.begin_attempt(
            number, world.origin, world.source.model, step, resumes=number > 1 or self._is_resumed
        )
        return await run_attempt(
            world.source,
            step,
            self._delivery,
            self._watch,
            transport=world.transport,
            turnstile=world.turnstile,
            policy=world.policy,
            reasons=capabilities.reasons,
            waiting_message=capabilities.waiting_message,
            wall_clock=world.wall_clock,
        )

    async def _follow(self, outcome: Outcome) -> NextRequest | End:
        """Decide what follows an attempt, and wait out the delay."""
        match outcome:
            case Ended():
                return await self._after_end()
            case Crashed(error):
                self.stop_short("the attempt crashed")
                return Fail(error)
            case Refused(failure):
                return await self._after_refusal(failure)
            case Broken(cause, detail):
                return await self._recover(cause, _failure_of_break(cause, detail, self._world))

    async def _after_end(self) -> NextRequest | End:
        end = self.end_whole()
        if end is not None:
            return end
        said = "the provider ended an answer without text or a call; expected at least one of them"
        return await self._recover(EmptyAnswer(), Failure(FailureKind.EMPTY_RESPONSE, said))

    def end_whole(self) -> Finish | None:
        """End the answer whose terminal event was seen, also where the run is cancelled behind it.

        None if there is no such answer, or nothing in it.
        """
        delivery = self._delivery
        if self._has_ended:
            return Finish()
        if not delivery.answer_ended:
            return None
        delivery.end_seam(whole=True)
        reason, _ = delivery.accumulator.final_stop()
        if delivery.accumulator.is_empty and reason in EMPTY_STOPS:
            return None
        delivery.cancel_calls("the answer ended before the call was closed")
        self.close_attempt(None, None)
        self._world.retry_budget.give_back(self._retries_taken)
        if delivery.journal is not None:
            delivery.journal.record(AnswerEnded())
        self._has_ended = True
        return Finish()

    def stop_short(self, reason: str) -> None:
        """End what is under way before its answer is whole; a generation that lives on can be read on by the next."""
        lives_on = self._living_generation() is not None
        self._delivery.cancel_calls(reason, lives_on=lives_on)
        self.close_attempt(None, None)
        if not lives_on:
            self._delivery.forget_cursor()

    async def _after_refusal(self, failure: Failure) -> NextRequest | End:
        in_stream = self._delivery.bytes_this_attempt > 0
        if self._step is not None and not in_stream and _refuses_form(failure, self._step.form):
            if self._step.form is ContinuationForm.CURSOR:
                self._delivery.forget_cursor()  # of this generation; the next may well be read on
            else:
                self._world.learn_refusal(self._request, self._step.form)
            if self._step.form not in self._refused:  # it cost nothing and said nothing: the next takes its place, once
                self._refused += (self._step.form,)
                self._spent -= 1
            return await self._recover(FormRefused(self._step.form.value), failure)
        if failure.is_retryable or self._delivery.accumulator.completed_calls:  # released calls end the run: design §4
            return await self._recover(failure.to_cause(), failure)
        snapshot = self._snapshot_if_shown()
        self._delivery.end_seam(whole=False)
        self._delivery.cancel_calls(failure.kind.value)
        self.close_attempt(failure.to_cause(), None)
        return Fail(failure.to_error(snapshot))

    async def _recover(self, cause: InterruptCause, failure: Failure) -> NextRequest | End:
        """Plan and announce what follows an interruption, and back off."""
        if self._delivery.journal is not None:
            self._delivery.journal.nudge()
        if isinstance(cause, MalformedStream | EmptyAnswer) and failure.status is None:
            self._delivery.forget_cursor()  # reading it on would show the same again
        was_said = self._delivery.said_anything
        self._delivery.end_seam(whole=False)
        retry = self._world.policy.retry
        most = attempts_max(retry, cause)
        delay = None
        if self._spent < most:
            delay = delay_s(retry, cause, self._spent, self._world.chance(), failure.retry_after_s)
        if delay is not None and not isinstance(cause, FormRefused) and self._world.retry_budget.is_spent:
            delay, failure = None, self._unretried(failure)
        exhausted = failure if delay is None else None
        following = self._plan(cause, is_news=was_said, exhausted=exhausted)
        if not isinstance(following, NextRequest) or isinstance(cause, FormRefused) or delay is None:
            return following
        self._world.retry_budget.take()
        self._retries_taken += 1
        self._delivery.put(RetryScheduled(self._spent + 1, most, delay, cause))
        await self._delivery.release()
        await trio.sleep(delay)
        return following

    def _unretried(self, failure: Failure) -> Failure:
        """Say why a failure is not retried: the budget that the engine's runs share is spent, and this run gives up."""
        most = self._world.policy.retry.engine_retries_max
        why = f"{failure.message} (not retried: {most} retries of this engine without a success, engine_retries_max)"
        return evolve(failure, message=why)

    def _plan(self, cause: InterruptCause, *, is_news: bool, exhausted: Failure | None) -> NextRequest | End:
        """Choose and announce a plan; returns what to ask next, or how the run ends.

        `exhausted` is what the run fails with if the plan needs another attempt and none is left.
        """
        snapshot = self._delivery.accumulator.snapshot()
        capabilities = self._world.capabilities(self._request)
        if exhausted is not None:  # a plan that asks nothing is carried out all the same (law 8); no other can be
            capabilities = capabilities.without(ContinuationForm.CURSOR)
        plan = checked_plan(self._world.planner(snapshot, capabilities), snapshot, capabilities)
        if is_news:
            self._delivery.put(Interrupted(cause, plan))
        self.close_attempt(cause, plan, is_last=exhausted is not None)
        if not isinstance(plan, Reattach):
            lives_on = exhausted is not None and self._living_generation() is not None
            self._delivery.cancel_calls(str(cause), lives_on=lives_on)
        if isinstance(plan, SynthesizeToolUse):
            self._world.retry_budget.give_back(self._retries_taken)
            return Finish(StopReason.TOOL_USE)
        step = next_request(self._request, snapshot, plan, capabilities, origin=self._world.origin)
        if isinstance(step, CannotContinue):
            message = f"stream interrupted ({cause}): {step.reason}"
            return Fail(StreamInterrupted(printable(message, SENTENCE_CHARS_MAX), cause=cause, snapshot=snapshot))
        if exhausted is not None:
            return Fail(self._error(cause, exhausted, snapshot))
        if step.form is ContinuationForm.RESTART and snapshot.anything_shown:
            self._delivery.take_back(str(cause))
            self._ledger.take_back()
        return step

    # -- the ledger -----------------------------------------------------------------------------------------------

    @property
    def records(self) -> tuple[AttemptRecord, ...]:
        """The story so far, one line for each attempt that has ended. Cost: linear."""
        return self._ledger.read()

    def close_attempt(self, cause: InterruptCause | None, plan: RecoveryPlan | None, *, is_last: bool = False) -> None:
        """Write the line of the attempt under way, or of the one that a killed process left open, if there is one.

        The line of an attempt whose generation is read on by the next holds no usage: that one is told all of it. Where
        there is no next after all, this one is.
        """
        is_read_on = isinstance(plan, Reattach)
        lives_on = self._living_generation() if not is_read_on and (is_last or cause is None) else None
        if self._attempt_began is None and not self._was_killed:
            if not is_read_on:
                self._end_generation(stored=lives_on is None)
            return
        record = self._record_of(cause, plan, is_read_on=is_read_on)
        stored = record
        if lives_on is not None:
            stored = evolve(record, plan=lives_on, usage=NO_USAGE, usage_estimated=False)
        if record.seam is SeamVerdict.RESTART:
            self._ledger.take_back()
        self._ledger.append(record)
        self._attempt_began, self._was_killed = None, False
        if self._delivery.journal is not None:
            self._delivery.journal.record(AttemptEnded(stored))

    def _living_generation(self) -> Reattach | None:
        """Say where whoever opens a run that is left, paused or cancelled can read on what was under way."""
        accumulator = self._delivery.accumulator
        if accumulator.cursor is None or self._delivery.answer_ended:
            return None
        return Reattach(accumulator.cursor) if self._world.capabilities(self._request).can_reattach else None

    def _end_generation(self, *, stored: bool) -> None:
        """Book what was to be read on and will not be; not `stored` where only this run does not."""
        last = self._ledger.last
        if last is not None and isinstance(last.plan, Reattach):
            usage, estimated = self._delivery.accumulator.end_attempt()
            self._ledger.amend(last.with_rest(usage, estimated=estimated))
            if stored and self._delivery.journal is not None:
                self._delivery.journal.record(GenerationEnded(usage, estimated))

    def _record_of(self, cause: InterruptCause | None, plan: RecoveryPlan | None, *, is_read_on: bool) -> AttemptRecord:
        accumulator, number = self._delivery.accumulator, len(self._ledger) + 1
        kept = accumulator.has_kept
        seam = None if self._was_killed else self._delivery.end_seam(whole=False)
        wasted = accumulator.wasted_bytes
        usage, is_estimated = (NO_USAGE, False) if is_read_on else accumulator.end_attempt()
        if self._attempt_began is None or self._step is None:  # a killed process left it open
            provider, _, model = (accumulator.origin or "").partition("/")
            return AttemptRecord(
                number, provider, model, None, 0.0, 0.0, usage, is_estimated, kept=kept, cause=cause, plan=plan
            )
        form = self._step.form
        return AttemptRecord(
            number,
            self._world.source.name,
            self._world.source.model,
            continuation=None if form is ContinuationForm.RESTART and not self._ledger else form,
            began_s=self._attempt_began - self._began,
            ended_s=trio.current_time() - self._began,
            usage=usage,
            usage_estimated=is_estimated,
            kept=kept or (cause is None and accumulator.stop is not None),
            cause=cause,
            plan=plan,
            seam=seam,
            response_id=accumulator.response_id,
            bytes_received=self._delivery.bytes_this_attempt,
            wasted_bytes=wasted,
        )

    # -- how a run fails ------------------------------------------------------------------------------------------

    def _snapshot_if_shown(self) -> InterruptSnapshot | None:
        snapshot = self._delivery.accumulator.snapshot()
        return snapshot if snapshot.anything_shown else None

    def _error(self, cause: InterruptCause, failure: Failure, held: InterruptSnapshot) -> InferenceError:
        """Build the error of a run whose attempts are used up: the failure itself if nothing was ever said."""
        if not held.anything_shown:
            return failure.to_error()
        attempts = f"{self._spent} attempt{'s' if self._spent != 1 else ''}"
        message = f"stream interrupted ({cause}) after {attempts}; the snapshot holds what was said: {failure.message}"
        return StreamInterrupted(
            printable(message, SENTENCE_CHARS_MAX),
            cause=cause,
            snapshot=held,
            retry_after_s=failure.retry_after_s,
        )


def _refuses_form(failure: Failure, form: ContinuationForm) -> bool:
    """Whether a failure says no to the way in which the answer was to go on, and not to the request.

    Reading on is answered with an error that is no use to retry where the generation is no more, or the cursor too old.
    """
    if form is ContinuationForm.CURSOR:
        return not failure.is_retryable
    return failure.kind is FailureKind.CONTINUATION_REFUSED and form is not ContinuationForm.RESTART


def _failure_of_break(cause: InterruptCause, detail: str, world: World) -> Failure:
    """Say what a broken connection is if nothing was ever said: a timeout, or the provider's failure."""
    kind = FailureKind.TIMEOUT if isinstance(cause, IdleStall) else FailureKind.PROVIDER
    waited = f" after {cause.waited_s:g} s" if isinstance(cause, IdleStall) and cause.waited_s is not None else ""
    return Failure(kind, f"{world.origin}: {detail or str(cause)}{waited}")
