"""One run: what `Engine.open_stream` gives to the caller. A `trio.abc.ReceiveChannel` of events, and how it ends.

Beside the caller's task, one asks and reads (`recovery`), one watches the clocks, and one writes the journal if there
is a store. All live in the nursery of the `async with` block: nothing of a run outlives it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from enum import Enum
from functools import partial

import trio

from .checkpoint import MORE_SHOWN, StoreUnavailable, delivered_again, load_journal, restore_run
from .core.accumulator import Accumulator
from .core.errors import StoreError, UsageError
from .core.events import Event, Finished, Status, StreamReset
from .core.journal import SCHEMA_VERSION, DeliveryRestarted, JournalHeader, RestoredRun, fingerprint, warm_up
from .core.printable import printable
from .core.request import InferenceRequest
from .core.result import AttemptRecord, StreamResult
from .core.snapshot import InterruptSnapshot
from .core.stop import StopReason
from .delivery import Delivery
from .journal_writer import JournalWriter, logger
from .mailbox import Mailbox
from .recovery import End, Fail, Finish, Recovery
from .stores.store import CheckpointStore
from .watch import Watch
from .world import World

EVENTS_A_TURN = 8
"""How many events that are ready `async for` gives before other tasks get a turn."""


class _Ending(Enum):
    """Who ended the run before the provider did."""

    CANCEL = "cancelled"
    PAUSE = "paused"
    LEFT = "the block was left"


class Run(trio.abc.ReceiveChannel[Event]):
    """One answer under way. Iterate it for events; leave its block when you have seen enough.

    Made by `Engine.open_stream`, and used by one task at a time. Text, reasoning and tool events are never dropped: the
    reader waits for the consumer. After the last event the iteration ends; if the run failed, it raises one concrete
    exception there (an `InferenceError`, or what a plugged-in source or planner raised; its `EndOfChannel` or
    `StopAsyncIteration` is the cause of a `RuntimeError`, for alone it would look like the end).
    """

    def __init__(self, world: World, request: InferenceRequest, run_id: str, store: CheckpointStore | None) -> None:
        self.run_id = run_id
        self._world = world
        self._request = request
        self._store = store
        self._mailbox = Mailbox()
        self._watch = Watch()
        self._taken = 0
        self._scope = trio.CancelScope()
        self._ending: _Ending | None = None
        self._journal: JournalWriter | None = None
        self._delivery: Delivery | None = None
        self._recovery: Recovery | None = None
        self._result: StreamResult | None = None
        self._error: Exception | None = None
        self._closed = False

    # -- consuming ------------------------------------------------------------------------------------------------

    async def receive(self) -> Event:
        """Wait for the next event. A checkpoint on every call.

        Raises:
            trio.EndOfChannel: the run has ended and everything was received.
            trio.ClosedResourceError: `aclose` was called.
            trio.BusyResourceError: another task is waiting for an event.
            InferenceError: the run failed; raised once everything that was received has been handed over.
        If cancelled: no event is lost.
        """
        self._check_open()
        await self._mailbox.wait_events()
        self._check_ready()
        return self._mailbox.take()

    async def receive_many(self) -> list[Event]:
        """Wait until there are events, and take all that are ready: one checkpoint for as many as one read brought.

        Raises what `receive` raises; the list is never empty. If cancelled: no event is lost.
        """
        self._check_open()
        await self._mailbox.wait_events()
        self._check_ready()
        return self._mailbox.take_all()

    def _check_open(self) -> None:
        if self._closed:
            raise trio.ClosedResourceError

    def _check_ready(self) -> None:
        self._check_open()
        if not self._mailbox:
            if self._error is not None:
                raise self._error
            raise trio.EndOfChannel

    async def __anext__(self) -> Event:
        """Give the next event of `async for`; see `receive`.

        A cancel point on every call; other tasks get their turn at least every `EVENTS_A_TURN` events, and whenever
        there is nothing to give. A turn costs 5 µs, which is more than all the rest of an event (benchmarks/README.md);
        for the same reason this is written out: the coroutines around it were 1.5 µs more (CPython 3.11).
        """
        mailbox = self._mailbox
        if mailbox and not self._closed:
            self._taken = taken = self._taken + 1
            if taken % EVENTS_A_TURN:
                await trio.lowlevel.checkpoint_if_cancelled()
            else:
                await trio.lowlevel.checkpoint()
        else:
            self._check_open()
            await mailbox.wait_events()
        if not mailbox or self._closed:
            while not (mailbox or mailbox.is_closed or self._closed):  # another task took what there was
                await mailbox.wait_events()
            try:
                self._check_ready()
            except trio.EndOfChannel:
                raise StopAsyncIteration from None
        return mailbox.take()

    async def aclose(self) -> None:
        """Stop the run and take no more events. What was received is kept in the checkpoint. A checkpoint."""
        self.leave()
        await trio.lowlevel.checkpoint()

    # -- ending ---------------------------------------------------------------------------------------------------

    def cancel(self) -> None:
        """End the run at the next checkpoint, in whatever phase it is; the partial answer is its result.

        Events already received from the provider are still handed over, then `Finished` with stop reason `CANCELLED`.
        The checkpoint is kept. Idempotent; cancel overrides an earlier `pause`.
        """
        self._end(_Ending.CANCEL)

    def pause(self) -> None:
        """End the run like `cancel`, with stop reason `PAUSED`: open the same run id later to go on."""
        if self._ending is None:
            self._end(_Ending.PAUSE)

    def _end(self, ending: _Ending) -> None:
        if self._result is None and self._error is None:
            if self._ending is None or ending is _Ending.CANCEL:
                self._ending = ending
            self._scope.cancel(reason=ending.value)

    # -- reading --------------------------------------------------------------------------------------------------

    @property
    def result(self) -> StreamResult:
        """The whole answer and its story, once the run has ended (also cancelled, paused, or left early).

        Raises:
            UsageError: the run is still going; read it after the block, or use `snapshot()`.
            InferenceError: the run failed; the error's `snapshot` holds what was said.
        """
        if self._error is not None:
            raise self._error
        if self._result is None:
            raise UsageError("the run has not ended; read result after its block, or take snapshot() meanwhile")
        return self._result

    def snapshot(self) -> InterruptSnapshot:
        """Freeze what the run holds at this moment. Cost: linear in all of it."""
        return InterruptSnapshot() if self._delivery is None else self._delivery.accumulator.snapshot()

    @property
    def attempts(self) -> tuple[AttemptRecord, ...]:
        """The story so far: one record for each attempt that has ended."""
        return () if self._recovery is None else tuple(self._recovery.records)

    @property
    def checkpoint_failures(self) -> int:
        """How many writes to the store have failed so far; the stream did not wait for them."""
        return 0 if self._journal is None else self._journal.failures

    # -- opening --------------------------------------------------------------------------------------------------

    async def open(self, deliver_from: int) -> None:
        """Read the checkpoint, if there is one, and get ready to go on. Called by the engine.

        Raises:
            CheckpointMismatch: the run id belongs to another request.
            StoreError: the store holds something unreadable, or refuses to be used.
        """
        restored = await self._restore()
        limits, hold = self._world.policy.limits, self._world.policy.checkpoint.before_delivery
        accumulator = Accumulator(limits) if restored is None else restored.accumulator
        delivery = Delivery(accumulator, self._mailbox, self._journal, hold=hold and self._journal is not None)
        self._delivery = delivery
        if restored is None:
            again: list[Event] = [StreamReset(MORE_SHOWN)] if deliver_from else []  # by an earlier process
        else:
            again = delivered_again(restored, deliver_from)
        if again and isinstance(again[0], StreamReset) and self._journal is not None:
            self._journal.record(DeliveryRestarted())
        for event in again:
            delivery.put(event)
        self._recovery = Recovery(self._world, self._request, delivery, self._watch, restored)

    async def _restore(self) -> RestoredRun | None:
        if self._store is None:
            return None
        policy = self._world.policy.checkpoint
        mark = fingerprint(self._request)
        warm_up()
        journal = await load_journal(self._store, self.run_id, policy, mark)
        if isinstance(journal, StoreUnavailable):
            logger.warning("run %r: no checkpoint store (%s); going on without it", self.run_id, printable(journal.why))
            self._mailbox.put(Status("the checkpoint store could not be read; going on without it"))
            return None
        restored = await restore_run(journal, self.run_id, mark, self._world.policy.limits)
        self._journal = JournalWriter(
            self._store,
            self.run_id,
            fence=journal.fence,
            sequence=len(journal.entries),
            policy=policy,
            scope=self._scope,
        )
        if restored is None:
            source, now = self._world.source, self._world.wall_clock()
            self._journal.record(JournalHeader(SCHEMA_VERSION, self.run_id, mark, source.name, source.model, now))
        return restored

    # -- the tasks ------------------------------------------------------------------------------------------------

    def tasks(self) -> Iterator[Callable[[], Awaitable[object]]]:
        """Give what has to run beside the caller, in the nursery of the block; the first ends the others."""
        if self._journal is None:  # a coroutine less where there is nothing to store
            yield self._run_to_end
        else:
            yield partial(self._run_stored, self._journal)
            yield self._journal.run
        yield self._watch.run

    async def _run_stored(self, journal: JournalWriter) -> None:
        end = await self._run_to_end()
        journal.close()
        if isinstance(end, Finish) and self._error is None and await self._mailbox.wait_emptied():
            await journal.delete()

    async def _run_to_end(self) -> End | None:
        """Run to the end, whatever it is, and publish it."""
        end: End | None = None
        try:
            with self._scope:
                end = await self._the_recovery.run()
        except Exception as error:  # a planner is foreign code: one end, and it is this
            self._the_recovery.stop_short("the planner failed")
            end = Fail(error)
        finally:
            end = await self._settle(end)
            self._watch.close()
        return end

    async def _settle(self, end: End | None) -> End | None:
        """Publish the end and write the rest of the journal; where the store comes first, or is waited for, before it.

        A finished answer stays in the store until the consumer has taken all of it: only then is it safe.
        """
        store_first = self._world.policy.checkpoint.before_delivery
        end = self._the_recovery.end_whole() if end is None else end
        if end is None:
            reason = _Ending.CANCEL.value if self._ending is None else self._ending.value
            self._the_recovery.stop_short(reason)  # fenced or not: what was under way was paid
        if self._fenced is not None and not isinstance(end, Finish):
            end = Fail(self._fenced)
        waits = self._the_delivery.awaits_store
        if not waits:
            self._publish(end)
        stored = self._journal is None or await self._journal.finish()
        if store_first and not stored and not isinstance(end, Fail):
            error = StoreError(f"run {self.run_id!r}: its end could not be stored; all that was shown is stored")
            end = Fail(self._fenced or error)
        if waits:
            self._publish(end, stored=stored or not store_first)
        return end

    @property
    def _fenced(self) -> StoreError | None:
        """What the store said, if another process owns the run now."""
        return None if self._journal is None else self._journal.fenced

    def _publish(self, end: End | None, *, stored: bool = True) -> None:
        """Make the run's one end known. What waited for the store is shown only if it is `stored`."""
        delivery = self._the_delivery
        match end:
            case Fail(error):
                delivery.put_held(discard=not stored)
                self._error = _heard(error)
            case Finish(reason):
                self._finish(delivery.accumulator.final_stop() if reason is None else (reason, None))
            case None:
                paused = self._ending is _Ending.PAUSE
                self._finish((StopReason.PAUSED if paused else StopReason.CANCELLED, None))
        self._mailbox.close()

    def _finish(self, stop: tuple[StopReason, str | None]) -> None:
        delivery = self._the_delivery
        accumulator = delivery.accumulator
        self._result = StreamResult(
            blocks=accumulator.blocks(),
            tool_calls=accumulator.completed_calls,
            usage=accumulator.total_usage,
            stop_reason=stop[0],
            stop_word=stop[1],
            attempts=self.attempts,
            incomplete_tool_calls=accumulator.incomplete_calls,
            response_id=accumulator.response_id,
            model=accumulator.model or self._world.source.model,
            checkpoint_failures=self.checkpoint_failures,
        )
        delivery.put_held(discard=False)
        self._mailbox.put(Finished(self._result))

    def leave(self) -> None:
        """End the run because its block is being left. Called by the block."""
        self._closed = True
        self._mailbox.leave()
        self._end(_Ending.LEFT)

    @property
    def _the_delivery(self) -> Delivery:
        if self._delivery is None:
            raise UsageError("the run is not open; use it with `async with engine.open_stream(…) as run`")
        return self._delivery

    @property
    def _the_recovery(self) -> Recovery:
        if self._recovery is None:
            raise UsageError("the run is not open; use it with `async with engine.open_stream(…) as run`")
        return self._recovery


def _heard(error: Exception) -> Exception:
    """Return what a consumer hears as an error: two of a stranger's would end its loop as if the answer were whole.

    As Python does with a StopIteration that leaves a coroutine.
    """
    if not isinstance(error, trio.EndOfChannel | StopAsyncIteration):
        return error
    heard = RuntimeError(f"a planner or source of yours raised {type(error).__name__}")
    heard.__cause__ = error
    return heard
