"""Claims about the middle of a call: an opening against a writer, and a cancel at each checkpoint.

Rules:
- A call of a store may be anywhere when another one comes, or when it is cancelled. Each place is tried: a task is let
  run so many steps, and trio's order of tasks is the seeded one of the claims.
- After a cancelled call the entry is there whole or not at all, the same call again is fine, and the store still works.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from itertools import product
from typing import TypeAlias

import trio

from ....core.errors import StoreError
from ....stores.store import CheckpointStore, OpenedJournal, StaleFence
from ...law import Law
from ..expectations import Broken, Claim, Reopen, expect

HEAD_STARTS = 4
"""By how many checkpoints the one or the other of two tasks is late: a call of a store has one to three."""

ROUNDS = 3
"""How often each head start is tried: the order of the tasks is drawn anew."""

STEPS_MAX = 24
"""At how many checkpoints of one call it is cancelled: a call that has more of them polls."""


# -- an opening against a writer ------------------------------------------------------------------------------------


async def _opened_under_a_writer(store: CheckpointStore, reopen: Reopen) -> None:
    await _race_all(store, store)


async def _opened_by_another_process(store: CheckpointStore, reopen: Reopen) -> None:
    other = reopen(store)
    if other is not store:
        await _race_all(store, other)


async def _race_all(store: CheckpointStore, other: CheckpointStore) -> None:
    starts = product(range(ROUNDS), range(HEAD_STARTS), range(HEAD_STARTS), (False, True))
    for number, (_, *late, deletes) in enumerate(starts):
        await _race(store, other, f"run {number}", late, deletes=deletes)


async def _race(store: CheckpointStore, other: CheckpointStore, run: str, late: list[int], *, deletes: bool) -> None:
    """Let a writer write on while another process opens its run; nothing of it may land after the opening has read."""
    late_writer, late_opening = late
    fence = (await store.open_journal(run)).fence
    await store.append(run, fence, 0, b"entry 0")
    taken = [b"entry 0"]
    read: list[OpenedJournal] = []

    async def write() -> None:
        await _checkpoints(late_writer)
        try:
            for sequence in (1, 2, 3):
                await store.append(run, fence, sequence, b"entry %d" % sequence)
                taken.append(b"entry %d" % sequence)
            if deletes:
                await store.delete(run, fence)
                taken.clear()
        except StaleFence:
            return

    async def open_again() -> None:
        await _checkpoints(late_opening)
        read.append(await other.open_journal(run))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(write)
        nursery.start_soon(open_again)
    await _judge_race(other, run, tuple(taken), read[0])


async def _judge_race(store: CheckpointStore, run: str, taken: tuple[bytes, ...], opened: OpenedJournal) -> None:
    read = opened.entries
    expect(read, taken, "a process opened a run while another wrote; beside the entries that were taken, it read")
    try:
        await store.append(run, opened.fence, len(read), b"the owner's")
    except StoreError as error:
        said = f"an opening beside a writer read {len(read)} entries, and then its own next one is refused"
        raise Broken(f"{said} by {type(error).__name__}: {error}"[:300]) from error
    held = (await store.open_journal(run)).entries
    expect(held, (*read, b"the owner's"), "after an opening beside a writer, and an entry of the new owner, it holds")


async def _checkpoints(count: int) -> None:
    for _ in range(count):
        await trio.lowlevel.checkpoint()


# -- a cancel in the middle -----------------------------------------------------------------------------------------


class _CancelAt(trio.abc.Instrument):
    """Cancels a scope when a task has run so many steps: when it waits for the so-manyth time."""

    def __init__(self, task: trio.lowlevel.Task, scope: trio.CancelScope, steps: int) -> None:
        self.left = steps
        self._task = task
        self._scope = scope

    def after_task_step(self, task: trio.lowlevel.Task) -> None:
        if task is self._task:
            self.left -= 1
            if self.left == 0:
                self._scope.cancel(reason="a claim about cancellation")


async def _cancel_at(steps: int, call: Awaitable[object]) -> bool:
    """Make a call that is cancelled at this checkpoint of it; returns whether it has so many."""
    scope = trio.CancelScope()
    instrument = _CancelAt(trio.lowlevel.current_task(), scope, steps)
    with scope:
        trio.lowlevel.add_instrument(instrument)
        try:
            await call
        finally:
            trio.lowlevel.remove_instrument(instrument)
    return instrument.left <= 0


_Cancelled: TypeAlias = Callable[[CheckpointStore, str, int, bool], Awaitable[bool]]


async def _cancel_append(store: CheckpointStore, run: str, steps: int, repeats: bool) -> bool:
    fence = (await store.open_journal(run)).fence
    await store.append(run, fence, 0, b"first")
    has_so_many = await _cancel_at(steps, store.append(run, fence, 1, b"second"))
    if repeats:
        await store.append(run, fence, 1, b"second")
    opened = await store.open_journal(run)
    if opened.entries not in ((b"first",), (b"first", b"second")):
        raise Broken(f"it holds {opened.entries!r}; expected the entry whole, or not at all")
    await store.append(run, opened.fence, 1, b"second")
    expect((await store.open_journal(run)).entries, (b"first", b"second"), "after the same again it holds")
    return has_so_many


async def _cancel_open(store: CheckpointStore, run: str, steps: int, repeats: bool) -> bool:
    before = (await store.open_journal(run)).fence
    await store.append(run, before, 0, b"first")
    has_so_many = await _cancel_at(steps, store.open_journal(run))
    opened = await store.open_journal(run)
    expect(opened.entries, (b"first",), "the next opening reads")
    if opened.fence <= before:
        raise Broken(f"the next opening has fence {opened.fence}; expected more than {before}")
    await store.append(run, opened.fence, 1, b"second")
    return has_so_many


async def _cancel_delete(store: CheckpointStore, run: str, steps: int, repeats: bool) -> bool:
    fence = (await store.open_journal(run)).fence
    await store.append(run, fence, 0, b"first")
    has_so_many = await _cancel_at(steps, store.delete(run, fence))
    if repeats:
        await store.delete(run, fence)
        expect(run in await store.list_runs(), False, "after the same again the run is listed:")
    opened = await store.open_journal(run)
    if opened.entries not in ((), (b"first",)) or (repeats and opened.entries):
        raise Broken(f"it holds {opened.entries!r}; expected the run whole, or gone")
    await store.append(run, opened.fence, len(opened.entries), b"next")
    return has_so_many


async def _cancelled_anywhere(store: CheckpointStore, reopen: Reopen) -> None:
    calls: dict[str, _Cancelled] = {"append": _cancel_append, "open_journal": _cancel_open, "delete": _cancel_delete}
    for (name, script), repeats in product(calls.items(), (False, True)):
        for steps in range(1, STEPS_MAX):
            if not await _works_after(store, name, script, steps, repeats=repeats):
                break


async def _works_after(store: CheckpointStore, name: str, script: _Cancelled, steps: int, *, repeats: bool) -> bool:
    at = f"after {name} was cancelled at checkpoint {steps} of it"
    try:
        return await script(store, f"{name} {steps} {repeats}", steps, repeats)
    except Broken as broken:  # also of a lock that was never given back: the next call waits for it
        raise Broken(f"{at}, {broken}") from None
    except StoreError as error:
        raise Broken(f"{at}, a legal call is refused: {type(error).__name__}: {error}"[:300]) from error


RACES = (
    Claim(Law.ANY_ORDER, "an opening reads all that was taken, and locks out what was not", _opened_under_a_writer),
    Claim(
        Law.ANY_ORDER, "so does an opening by another process, which has locks of its own", _opened_by_another_process
    ),
    Claim(
        Law.CANCEL, "a call that is cancelled anywhere is done or not done, and can be repeated", _cancelled_anywhere
    ),
)
"""All of them."""
