"""The mailbox: events cross in order, the reader waits for room, and everybody goes when it closes."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st
from trio.testing import wait_all_tasks_blocked

from riverrun.engine.core.events import Event, TextDelta
from riverrun.engine.run.mailbox import EVENTS_MAX, Mailbox


def filled(count: int, events_max: int = 4) -> Mailbox:
    mailbox = Mailbox(events_max)
    for number in range(count):
        mailbox.put(TextDelta(str(number)))
    return mailbox


async def is_waiting(nursery: trio.Nursery, wait: Callable[[], object]) -> Callable[[], bool]:
    """Start waiting; returns a question: does it still wait?"""
    done = trio.Event()

    async def task() -> None:
        await wait()  # type: ignore[misc]
        done.set()

    nursery.start_soon(task)
    await wait_all_tasks_blocked()
    return lambda: not done.is_set()


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 4))))
def test_everything_put_is_taken_once_and_in_order(steps: list[tuple[bool, int]]) -> None:
    mailbox, given_out, count = Mailbox(), list[Event](), 0
    for is_many, size in steps:
        events = [TextDelta(str(count + i)) for i in range(size)]
        count += size
        for part in [events] if is_many else [[event] for event in events]:
            mailbox.put_all(part)
        given_out += mailbox.take_all() if is_many else [mailbox.take() for _ in range(len(mailbox))]
    assert given_out == [TextDelta(str(i)) for i in range(count)]


def test_it_is_full_at_its_bound_and_takes_more_all_the_same() -> None:
    assert [filled(count).is_full for count in (3, 4, 5)] == [False, True, True]
    assert len(filled(9)) == 9
    assert Mailbox().events_max == EVENTS_MAX


def test_nothing_is_full_once_it_is_closed() -> None:
    mailbox = filled(9)
    mailbox.close()
    assert not mailbox.is_full


def test_taking_from_nothing_is_an_error() -> None:
    with pytest.raises(IndexError):
        Mailbox().take()
    assert Mailbox().take_all() == []


async def wait_for_half(mailbox: Mailbox) -> list[bool]:
    async with trio.open_nursery() as nursery:
        waits = await is_waiting(nursery, mailbox.wait_room)
        seen = [waits()]
        while mailbox:
            mailbox.take()
            await wait_all_tasks_blocked()
            seen.append(waits())
    return seen


async def test_the_reader_goes_on_when_half_was_taken_one_by_one() -> None:
    assert await wait_for_half(filled(5)) == [True, True, True, False, False, False]


async def test_the_reader_goes_on_when_all_was_taken_at_once() -> None:
    mailbox = filled(5)
    async with trio.open_nursery() as nursery:
        waits = await is_waiting(nursery, mailbox.wait_room)
        assert waits()
        mailbox.take_all()


async def test_a_reader_that_has_room_does_not_wait_and_does_not_even_yield() -> None:
    with trio.CancelScope() as scope:
        scope.cancel()
        await filled(3).wait_room()
    assert not scope.cancelled_caught


@pytest.mark.parametrize("put", [lambda box: box.put(TextDelta("x")), lambda box: box.put_all([TextDelta("x")])])
async def test_a_put_wakes_the_consumer(put: Callable[[Mailbox], None]) -> None:
    mailbox = Mailbox()
    async with trio.open_nursery() as nursery:
        waits = await is_waiting(nursery, mailbox.wait_events)
        assert waits()
        put(mailbox)


@pytest.mark.parametrize("mailbox", [filled(1), Mailbox()])
async def test_waiting_for_events_is_a_checkpoint_always_and_loses_none(mailbox: Mailbox) -> None:
    before = len(mailbox)
    with trio.CancelScope() as scope:
        scope.cancel()
        await mailbox.wait_events()
    assert scope.cancelled_caught
    assert len(mailbox) == before


async def test_closing_lets_everybody_go_and_leaves_what_is_there() -> None:
    mailbox, empty = filled(4), Mailbox()
    async with trio.open_nursery() as nursery:
        await is_waiting(nursery, mailbox.wait_room)
        await is_waiting(nursery, empty.wait_events)
        mailbox.close()
        empty.close()
    assert len(mailbox) == 4


@pytest.mark.parametrize(
    ("act", "emptied"),
    [
        (lambda box: [box.take() for _ in range(3)], True),
        (lambda box: box.take_all(), True),
        (lambda box: box.leave(), False),
        (lambda box: (box.take(), box.leave()), False),
        (lambda box: (box.take_all(), box.leave()), True),
    ],
)
async def test_after_closing_it_is_known_whether_the_consumer_took_everything(
    act: Callable[[Mailbox], object], emptied: bool
) -> None:
    async def main() -> bool:
        mailbox = filled(3)
        mailbox.close()
        with trio.fail_after(1):
            async with trio.open_nursery() as nursery:
                waits = await is_waiting(nursery, mailbox.wait_emptied)
                assert waits()
                act(mailbox)
            return await mailbox.wait_emptied()

    assert await main() is emptied
