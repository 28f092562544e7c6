"""What goes back of reasoning: only what was signed under the prefix it goes back under, judged by a strict server."""

from __future__ import annotations

from typing import Any

import pytest
from attrs import evolve
from trio.testing import MockClock

import riverrun as rr
from riverrun import from_name
from riverrun.engine.core.stream_events import BlockStop, ReasoningDelta, ReasoningSignature, RedactedReasoning
from riverrun.engine.testing.network.http import ScriptedNetwork
from riverrun.engine.testing.network.strict_server import StrictServer
from riverrun.engine.testing.script.answers import RIVERS, WEATHER, Answer
from riverrun.engine.testing.wire.formats import Wire
from tests.engine.own_source import END, OwnSource, engine_of, say

CALLS = evolve(WEATHER, calls=tuple(evolve(call, id=f"call0000{at}") for at, call in enumerate(WEATHER.calls)))
LAST = Answer("last", "You are welcome.", reasoning="They thank me.")
TURNS = (CALLS, evolve(RIVERS, reasoning="Now the answer."), LAST)
ASKED = rr.InferenceRequest(
    [rr.Message.user("Does the ferry run?")],
    system="Be brief.",
    tools=[rr.Tool(call.name, "Look.", {"type": "object"}) for call in CALLS.calls],
)
MODELS = {
    "anthropic/claude-opus-5-5": Wire.ANTHROPIC,
    "openai-responses/gpt-5.2": Wire.RESPONSES,
    "gemini/gemini-3.6-flash": Wire.GEMINI,
    "gemini/gemini-3-pro": Wire.GEMINI,
    "gemini-interactions/gemini-3.6-flash": Wire.INTERACTIONS,
    "openrouter/anthropic/claude-sonnet-4.5": Wire.OPENAI,
    "openrouter/anthropic/claude-opus-4.6": Wire.OPENAI,
}
BREAKS: dict[str, list[int | None]] = {
    "never": [],
    "once": [6],
    "twice": [6, 3],
    "in both turns": [6, 3, None, 40],
    "behind the whole text": [10_000],
}


def server_for(model: str, breaks: str, **options: Any) -> StrictServer:
    wire = MODELS[model]
    return StrictServer(wire, TURNS, list(BREAKS[breaks]), has_details=wire is Wire.OPENAI, **options)


async def conversation(model: str, server: StrictServer) -> list[list[rr.Event]]:
    """Three turns: calls, their results, thanks. What the consumer saw of each."""

    async with ScriptedNetwork(server.answer).client() as client:
        provider = provider_of(model, client)
        messages, seen = ASKED.messages, []
        for _ in TURNS:
            async with rr.Engine(provider).open_stream(evolve(ASKED, messages=messages)) as run:
                seen.append([event async for event in run])
            messages = (*messages, run.result.to_message(), reply_to(run.result))
        return seen


def provider_of(model: str, client: Any) -> Any:
    path = "/v1" if MODELS[model] in (Wire.OPENAI, Wire.RESPONSES) else ""
    return from_name(model, api_key="k", base_url=f"http://127.0.0.1:9{path}", client=client)


def reply_to(result: rr.StreamResult) -> rr.Message:
    """The results of the calls, or thanks."""
    if not result.tool_calls:
        return rr.Message.user("Thanks!")
    return rr.Message.tool_results(*(rr.ToolResult(call.id, "4,20 m") for call in result.tool_calls))


def result_of(events: list[rr.Event]) -> rr.StreamResult:
    end = events[-1]
    assert isinstance(end, rr.Finished)
    return end.result


@pytest.mark.parametrize("hides", [False, True])
@pytest.mark.parametrize("breaks", BREAKS)
@pytest.mark.parametrize("model", MODELS)
async def test_a_strict_server_takes_back_every_turn_however_often_it_broke(
    model: str, breaks: str, hides: bool, autojump_clock: MockClock
) -> None:
    server = server_for(model, breaks, hides=hides)
    results = [result_of(events) for events in await conversation(model, server)]
    assert server.refused == []
    assert [result.text for result in results] == [turn.text for turn in TURNS]
    assert results[0].tool_calls == CALLS.calls
    assert sum(len(result.attempts) - 1 for result in results) == len([b for b in BREAKS[breaks] if b is not None])


@pytest.mark.parametrize("thinks_from", [2, 3])
@pytest.mark.parametrize("breaks", ["once", "twice", "in both turns"])
@pytest.mark.parametrize("model", MODELS)
async def test_nor_is_it_told_what_was_signed_while_an_answer_without_thoughts_went_on(
    model: str, breaks: str, thinks_from: int, autojump_clock: MockClock
) -> None:
    server = server_for(model, breaks, thinks_from=thinks_from)
    results = [result_of(events) for events in await conversation(model, server)]
    assert server.refused == []
    assert [result.text for result in results] == [turn.text for turn in TURNS]


@pytest.mark.parametrize("breaks", ["once", "twice", "in both turns"])
@pytest.mark.parametrize("model", MODELS)
async def test_an_answer_s_thoughts_are_told_once_however_often_it_is_gone_on_with(
    model: str, breaks: str, autojump_clock: MockClock
) -> None:
    seen = await conversation(model, server_for(model, breaks))
    for turn, events in zip(TURNS, seen, strict=True):
        told = "".join(event.text for event in events if isinstance(event, rr.ReasoningDelta))
        held = [block.text for block in result_of(events).blocks if isinstance(block, rr.ReasoningBlock)]
        assert told == "".join(held)
        assert told.count(turn.reasoning) == 1


@pytest.mark.parametrize("model", MODELS)
async def test_an_answer_that_another_process_goes_on_with_goes_back_likewise(
    model: str, autojump_clock: MockClock
) -> None:
    server, store = server_for(model, "never"), rr.MemoryStore()
    first, whole = await paused_and_resumed(model, server, store)
    assert (first.is_partial, whole.text, whole.tool_calls) == (True, CALLS.text, CALLS.calls)
    assert server.refused == []


async def paused_and_resumed(
    model: str, server: StrictServer, store: rr.MemoryStore
) -> tuple[rr.StreamResult, rr.StreamResult]:
    """Pause the first turn at its first word, go on with it in another engine, and send its results."""
    async with ScriptedNetwork(server.answer).client() as client:
        provider = provider_of(model, client)
        async with rr.Engine(provider, store=store).open_stream(ASKED, run_id="one") as run:
            async for event in run:
                if isinstance(event, rr.TextDelta):
                    run.pause()
        async with rr.Engine(provider, store=store).open_stream(ASKED, run_id="one") as resumed:
            async for _ in resumed:
                pass
        back = (*ASKED.messages, resumed.result.to_message(), reply_to(resumed.result))
        await rr.Engine(provider).complete(evolve(ASKED, messages=back))
        return run.result, resumed.result


async def test_a_thought_between_the_words_of_a_continuation_is_told_and_goes_back_unsigned(
    autojump_clock: MockClock,
) -> None:
    signed = [ReasoningDelta("Now."), ReasoningSignature("c2ln"), BlockStop()]
    source = OwnSource(say("The river "), [*say("runs "), *signed, RedactedReasoning("x"), *say("on."), END])
    result = await engine_of(source).complete(ASKED)
    thoughts = [block for block in result.blocks if isinstance(block, rr.ReasoningBlock)]
    assert (result.text, thoughts) == ("The river runs on.", [rr.ReasoningBlock("Now.", origin="own/m-1")])


async def test_what_a_whole_new_answer_signs_goes_back_signed(autojump_clock: MockClock) -> None:
    thought = [ReasoningDelta("Now."), ReasoningSignature("c2ln"), BlockStop()]
    source = OwnSource(say("The river "), [*thought, *say("It runs."), END], forms=())
    result = await engine_of(source).complete(ASKED)
    assert result.blocks[0] == rr.ReasoningBlock("Now.", "c2ln", origin="own/m-1")
