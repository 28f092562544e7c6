"""Carries out what a run decides (`core/run_state`), on trio: asks, waits, delivers, and tells what happened.

Everything here is waiting. Another shell, for another event loop, would be this file again.
"""

from __future__ import annotations

from typing import cast

import trio
from attrs import evolve

from ..core.effects import Ask, CancelAttempt, Deliver, Effect, End, FlushJournal, Record, Wait
from ..core.errors import StoreError
from ..core.outcome import AttemptReport
from ..core.provider import Provider
from ..core.request import InferenceRequest
from ..core.run_rules import Ending
from ..core.run_state import RunState
from ..source import EventSource
from .attempt import run_attempt
from .context import RunContext
from .delivery import Delivery
from .intake import Intake
from .watch import Watch


class RunLoop:
    """Drives one run to its end. One task runs it, whichever."""

    __slots__ = ("_context", "_delivery", "_intake", "_request", "_state", "_watch")

    def __init__(
        self, context: RunContext, request: InferenceRequest, state: RunState, delivery: Delivery, watch: Watch
    ) -> None:
        self._context = context
        self._request = request
        self._state = state
        self._delivery = delivery
        self._watch = watch
        self._intake: Intake | None = None

    @property
    def seam_holds_text(self) -> bool:
        """Whether text is held back until the seam is decided."""
        return self._intake is not None and self._intake.holds_text

    async def run(self) -> End:
        """Go on until the run ends.

        If cancelled: call `stop`, which tells the ledger what was under way. It raises what the planner raises: then
        call `fail`.
        """
        effects = self._state.begin(trio.current_time())
        while True:
            match self._carry_out(effects):
                case Wait(delay_s):
                    if failed := await self._release():
                        return failed
                    if delay_s is not None:
                        await trio.sleep(delay_s)
                    effects = self._state.waited(trio.current_time())
                case Ask() as ask:
                    effects = await self._ask(ask)
                case end:
                    return await self._release() or end

    async def _ask(self, ask: Ask) -> list[Effect]:
        context, step, target = self._context, ask.attempt.step, ask.attempt.target
        capabilities = evolve(target.capabilities(self._request), streams=ask.attempt.streams)
        self._intake = intake = Intake(ask, self._state.accumulator, self._delivery)
        outcome = await run_attempt(
            cast("Provider | EventSource", target.source),
            step,
            intake,
            self._watch,
            transport=context.transport,
            turnstile=context.turnstile,
            policy=context.policy,
            capabilities=capabilities,
            wall_clock=context.wall_clock,
        )
        await trio.lowlevel.checkpoint_if_cancelled()  # who ends the run wins over what an attempt made of it
        report = intake.finish(outcome, ends_without_finish=capabilities.ends_without_finish)
        self._intake = None
        return self._state.attempt_ended(ask.attempt.number, report, now_s=trio.current_time(), chance=context.chance)

    async def _release(self) -> End | None:
        try:
            await self._delivery.release()
        except StoreError as error:
            return self.fail(error, "the store failed")
        return None

    def stop(self, ending: Ending) -> End:
        """Say how the run ends that was cancelled from outside."""
        return self._end_of(self._state.stopped(ending, self._report(), trio.current_time()))

    def fail(self, error: Exception, why: str) -> End:
        """Say how the run ends that foreign code, a planner or a store, brought down."""
        return self._end_of(self._state.failed(error, why, self._report(), trio.current_time()))

    def _report(self) -> AttemptReport | None:
        """Say what the attempt brought that is under way, if there is one."""
        intake, self._intake = self._intake, None
        return None if intake is None else intake.finish(None)

    def _end_of(self, effects: list[Effect]) -> End:
        end = self._carry_out(effects)
        if isinstance(end, Wait | Ask):
            raise TypeError(f"the run goes on ({type(end).__name__}); expected its end")
        return end

    def _carry_out(self, effects: list[Effect]) -> Wait | Ask | End:
        """Carry out what needs no waiting; return the last, which does, or is the end."""
        for effect in effects:
            match effect:
                case Record() | Deliver() | FlushJournal():
                    self._delivery.carry_out(effect)
                case CancelAttempt():
                    pass  # its scope is that of this loop: it was cancelled before the state was told
                case _:
                    return effect
        raise TypeError("the run says neither what to wait for nor that it ends")
