"""A suite of an application's own under pytest-trio, in virtual time and without a network: `pytest examples/suite`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import trio
from teller import Screen, plan, tell
from trio.testing import MockClock

import riverrun as rr
from riverrun.testing import RIVERS, Fault, Reset, Scenario, Silence

RESET = Reset()


@pytest.fixture
def engine_on() -> Callable[[Any], rr.Engine]:
    """The application's engine, on a network that a test wrote."""
    provider = rr.Anthropic("claude-sonnet-4-5", base_url="http://127.0.0.1:9")
    return lambda network: rr.Engine(provider, transport=network, planner=plan)


async def test_a_reset_is_not_seen_on_the_screen(scripted_provider, engine_on, autojump_clock: MockClock) -> None:
    network, screen = scripted_provider("anthropic", RIVERS, [12, RESET]), Screen()
    result = await tell(engine_on(network), screen)
    assert screen.text == result.text == RIVERS.text
    assert [str(attempt.cause) for attempt in result.attempts] == ["connection reset", "None"]


async def test_a_silence_of_ten_minutes_ends_after_one(scripted_provider, engine_on, autojump_clock: MockClock) -> None:
    network, screen = scripted_provider("anthropic", RIVERS, [12, Silence(600)]), Screen()
    await tell(engine_on(network), screen)
    assert screen.text == RIVERS.text
    assert 60 <= trio.current_time() < 70  # virtual seconds


async def test_a_provider_that_stays_away_is_one_error(scripted_provider, engine_on, autojump_clock: MockClock) -> None:
    network, screen = scripted_provider("anthropic", RIVERS, *[[12, RESET], [RESET], [RESET]]), Screen()
    with pytest.raises(rr.errors.StreamInterrupted) as caught:
        await tell(engine_on(network), screen)
    assert screen.text == caught.value.snapshot.text


async def test_a_reader_who_leaves_has_seen_the_beginning(
    scripted_provider, engine_on, autojump_clock: MockClock
) -> None:
    network, screen = scripted_provider("anthropic", RIVERS, [12, Silence(600)]), Screen()
    with trio.move_on_after(5):
        await tell(engine_on(network), screen)
    assert screen.text
    assert RIVERS.text.startswith(screen.text)


def test_my_plan_keeps_the_laws_over_a_reset(riverrun_simulation) -> None:
    riverrun_simulation(Scenario(faults=(Fault("reset", at=5),)), planner=plan)


@pytest.mark.parametrize("seed", range(20))
def test_my_plan_keeps_the_laws_whatever_goes_wrong(riverrun_simulation, seed: int) -> None:
    riverrun_simulation(seed, planner=plan)
