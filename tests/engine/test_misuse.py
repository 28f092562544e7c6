"""What a caller gets wrong is told at the call: what was seen, what was expected, and nothing is asked or stored."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
from trio.testing import MockClock

import riverrun as rr
from riverrun.engine.core.request import require_encodable
from tests.engine.own_source import ASK, END, OwnSource, engine_of, say

HALF = "half \ud83d of it"


class NoStore:
    """Some of a store."""

    async def open_journal(self, run_id: str) -> None:
        raise AssertionError("never asked")


@pytest.mark.parametrize(
    ("arguments", "seen"),
    [
        ({"store": "runs.db"}, r"store is 'runs\.db'; expected an object with open_journal, append"),
        ({"store": rr.SQLiteStore}, r"store is the class SQLiteStore; .* such as SQLiteStore\('runs\.db'\)"),
        ({"store": object()}, "store is a object; expected"),
        ({"store": NoStore()}, "store is a NoStore; expected an object with"),
        ({"planner": None}, "planner is None; expected a function"),
        ({"chance": 0.5}, "chance is 0.5; expected a function"),
        ({"wall_clock": 0}, "wall_clock is 0; expected a function"),
        ({"policy": 5}, r"policy is 5; expected a Policy\(…\)"),
        ({"policy": rr.RetryPolicy()}, r"policy is a RetryPolicy; expected a Policy\(…\)"),
    ],
)
def test_an_engine_of_parts_that_are_none_is_refused_when_it_is_made(arguments: dict[str, Any], seen: str) -> None:
    with pytest.raises(rr.UsageError, match=seen):
        rr.Engine(OwnSource(), **arguments)


STARTS: list[Callable[..., Any]] = [
    lambda engine, request, **more: engine.open_stream(request, **more).__aenter__(),
    lambda engine, request, **more: engine.complete(request, **more),
]


@pytest.mark.parametrize("start", STARTS, ids=["open_stream", "complete"])
@pytest.mark.parametrize(
    ("request_", "run_id", "seen"),
    [
        ("hi", None, r"request is 'hi'; expected an InferenceRequest\("),
        ([rr.Message.user("hi")], None, "request is a list; expected an InferenceRequest"),
        (ASK, 42, r"run_id is 42; expected text that is not empty, or None: str\(…\)"),
        (ASK, UUID(int=1), "run_id is a UUID; expected text"),
        (ASK, "", "run_id is ''; expected text that is not empty"),
    ],
)
async def test_a_run_of_what_is_none_is_refused_and_nothing_is_asked_or_stored(
    start: Callable[..., Any], request_: object, run_id: object, seen: str, autojump_clock: MockClock
) -> None:
    source, store = OwnSource(), rr.MemoryStore()
    with pytest.raises(rr.UsageError, match=seen):
        await start(engine_of(source, store=store), request_, run_id=run_id)
    assert (source.attempts, await store.list_runs()) == (0, ())


@pytest.mark.parametrize("shown", [-1, 1.5, True, "3", None])
def test_what_was_shown_is_a_whole_number_of_characters(shown: Any) -> None:
    with pytest.raises(rr.UsageError, match=r"deliver_from is .*; expected the number of characters"):
        engine_of(OwnSource()).open_stream(ASK, deliver_from=shown)


@pytest.mark.parametrize(
    ("request_", "where"),
    [
        (rr.InferenceRequest(rr.Message.user(HALF)), r"messages\[0\]\.content\[0\]"),
        (rr.InferenceRequest(rr.Message.user("é", HALF)), r"messages\[0\]\.content\[1\]"),
        (rr.InferenceRequest(ASK.messages, system=["é", HALF]), r"system\[1\]"),
        (
            rr.InferenceRequest([*ASK.messages, rr.Message.tool_results(rr.ToolResult("1", HALF))]),
            r"messages\[1\]\.content\[0\]",
        ),
        (
            rr.InferenceRequest(rr.Message.tool_results(rr.ToolResult("1", (rr.TextBlock(HALF),)))),
            r"messages\[0\]\.content\[0\]",
        ),
    ],
)
def test_half_a_character_of_the_user_s_is_refused_with_its_place(request_: rr.InferenceRequest, where: str) -> None:
    with pytest.raises(rr.UsageError, match=where + r" holds the lone surrogate '\\ud83d' at character 5; expected"):
        engine_of(OwnSource()).open_stream(request_)


def test_half_a_character_of_the_model_s_may_be_sent_back() -> None:
    spoken = rr.Message.assistant(HALF, rr.ToolCall("1", "look", {"a": HALF}))
    require_encodable(rr.InferenceRequest([*ASK.messages, spoken, rr.Message.user("😀 and on")]))


async def test_half_a_character_of_the_model_s_breaks_no_continuation(autojump_clock: MockClock) -> None:
    source = OwnSource(say(HALF), [*say("b"), END])
    result = await engine_of(source).complete(ASK)
    assert (result.text, source.asked[1][0].messages[-1]) == (HALF + "b", rr.Message.assistant(HALF))


@pytest.mark.parametrize("start", [*STARTS, lambda engine, _request: engine.__aenter__()])
def test_outside_trio_a_run_is_refused_with_what_it_needs(start: Callable[..., Any]) -> None:
    source = OwnSource()

    async def main() -> None:
        with pytest.raises(
            rr.UsageError, match=r"outside trio \(under asyncio\?\); expected to be in a task of trio's"
        ):
            await start(engine_of(source), ASK)

    asyncio.run(main())
    assert source.attempts == 0
