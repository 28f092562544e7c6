"""Processes killed with SIGKILL, and not a character lost or said twice: twenty of them, a hundred under `deep`."""

from __future__ import annotations

from pathlib import Path

import pytest
import trio

import riverrun as rr
from riverrun.testing import RIVERS, WEATHER, Wire, open_loopback
from tests.crash.child import QUESTION, RUN_ID, policy_of, provider_at
from tests.crash.kills import EVENT_S, LEDGER, Case, Moment, Story, check, random_case, run_killed, tell_all

pytestmark = pytest.mark.crash

LIMIT_S = 120.0


async def stories_of(cases: list[Case], folder: Path) -> list[Story]:
    """Play cases; every one is checked, and what was wrong names its case."""

    with trio.fail_after(LIMIT_S):
        stories = await tell_all(cases, folder)
    for story in stories:
        try:
            check(story)
        except AssertionError as error:
            error.add_note(f"{story.case!r}\nstored {story.stored!r}\ntold {story.told!r}")
            raise
    return stories


@pytest.mark.parametrize("runs", [6, pytest.param(36, marks=pytest.mark.deep)])
async def test_runs_killed_at_random_are_finished_exactly(tmp_path: Path, runs: int) -> None:
    stories = await stories_of([random_case(seed) for seed in range(runs)], tmp_path)
    assert any(story.stored[0] for story in stories)
    assert any(story.shown[0].text for story in stories)


@pytest.mark.parametrize("runs", [6, pytest.param(24, marks=pytest.mark.deep)])
async def test_runs_that_store_first_are_killed_and_nothing_was_shown_that_is_not_stored(
    tmp_path: Path, runs: int
) -> None:
    stories = await stories_of([random_case(seed, before_delivery=True) for seed in range(runs)], tmp_path)
    assert runs < 24 or any(story.stored_calls[0] for story in stories)  # few are killed right behind a call


@pytest.mark.parametrize("runs", [2, pytest.param(8, marks=pytest.mark.deep)])
async def test_runs_killed_twice_in_a_row_are_finished_exactly(tmp_path: Path, runs: int) -> None:
    cases = [random_case(seed, kills=2, before_delivery=seed % 2 == 0) for seed in range(runs)]
    stories = await stories_of(cases, tmp_path)
    assert any(len(story.told) == 3 for story in stories)


@pytest.mark.parametrize("appends", [(1,), pytest.param((0, 2, 5), marks=pytest.mark.deep)], ids=str)
async def test_runs_killed_around_a_write_are_finished_exactly(tmp_path: Path, appends: tuple[int, ...]) -> None:
    await stories_of(
        [
            Case(wire, answer, (Moment(dies_at=moment),), before_delivery=answer is LEDGER)
            for wire, answer in ((Wire.ANTHROPIC, LEDGER), (Wire.OPENAI, RIVERS))
            for moment in [f"append {number} {side}" for number in appends for side in ("before", "after")]
        ],
        tmp_path,
    )


@pytest.mark.parametrize("wire", [Wire.ANTHROPIC, pytest.param(Wire.OPENAI, marks=pytest.mark.deep)])
async def test_runs_killed_between_the_last_write_and_the_delete_ask_nothing_again(tmp_path: Path, wire: Wire) -> None:
    moment = Moment(dies_at="delete before")
    cases = [
        Case(wire, answer, (moment,), before_delivery=first) for answer in (RIVERS, WEATHER) for first in (False, True)
    ]
    for story in await stories_of(cases, tmp_path):
        assert len(story.told) == 1
        assert story.shown[0].has("finished")
        assert story.result is not None
        assert len(story.result.tool_calls) == len(story.case.answer.calls)
        assert story.result.stop_reason in (rr.StopReason.END_TURN, rr.StopReason.TOOL_USE)


async def test_a_run_killed_right_after_the_delete_is_forgotten_and_asked_anew(tmp_path: Path) -> None:
    [story] = await stories_of([Case(Wire.ANTHROPIC, WEATHER, (Moment(dies_at="delete after"),))], tmp_path)
    assert story.stored == [""]
    assert story.told == ["", ""]


@pytest.mark.parametrize("wire", [Wire.ANTHROPIC, pytest.param(Wire.OPENAI, marks=pytest.mark.deep)])
@pytest.mark.parametrize("before_delivery", [False, True])
async def test_a_process_whose_run_is_taken_over_stops_writing(
    tmp_path: Path, wire: Wire, before_delivery: bool
) -> None:
    case, path, texts = Case(wire, RIVERS, (), before_delivery), tmp_path / "runs.db", []

    async def take_over(port: int) -> None:
        while not path.exists():  # noqa: ASYNC110 - another process makes it
            await trio.sleep(0.01)
        await trio.sleep(0.4)
        async with rr.SQLiteStore(path) as store:
            engine = rr.Engine(provider_at(wire.value, port), policy=policy_of(before_delivery=False), store=store)
            texts.append((await engine.complete(QUESTION, run_id=RUN_ID)).text)

    async with open_loopback(RIVERS, event_s=EVENT_S * 2) as server, trio.open_nursery() as nursery:
        nursery.start_soon(take_over, server.port)
        with trio.fail_after(LIMIT_S):
            shown = await run_killed(case, Moment(dies_at="never"), server.port, path)
        assert shown.has("store_error")
        assert RIVERS.text.startswith(shown.text)
    assert texts == [RIVERS.text]
