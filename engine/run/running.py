"""The tasks of a run: one asks and reads, one watches the clocks, one writes the journal. And the run's one end.

Several may have a claim on the end. In this order:

1. An answer whose terminal event was seen is whole, whoever ends the run behind it (`RunState.stopped`).
2. Another process owns the run now: nothing but a whole answer stands against that (`end_of_owner`).
3. What nobody has to wait for is made known: the consumer goes on while the rest is written.
4. The rest of the journal is written, shielded and bounded.
5. Where nothing is shown that is not stored, an end that could not be stored is an error (`end_as_stored`).
6. What waited for the store is made known, with the end.
"""

from __future__ import annotations

import trio

from ..core.effects import End, Fail, Finish, Stopped
from ..core.errors import StoreError
from ..core.events import Finished
from ..core.input_estimate import total_of
from ..core.result import StreamResult
from ..core.run_end import end_as_stored, end_of_owner
from ..core.run_rules import Ending
from ..core.run_state import RunState
from ..core.stop import StopReason
from .context import RunContext
from .control import RunControl
from .delivery import Delivery
from .loop import RunLoop
from .watch import Watch


class RunningRun:
    """Runs one run to its end and makes that known.

    Args:
        run_id: its name in the store.
        context: what it needs of its engine.
        state: its decisions.
        delivery: the way to its consumer.
        control: how it is ended from outside, and what came of it.
        loop: what carries its decisions out.
        watch: the task that watches its clocks.
    """

    __slots__ = ("_context", "_control", "_delivery", "_loop", "_run_id", "_state", "_watch")

    def __init__(
        self,
        run_id: str,
        context: RunContext,
        state: RunState,
        delivery: Delivery,
        control: RunControl,
        loop: RunLoop,
        watch: Watch,
    ) -> None:
        self._run_id = run_id
        self._context = context
        self._state = state
        self._delivery = delivery
        self._control = control
        self._loop = loop
        self._watch = watch

    def start(self, nursery: trio.Nursery) -> None:
        """Start all tasks; they end by themselves."""
        journal = self._delivery.journal
        if journal is None:  # a coroutine less where there is nothing to store
            nursery.start_soon(self._run_to_end)
        else:
            nursery.start_soon(self._run_stored)
            nursery.start_soon(journal.run)
        nursery.start_soon(self._watch.run)

    def leave(self) -> None:
        """End the run because its block is being left: its consumer takes nothing more."""
        self._delivery.mailbox.leave()
        self._control.end(Ending.LEFT)

    async def _run_stored(self) -> None:
        end = await self._run_to_end()
        journal = self._delivery.journal
        if journal is None:
            return
        journal.close()
        if isinstance(end, Finish) and self._control.error is None and await self._delivery.mailbox.wait_emptied():
            await journal.delete()

    async def _run_to_end(self) -> End:
        """Run to the end, whatever it is, and publish it."""
        end: End | None = None
        try:
            with self._control.scope:
                end = await self._loop.run()
        except Exception as error:  # a planner is foreign code: one end, and it is this
            end = self._loop.fail(error, "the planner failed")
        finally:
            if end is None:
                end = self._loop.stop(self._control.ending or Ending.CANCEL)
            end = await self._settle(end)
            self._watch.close()
        return end

    async def _settle(self, end: End) -> End:
        """Publish the end and write the rest of the journal, in the order of the module's first lines.

        A finished answer stays in the store until the consumer has taken all of it: only then is it safe.
        """
        delivery, journal = self._delivery, self._delivery.journal
        end = end_of_owner(end, delivery.fenced)
        waits = delivery.awaits_store
        if not waits:
            self._publish(end)
        is_stored = journal is None or await journal.finish()
        store_first = self._context.policy.checkpoint.before_delivery
        if store_first:
            unstored = StoreError(f"run {self._run_id!r}: its end could not be stored; all that was shown is stored")
            end = end_as_stored(end, is_stored=is_stored, unstored=delivery.fenced or unstored)
        if waits:
            self._publish(end, discard=store_first and not is_stored)
        return end

    def _publish(self, end: End, *, discard: bool = False) -> None:
        """Make the run's one end known. What waited for the store is not shown if it is not stored."""
        match end:
            case Fail(error):
                self._delivery.put_held(discard=discard)
                self._control.error = _as_heard(error)
            case Finish(reason, word):
                self._finish(reason, word)
            case Stopped(reason):
                self._finish(reason, None)
        self._delivery.mailbox.close()

    def _finish(self, reason: StopReason, word: str | None) -> None:
        accumulator, delivery, attempts = self._state.accumulator, self._delivery, self._state.records
        result = StreamResult(
            blocks=accumulator.blocks(),
            tool_calls=accumulator.completed_calls,
            usage=total_of(attempts),
            stop_reason=reason,
            stop_word=word,
            attempts=attempts,
            incomplete_tool_calls=accumulator.incomplete_calls,
            response_id=accumulator.response_id,
            model=accumulator.model or self._context.targets[0].source.model,
            checkpoint_failures=delivery.checkpoint_failures,
            service_tier=accumulator.service_tier,
        )
        self._control.result = result
        delivery.put_held(discard=False)
        delivery.mailbox.put(Finished(result))


def _as_heard(error: Exception) -> Exception:
    """Return what a consumer hears as an error: two of foreign code's would end its loop as if the answer were whole.

    As Python does with a StopIteration that leaves a coroutine.
    """
    if not isinstance(error, trio.EndOfChannel | StopAsyncIteration):
        return error
    heard = RuntimeError(f"a planner or source of yours raised {type(error).__name__}")
    heard.__cause__ = error
    return heard
