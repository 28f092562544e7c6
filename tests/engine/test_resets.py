"""What is taken back is stored before it is shown: of two versions of an answer, a length does not say which."""

from __future__ import annotations

from typing import Any

import pytest
import trio
from trio.testing import MockClock

import riverrun as rr
from riverrun.engine.core.journal import AnswerReset
from riverrun.engine.testing.network.script import Silence
from tests.engine.own_source import ASK, END, OwnSource, engine_of, say
from tests.engine.stores import WatchedStore


def restarting(store: WatchedStore) -> rr.Engine:
    """An engine whose model breaks off and, asked again, says something else."""
    return engine_of(OwnSource(say("AAAA one answer."), [*say("bbbb ", "another."), END], forms=()), store=store)


async def test_a_reset_is_stored_before_it_is_shown(autojump_clock: MockClock) -> None:
    store = WatchedStore()
    stored: list[bool] = []

    async def main() -> str:
        async with restarting(store).open_stream(ASK, run_id="run") as run:
            async for event in run:
                if isinstance(event, rr.StreamReset):
                    stored.append(any(isinstance(item, AnswerReset) for item in store.items))
            return run.result.text

    assert (await main(), stored) == ("bbbb another.", [True])


@pytest.mark.parametrize(("failing", "waited_s"), [("hang", rr.CheckpointPolicy().write_s), (OSError("no disk"), 0.0)])
async def test_a_store_that_fails_puts_a_reset_off_by_its_deadline_and_no_more(
    failing: Any, waited_s: float, autojump_clock: MockClock
) -> None:
    store = WatchedStore(failing=failing)

    async with restarting(store).open_stream(ASK, run_id="run") as run:
        async for event in run:
            if isinstance(event, rr.Interrupted):
                began = trio.current_time()
            if isinstance(event, rr.StreamReset):
                took_s = trio.current_time() - began
    text, took_s = run.result.text, took_s
    assert text == "bbbb another."
    assert waited_s <= took_s <= 2 * waited_s


async def test_an_end_right_after_a_reset_is_told_when_both_are_stored(autojump_clock: MockClock) -> None:
    store = WatchedStore()

    source = OwnSource(say("AAAA one answer."), [*say("bbbb "), Silence()], forms=())
    async with engine_of(source, store=store).open_stream(ASK, run_id="run") as run:
        async for event in run:
            if isinstance(event, rr.Interrupted):
                run.cancel()
    assert (run.result.is_partial, store.text) == (True, "")
