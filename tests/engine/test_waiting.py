"""One task waits and another wakes it."""

from __future__ import annotations

import pytest
import trio
import trio.testing
from trio.testing import MockClock

from riverrun.engine.parking import ParkingSpot


async def test_a_waiting_task_goes_on_when_it_is_woken() -> None:
    place = ParkingSpot()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(place.wait)
        await trio.testing.wait_all_tasks_blocked()
        assert place
        place.wake()
        assert not place


async def test_waking_nobody_is_not_remembered(autojump_clock: MockClock) -> None:
    place = ParkingSpot()
    place.wake()
    with trio.move_on_after(1) as scope:
        await place.wait()
    assert scope.cancelled_caught
    assert not place


async def test_a_second_task_is_told_that_the_place_is_taken() -> None:
    place = ParkingSpot()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(place.wait)
        await trio.testing.wait_all_tasks_blocked()
        with pytest.raises(trio.BusyResourceError, match="one task at a time"):
            await place.wait()
        place.wake()
