"""The run loop: ask, and while it breaks, plan, back off, continue. One task runs it from the first attempt to the end.

The order in which the consumer hears of an interruption:

    Interrupted  ToolCallCancel*  StreamReset?  RetryScheduled  …  Resumed

A plan that needs no new attempt is carried out even when the budget is spent; resuming from a checkpoint spends none.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import trio
from attrs import evolve, frozen

from .attempt import Broken, Crashed, Ended, Outcome, Refused, run_attempt
from .core.capabilities import Capabilities, ContinuationForm
from .core.causes import EmptyAnswer, FormRefused, IdleStall, InterruptCause, ResumedFromCheckpoint
from .core.continuation import CannotContinue, NextRequest, next_request
from .core.errors import InferenceError, StoreError, StreamInterrupted, UsageError
from .core.events import Interrupted, RetryScheduled
from .core.failures import Failure, FailureKind
from .core.journal import AnswerEnded, AttemptEnded
from .core.planner import ContinueText, Reattach, RecoveryPlan, SynthesizeToolUse, TruncateBeforeTool, WholeRestart
from .core.policy import Policy
from .core.provider import Provider
from .core.request import InferenceRequest
from .core.result import AttemptRecord, SeamVerdict
from .core.retry import attempts_max, delay_s
from .core.snapshot import InterruptSnapshot
from .core.stop import StopReason
from .delivery import Delivery
from .source import EventSource
from .transport import Transport

Planner: TypeAlias = Callable[[InterruptSnapshot, Capabilities], RecoveryPlan]

MIDSTREAM_EMPTY_STOPS = frozenset({StopReason.END_TURN, StopReason.OTHER})
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


@frozen
class World:
    """What a run needs of its engine: who answers, how patiently, and the only clock and dice."""

    source: Provider | EventSource
    policy: Policy
    transport: Transport
    planner: Planner
    chance: Callable[[], float]
    wall_clock: Callable[[], float]
    refused_forms: set[ContinuationForm]

    @property
    def origin(self) -> str:
        """Who answers, as "provider/model"."""
        return f"{self.source.name}/{self.source.model}"

    def capabilities(self, request: InferenceRequest) -> Capabilities:
        """Return what the source declares, less what it was seen to refuse, and less what no request can say yet."""
        declared = evolve(self.source.capabilities(request), can_reattach=False)  # nothing carries a cursor so far
        for form in self.refused_forms:
            declared = declared.without(form)
        return declared


class Recovery:
    """The loop's state: the ledger and the budget. `records` is the story so far, one line for each attempt."""

    def __init__(
        self,
        world: World,
        request: InferenceRequest,
        delivery: Delivery,
        *,
        records: tuple[AttemptRecord, ...] = (),
        is_resumed: bool = False,
        has_ended: bool = False,
    ) -> None:
        self.records = list(records)
        self._world = world
        self._request = request
        self._delivery = delivery
        self._is_resumed = is_resumed
        self._has_ended = has_ended
        self._spent = 0
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
                following = await self._follow(await self._attempt(following))
            await self._delivery.release()
        except StoreError as error:
            return Fail(error)
        return following

    def _resume(self) -> NextRequest | End:
        snapshot = self._delivery.accumulator.snapshot()
        if not snapshot.anything_shown:
            return NextRequest(self._request, ContinuationForm.RESTART)
        return self._plan(ResumedFromCheckpoint(), is_news=True, exhausted=None)

    async def _attempt(self, step: NextRequest) -> Outcome:
        world = self._world
        self._spent += 1
        self._attempt_began = trio.current_time()
        self._step = step
        number = len(self.records) + 1
        self._delivery.begin_attempt(
            number, world.origin, world.source.model, step, resumes=number > 1 or self._is_resumed
        )
        return await run_attempt(
            world.source,
            step,
            self._delivery,
            transport=world.transport,
            policy=world.policy,
            reasons=world.capabilities(self._request).reasons,
            wall_clock=world.wall_clock,
        )

    async def _follow(self, outcome: Outcome) -> NextRequest | End:
        """Decide what follows an attempt, and wait out the delay."""
        match outcome:
            case Ended():
                return await self._after_end()
            case Crashed(error):
                self._delivery.cancel_calls("the attempt crashed")
                self.close_attempt(None, None)
                return Fail(error)
            case Refused(failure):
                return await self._after_refusal(failure)
            case Broken(cause, detail):
                return await self._recover(cause, _failure_of_break(cause, detail, self._world))

    async def _after_end(self) -> NextRequest | End:
        accumulator = self._delivery.accumulator
        self._delivery.end_seam(whole=True)
        reason, _ = accumulator.final_stop()
        if accumulator.is_empty and reason in MIDSTREAM_EMPTY_STOPS:
            said = "the provider ended an answer without text or a call; expected at least one of them"
            return await self._recover(EmptyAnswer(), Failure(FailureKind.EMPTY_RESPONSE, said))
        self._delivery.cancel_calls("the answer ended before the call was closed")
        self.close_attempt(None, None)
        if self._delivery.journal is not None:
            self._delivery.journal.record(AnswerEnded())
        return Finish()

    async def _after_refusal(self, failure: Failure) -> NextRequest | End:
        step = self._step
        refused_form = failure.kind is FailureKind.CONTINUATION_REFUSED and step is not None
        if refused_form and step is not None and step.form is not ContinuationForm.RESTART:
            self._world.refused_forms.add(step.form)
            self._spent -= 1  # a form that was refused cost nothing and said nothing: the next one takes its place
            return await self._recover(FormRefused(step.form.value), failure)
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
        was_said = self._delivery.said_anything
        self._delivery.end_seam(whole=False)
        retry = self._world.policy.retry
        most = attempts_max(retry, cause)
        delay = delay_s(retry, cause, self._spent, self._world.chance()) if self._spent < most else None
        exhausted = failure if delay is None else None
        following = self._plan(cause, is_news=was_said, exhausted=exhausted)
        if not isinstance(following, NextRequest) or isinstance(cause, FormRefused) or delay is None:
            return following
        self._delivery.put(RetryScheduled(self._spent + 1, most, delay, cause))
        await self._delivery.release()
        await trio.sleep(delay)
        return following

    def _plan(self, cause: InterruptCause, *, is_news: bool, exhausted: Failure | None) -> NextRequest | End:
        """Choose and announce a plan; returns what to ask next, or how the run ends.

        `exhausted` is what the run fails with if the plan needs another attempt and none is left.
        """
        snapshot = self._delivery.accumulator.snapshot()
        capabilities = self._world.capabilities(self._request)
        plan = _checked(self._world.planner(snapshot, capabilities), snapshot)
        if is_news:
            self._delivery.put(Interrupted(cause, plan))
        self.close_attempt(cause, plan)
        self._delivery.cancel_calls(str(cause))
        if isinstance(plan, SynthesizeToolUse):
            return Finish(StopReason.TOOL_USE)
        step = next_request(self._request, snapshot, plan, capabilities)
        if isinstance(step, CannotContinue):
            message = f"stream interrupted ({cause}): {step.reason}"
            return Fail(StreamInterrupted(message, cause=cause, snapshot=snapshot))
        if exhausted is not None:
            return Fail(self._error(cause, exhausted, snapshot))
        if step.form is ContinuationForm.RESTART and snapshot.anything_shown:
            self._take_back(cause)
        return step

    def _take_back(self, cause: InterruptCause) -> None:
        self._delivery.take_back(str(cause))
        self.records = [evolve(record, kept=False) for record in self.records]

    # -- the ledger -----------------------------------------------------------------------------------------------

    def close_attempt(self, cause: InterruptCause | None, plan: RecoveryPlan | None) -> None:
        """Write the line of the attempt under way, if there is one."""
        if self._attempt_began is None or self._step is None:
            return
        delivery, step = self._delivery, self._step
        accumulator = delivery.accumulator
        kept = accumulator.has_kept or (cause is None and accumulator.stop is not None)
        seam = delivery.end_seam(whole=False)
        response_id, received = accumulator.response_id, delivery.bytes_this_attempt
        usage, estimated = accumulator.end_attempt()
        record = AttemptRecord(
            number=len(self.records) + 1,
            provider=self._world.source.name,
            model=self._world.source.model,
            continuation=None if step.form is ContinuationForm.RESTART and not self.records else step.form,
            began_s=self._attempt_began - self._began,
            ended_s=trio.current_time() - self._began,
            usage=usage,
            usage_estimated=estimated,
            kept=kept,
            cause=cause,
            plan=plan,
            seam=seam,
            response_id=response_id,
            bytes_received=received,
        )
        if seam is SeamVerdict.RESTART:
            self.records = [evolve(earlier, kept=False) for earlier in self.records]
        self.records.append(record)
        self._attempt_began = None
        if delivery.journal is not None:
            delivery.journal.record(AttemptEnded(record))

    # -- how a run fails ------------------------------------------------------------------------------------------

    def _snapshot_if_shown(self) -> InterruptSnapshot | None:
        snapshot = self._delivery.accumulator.snapshot()
        return snapshot if snapshot.anything_shown else None

    def _error(self, cause: InterruptCause, failure: Failure, held: InterruptSnapshot) -> InferenceError:
        """Build the error of a run whose attempts are used up: the failure itself if nothing was ever said."""
        if not held.anything_shown:
            return failure.to_error()
        attempts = f"{self._spent} attempt{'s' if self._spent != 1 else ''}"
        return StreamInterrupted(
            f"stream interrupted ({cause}) after {attempts}; the snapshot holds what was said: {failure.message}",
            cause=cause,
            snapshot=held,
            retry_after_s=failure.retry_after_s,
        )


def _checked(plan: RecoveryPlan, snapshot: InterruptSnapshot) -> RecoveryPlan:
    """Refuse a plan of the caller's planner that would lose or double what was said. Raises UsageError."""
    match plan:
        case ContinueText(prefix) | TruncateBeforeTool(prefix) if prefix != snapshot.text:
            seen = f"a prefix of {len(prefix)} characters; expected the {len(snapshot.text)} that were said"
            raise UsageError(f"the planner continues {seen}: what was shown can not be taken back in part")
        case WholeRestart() if snapshot.completed_tool_calls:
            raise UsageError("the planner restarts after a call was released; expected SynthesizeToolUse")
        case Reattach():
            raise UsageError("the planner re-attaches, and no provider of this version takes a cursor")
        case ContinueText() | TruncateBeforeTool() | WholeRestart() | SynthesizeToolUse():
            return plan
    raise UsageError(f"the planner gave a {type(plan).__name__}; expected a RecoveryPlan")


def _failure_of_break(cause: InterruptCause, detail: str, world: World) -> Failure:
    """Say what a broken connection is if nothing was ever said: a timeout, or the provider's failure."""
    kind = FailureKind.TIMEOUT if isinstance(cause, IdleStall) else FailureKind.PROVIDER
    waited = f" after {cause.waited_s:g} s" if isinstance(cause, IdleStall) and cause.waited_s is not None else ""
    return Failure(kind, f"{world.origin}: {detail or str(cause)}{waited}")
