"""The simulated consumer: reads one event or many at a time, quickly or slowly, and interferes as the scenario says."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import Any

import trio

from ...core.events import (
    Event,
    Finished,
    Interrupted,
    Resumed,
    RetryScheduled,
    StreamReset,
    TextDelta,
    ToolCallCancel,
    ToolCallReady,
    ToolCallStart,
)
from ...run.run import Run, inside_of
from .coverage import note_act
from .scenario import Act
from .state import Book, Process

SWITCH_AT = 5
"""At which event a consumer that switches goes over to the other way of reading."""


_SAID: dict[type, Callable[[Any], str]] = {
    TextDelta: attrgetter("text"),
    Interrupted: lambda event: str(event.cause),
    RetryScheduled: lambda event: f"attempt {event.attempt} of {event.attempts_max}, in {event.delay_s:g} s",
    Resumed: lambda event: f"attempt {event.attempt}, by {event.continuation.value}, {event.seam.value}",
    StreamReset: lambda event: event.reason,
    ToolCallStart: lambda event: event.id,
    ToolCallReady: lambda event: event.call.id,
    ToolCallCancel: lambda event: event.id,
    Finished: lambda event: event.result.stop_reason.value,
}
"""What a story tells of an event beside its name."""


async def consume(book: Book, process: Process, run: Run) -> None:
    """Read a run to its end, or to where the consumer leaves. Raises what the run raises."""
    plan = book.scenario.consumer
    if process.number or plan.act is Act.NONE or plan.act_s is None:
        await _read(book, process, run)
        return
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_act_later, book, process, run, plan.act_s)
        try:
            await _read(book, process, run)
        except Exception as error:  # past the nursery, which would wrap it
            process.error = error
        nursery.cancel_scope.cancel()
    if process.error is not None:
        raise process.error


async def _act_later(book: Book, process: Process, run: Run, seconds: float) -> None:
    await trio.sleep(seconds)
    act(book, process, run)


async def _read(book: Book, process: Process, run: Run) -> None:
    plan = book.scenario.consumer
    many = plan.many
    while not _is_killed(process):
        try:
            if many:
                events: Sequence[Event] = await run.receive_many()
            else:
                events = (await run.receive() if plan.switches else await anext(run),)
        except (trio.EndOfChannel, StopAsyncIteration):
            break
        except trio.ClosedResourceError:
            if process.act is not Act.LEAVE:
                raise
            return
        if _is_killed(process):
            return
        if not _take_all(book, process, run, events):
            return
        if process.act is Act.LEAVE:
            return
        if plan.slow_s and process.act is Act.NONE:
            await trio.sleep(plan.slow_s)
        if plan.switches and process.observer.count >= SWITCH_AT:
            many = not plan.many
    process.settled_s = book.clock.now


def _is_killed(process: Process) -> bool:
    return process.handle is not None and process.handle.is_dead


def _take_all(book: Book, process: Process, run: Run, events: Sequence[Event]) -> bool:
    """Take events, and interfere where it is time to; False if the process was killed meanwhile."""
    observer, plan, entries, now = process.observer, book.scenario.consumer, book.entries, book.clock.now
    acts = plan.act is not Act.NONE and plan.act_s is None and not process.number
    for event in events:
        kind = type(event)
        entries.append((now, "got", kind.__name__, _SAID[kind](event) if kind in _SAID else ""))
        observer.take(event)
        if acts and process.act is Act.NONE and observer.count > plan.act_event:
            if plan.act_on in (None, kind.__name__):
                act(book, process, run)
            if _is_killed(process):
                return False
    return True


def act(book: Book, process: Process, run: Run) -> None:
    """Interfere, once; nothing may be asked from here on."""
    plan = book.scenario.consumer
    if process.act is not Act.NONE or process.settled_s is not None:
        return
    process.act, process.acted_s = plan.act, book.clock.now
    book.log("acted", plan.act)
    note_act(book, process, inside_of(run))
    book.model.closed_because = f"the consumer had said {plan.act.value}"
    match plan.act:
        case Act.CANCEL:
            run.cancel()
        case Act.PAUSE:
            run.pause()
        case Act.SCOPE:
            process.scope.cancel()
        case _:
            if plan.act_s is not None:  # from another task than the reader's
                process.act = Act.SCOPE
                process.scope.cancel()
