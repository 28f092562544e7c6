"""What the simulator's clock takes of trio's private parts is there, does what it is taken for, and is put back."""

from __future__ import annotations

import random

import trio
from trio._core import _run as scheduler
from trio.testing import MockClock

from riverrun.engine.testing.simulator.clock import JumpingClock, innermost_scope, order_tasks_by, seeded_order


def order_of_tasks(seed: int) -> list[int]:
    """In which order five tasks that are ready take their turns."""
    taken: list[int] = []

    async def take(number: int) -> None:
        await trio.lowlevel.checkpoint()
        taken.append(number)

    async def main() -> None:
        order_tasks_by(random.Random(seed).random)
        async with trio.open_nursery() as nursery:
            for number in range(5):
                nursery.start_soon(take, number)

    clock = JumpingClock(lambda _why: None)  # trio has nothing to run before it begins, either
    with seeded_order(clock):
        trio.run(main, clock=clock)
    return taken


def test_the_order_of_tasks_is_drawn_from_the_seed() -> None:
    assert order_of_tasks(1) == order_of_tasks(1)
    assert len({tuple(order_of_tasks(seed)) for seed in range(10)}) > 5


def test_the_scheduler_is_what_it_was_when_the_block_is_left() -> None:
    before = scheduler._ALLOW_DETERMINISTIC_SCHEDULING, scheduler._r
    with seeded_order():
        assert scheduler._r is not before[1]
    assert (scheduler._ALLOW_DETERMINISTIC_SCHEDULING, scheduler._r) == before


async def sleep_for_an_hour() -> None:
    await trio.sleep(3600)


async def test_the_innermost_scope_of_a_task_that_sleeps_is_that_of_its_sleep(mock_clock: MockClock) -> None:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(sleep_for_an_hour)
        await trio.testing.wait_all_tasks_blocked()
        (sleeper,) = nursery.child_tasks
        innermost_scope(sleeper).deadline = trio.current_time()
    assert trio.current_time() == 0.0
