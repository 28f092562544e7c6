"""What the caller holds of a run: a `trio.abc.ReceiveChannel` of events, and the answer once it has ended.

Beside the caller's task, one asks and reads, one watches the clocks, and one writes the journal if there is a store
(`running`). All live in the nursery of the `async with` block: nothing of a run outlives it.
"""

from __future__ import annotations

import trio
from attrs import frozen

from ..core.errors import UsageError
from ..core.events import Event
from ..core.result import AttemptRecord, StreamResult
from ..core.run_rules import Ending
from ..core.run_state import RunState
from ..core.snapshot import InterruptSnapshot
from .control import RunControl
from .delivery import Delivery
from .loop import RunLoop
from .mailbox import Mailbox

EVENTS_A_TURN = 8
"""How many events that are ready `async for` gives before other tasks get a turn."""


@frozen
class RunInside:
    """What a run holds that its caller has no use for: the testing kit's oracles look at it, and change nothing.

    Attributes:
        mailbox: the events on their way to the consumer.
        text: what the run holds as text. At a fifth of the price of a snapshot.
        has_ended: whether its end is known.
        seam_holds_text: whether text is held back until the seam is decided.
    """

    mailbox: Mailbox
    text: str
    has_ended: bool
    seam_holds_text: bool


class Run(trio.abc.ReceiveChannel[Event]):
    """One answer under way. Iterate it for events; leave its block when you have seen enough.

    Made by `Engine.open_stream`, and used by one task at a time. Text, reasoning and tool events are never dropped: the
    reader waits for the consumer. After the last event the iteration ends; if the run failed, it raises one concrete
    exception there (an `InferenceError`, or what a plugged-in source or planner raised; its `EndOfChannel` or
    `StopAsyncIteration` is the cause of a `RuntimeError`, for alone it would look like the end).
    """

    def __init__(self, run_id: str, state: RunState, delivery: Delivery, control: RunControl, loop: RunLoop) -> None:
        self.run_id = run_id
        self._state = state
        self._delivery = delivery
        self._control = control
        self._loop = loop
        self._mailbox = delivery.mailbox
        self._taken = 0

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
        if self._mailbox.is_left:
            raise trio.ClosedResourceError

    def _check_ready(self) -> None:
        self._check_open()
        if not self._mailbox:
            if self._control.error is not None:
                raise self._control.error
            raise trio.EndOfChannel

    async def __anext__(self) -> Event:
        """Give the next event of `async for`; see `receive`.

        A cancel point on every call; other tasks get their turn at least every `EVENTS_A_TURN` events, and whenever
        there is nothing to give. A turn costs 5 µs, which is more than all the rest of an event (benchmarks/README.md);
        for the same reason this is written out: the coroutines around it were 1.5 µs more (CPython 3.11).
        """
        mailbox = self._mailbox
        if mailbox and not mailbox.is_left:
            self._taken = taken = self._taken + 1
            if taken % EVENTS_A_TURN:
                await trio.lowlevel.checkpoint_if_cancelled()
            else:
                await trio.lowlevel.checkpoint()
        else:
            self._check_open()
            await mailbox.wait_events()
        if not mailbox or mailbox.is_left:
            while not (mailbox or mailbox.is_closed or mailbox.is_left):  # another task took what there was
                await mailbox.wait_events()
            try:
                self._check_ready()
            except trio.EndOfChannel:
                raise StopAsyncIteration from None
        return mailbox.take()

    async def aclose(self) -> None:
        """Stop the run and take no more events. What was received is kept in the checkpoint. A checkpoint."""
        self._mailbox.leave()
        self._control.end(Ending.LEFT)
        await trio.lowlevel.checkpoint()

    # -- ending ---------------------------------------------------------------------------------------------------

    def cancel(self) -> None:
        """End the run at the next checkpoint, in whatever phase it is; the partial answer is its result.

        Events already received from the provider are still handed over, then `Finished` with stop reason `CANCELLED`.
        The checkpoint is kept. Idempotent; cancel overrides an earlier `pause`.
        """
        self._control.end(Ending.CANCEL)

    def pause(self) -> None:
        """End the run like `cancel`, with stop reason `PAUSED`: open the same run id later to go on."""
        self._control.end(Ending.PAUSE)

    # -- reading --------------------------------------------------------------------------------------------------

    @property
    def result(self) -> StreamResult:
        """The whole answer and its story, once the run has ended (also cancelled, paused, or left early).

        Raises:
            UsageError: the run is still going; read it after the block, or use `snapshot()`.
            InferenceError: the run failed; the error's `snapshot` holds what was said.
        """
        if self._control.error is not None:
            raise self._control.error
        if self._control.result is None:
            raise UsageError("the run has not ended; read result after its block, or take snapshot() meanwhile")
        return self._control.result

    def snapshot(self) -> InterruptSnapshot:
        """Freeze what the run holds at this moment. Cost: linear in all of it."""
        return self._state.accumulator.snapshot()

    @property
    def attempts(self) -> tuple[AttemptRecord, ...]:
        """The story so far: one record for each attempt that has ended."""
        return self._state.records

    def _inside(self) -> RunInside:
        control = self._control
        has_ended = control.result is not None or control.error is not None
        return RunInside(self._mailbox, self._state.accumulator.text, has_ended, self._loop.seam_holds_text)

    @property
    def checkpoint_failures(self) -> int:
        """How many writes to the store have failed so far; the stream did not wait for them."""
        return self._delivery.checkpoint_failures


def inside_of(run: Run) -> RunInside:
    """Look into a run. Cost: linear in its text."""
    return run._inside()  # pyright: ignore[reportPrivateUsage]  # a name of Run's would be offered to every caller
