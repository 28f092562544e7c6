"""A hundred processes killed with SIGKILL, and not a character lost or said twice."""

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


def stories_of(cases: list[Case], folder: Path) -> list[Story]:
    """Play cases; every one is checked, and what was wrong names its case."""

    async def main() -> list[Story]:
        with trio.fail_after(LIMIT_S):
            return await tell_all(cases, folder)
        raise AssertionError  # fail_after raises

    stories = trio.run(main)
    for story in stories:
        try:
            check(story)
        except AssertionError as error:
            error.add_note(f"{story.case!r}\nstored {story.stored!r}\ntold {story.told!r}")
            raise
    return stories


def test_36_runs_killed_at_random_are_finished_exactly(tmp_path: Path) -> None:
    stories = stories_of([random_case(seed) for seed in range(36)], tmp_path)
    assert any(story.stored[0] for story in stories)
    assert any(story.shown[0].text for story in stories)


def test_24_runs_that_store_first_are_killed_and_nothing_was_shown_that_is_not_stored(tmp_path: Path) -> None:
    stories = stories_of([random_case(seed, before_delivery=True) for seed in range(24)], tmp_path)
    assert any(story.stored_calls[0] for story in stories)


def test_8_runs_killed_twice_in_a_row_are_finished_exactly(tmp_path: Path) -> None:
    cases = [random_case(seed, kills=2, before_delivery=seed % 2 == 0) for seed in range(8)]
    stories = stories_of(cases, tmp_path)
    assert any(len(story.told) == 3 for story in stories)


APPENDS = [f"append {number} {side}" for number in (0, 1, 2, 5) for side in ("before", "after")]


def test_16_runs_killed_around_a_write_are_finished_exactly(tmp_path: Path) -> None:
    stories_of(
        [
            Case(wire, answer, (Moment(dies_at=moment),), before_delivery=answer is LEDGER)
            for wire, answer in ((Wire.ANTHROPIC, LEDGER), (Wire.OPENAI, RIVERS))
            for moment in APPENDS
        ],
        tmp_path,
    )


def test_8_runs_killed_between_the_last_write_and_the_delete_ask_nothing_again(tmp_path: Path) -> None:
    moment = Moment(dies_at="delete before")
    cases = [
        Case(wire, answer, (moment,), before_delivery=first)
        for wire in (Wire.ANTHROPIC, Wire.OPENAI)
        for answer in (RIVERS, WEATHER)
        for first in (False, True)
    ]
    for story in stories_of(cases, tmp_path):
        assert len(story.told) == 1
        assert story.shown[0].has("finished")
        assert story.result is not None
        assert len(story.result.tool_calls) == len(story.case.answer.calls)
        assert story.result.stop_reason in (rr.StopReason.END_TURN, rr.StopReason.TOOL_USE)


def test_a_run_killed_right_after_the_delete_is_forgotten_and_asked_anew(tmp_path: Path) -> None:
    [story] = stories_of([Case(Wire.ANTHROPIC, WEATHER, (Moment(dies_at="delete after"),))], tmp_path)
    assert story.stored == [""]
    assert story.told == ["", ""]


@pytest.mark.parametrize("wire", [Wire.ANTHROPIC, Wire.OPENAI])
@pytest.mark.parametrize("before_delivery", [False, True])
def test_a_process_whose_run_is_taken_over_stops_writing(tmp_path: Path, wire: Wire, before_delivery: bool) -> None:
    case, path, texts = Case(wire, RIVERS, (), before_delivery), tmp_path / "runs.db", []

    async def take_over(port: int) -> None:
        while not path.exists():  # noqa: ASYNC110 - another process makes it
            await trio.sleep(0.01)
        await trio.sleep(0.4)
        async with rr.SQLiteStore(path) as store:
            engine = rr.Engine(provider_at(wire.value, port), policy=policy_of(before_delivery=False), store=store)
            texts.append((await engine.complete(QUESTION, run_id=RUN_ID)).text)

    async def main() -> None:
        async with open_loopback(RIVERS, event_s=EVENT_S * 2) as server, trio.open_nursery() as nursery:
            nursery.start_soon(take_over, server.port)
            with trio.fail_after(LIMIT_S):
                shown = await run_killed(case, Moment(dies_at="never"), server.port, path)
            assert shown.has("store_error")
            assert RIVERS.text.startswith(shown.text)

    trio.run(main)
    assert texts == [RIVERS.text]
