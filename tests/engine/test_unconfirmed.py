"""Bodies without a finish reason, and answers that a loop of tools has to survive, over a scripted network."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
import trio
from attrs import evolve
from trio.testing import MockClock

import riverrun as rr
from riverrun.engine.core.capabilities import ContinuationForm
from riverrun.engine.testing.network.http import ScriptedNetwork
from riverrun.engine.testing.network.script import SentRequest, Step, response
from riverrun.engine.testing.network.transport import Script, ScriptedTransport
from tests.engine.own_source import ASK, END, OwnSource, engine_of, say
from tests.providers import openai_responses_samples as responses
from tests.providers.samples import call, chunk, sse

HALF, REST = chunk({"content": "The Rhine"}), chunk({"content": " rises."})
DONE = "[DONE]"


async def ask(*bodies: bytes, questions: int = 1, **options: Any) -> tuple[list[rr.StreamResult], int]:
    """Ask so often; each request is answered with the next body, each of which ends in order."""
    answers = iter(bodies)

    def script(_: SentRequest) -> Iterator[Step]:
        return iter(response([next(answers)], headers={"content-type": "text/event-stream"}))

    network = ScriptedNetwork(script)
    async with network.client() as client:
        engine = rr.Engine(rr.VLLM("m", base_url="http://127.0.0.1:9/v1", client=client, **options))
        results = [await engine.complete(ASK) for _ in range(questions)]
    return results, network.requests_taken


async def test_law_2_a_body_without_a_finish_reason_is_asked_about_once(autojump_clock: MockClock) -> None:
    (result,), requests = await ask(sse(HALF), sse())
    assert (result.text, result.stop_reason, result.stop_word, requests) == (
        "The Rhine", rr.StopReason.OTHER, None, 2,
    )  # fmt: skip
    assert result.is_unconfirmed


async def test_a_body_that_was_cut_in_order_is_continued(autojump_clock: MockClock) -> None:
    (result,), requests = await ask(sse(HALF), sse(REST, chunk({}, "stop"), DONE))
    assert (result.text, result.stop_reason, requests) == ("The Rhine rises.", rr.StopReason.END_TURN, 2)
    assert not result.is_unconfirmed


async def test_the_mark_without_a_word_is_no_more_than_an_end_in_order(autojump_clock: MockClock) -> None:
    (result,), requests = await ask(sse(HALF, DONE), sse(DONE))
    assert (result.text, result.stop_reason, requests) == ("The Rhine", rr.StopReason.OTHER, 2)


async def test_half_a_frame_at_the_end_is_a_cut_however_often(autojump_clock: MockClock) -> None:
    half = sse(HALF) + b'data: {"choices":[{"delta":{"content":" ri'
    (result,), requests = await ask(half, half[: -len(" ri")], sse(chunk({}, "stop"), DONE))
    assert requests == 3
    assert result.stop_reason is rr.StopReason.END_TURN


async def test_the_engine_remembers_a_server_that_gives_no_reason_and_forgets_it(autojump_clock: MockClock) -> None:
    told = sse(HALF, chunk({}, "stop"), DONE)
    results, requests = await ask(sse(HALF), sse(), sse(HALF), told, sse(HALF), sse(), questions=4)
    assert [str(result.stop_reason) for result in results] == ["other", "other", "end_turn", "other"]
    assert [len(result.attempts) for result in results] == [2, 1, 1, 2]
    assert requests == 6


async def test_a_server_that_is_declared_to_give_no_reason_is_paid_once(autojump_clock: MockClock) -> None:
    (result,), requests = await ask(sse(HALF), ends_without_finish=True)
    assert (result.text, result.stop_reason, requests) == ("The Rhine", rr.StopReason.OTHER, 1)


async def test_reasoning_only_that_ended_in_order_is_handed_over_paid_once(autojump_clock: MockClock) -> None:
    (result,), requests = await ask(sse(chunk({"reasoning_content": "9.9 is more."}), chunk({}, "stop"), DONE))
    assert (result.text, result.stop_reason, requests) == ("", rr.StopReason.END_TURN, 1)
    assert result.to_message().content


# -- a loop of tools ---------------------------------------------------------------------------------------------------

LOOK = chunk(call('{"city":"Köln"}', call_id="a", name="look"))
NEXT = chunk(call('{"city":"K', index=1, call_id="b", name="look"))


@pytest.mark.parametrize(
    ("said", "needs_tools"),
    [
        ([LOOK, chunk({}, "tool_calls")], True),
        ([LOOK, chunk({}, "stop")], True),
        ([LOOK, NEXT, chunk({}, "length")], True),
        ([LOOK, DONE], True),
        ([LOOK, NEXT, chunk({}, "content_filter")], False),
        ([HALF, NEXT, chunk({}, "tool_calls")], False),
        ([NEXT, chunk({}, "length")], False),
        ([chunk({}, "content_filter")], False),
        ([HALF, chunk({}, "stop")], False),
    ],
)
async def test_needs_tools_is_the_one_question_and_the_loop_survives_every_answer(
    said: list[Any], needs_tools: bool, autojump_clock: MockClock
) -> None:
    (result,), _ = await ask(sse(*said, *([] if DONE in said else [DONE])))
    assert result.needs_tools is needs_tools
    assert bool(result.tool_calls) or not result.needs_tools
    if result.needs_tools:
        results = [rr.ToolResult(made.id, "sunny") for made in result.tool_calls]
        turns = [*ASK.messages, result.to_message(), rr.Message.tool_results(*results)]
        body = rr.VLLM("m").encode(rr.InferenceRequest(turns)).body
        assert len(json.loads(body)["messages"]) == 2 + len(results)


async def test_a_repetition_that_ends_without_a_word_was_cut_in_it(autojump_clock: MockClock) -> None:
    said = "brook delta, flood and grove, heron or inlet, "
    scripts = [*say(said), trio.BrokenResourceError("cut")], say("flood and grove"), [*say("jetty"), END]
    source = OwnSource(*scripts, forms=[ContinuationForm.QUOTE])
    result = await engine_of(source).complete(ASK)
    assert (result.text, result.stop_reason) == (said + "jetty", rr.StopReason.END_TURN)
    assert result.attempts[1].cause == rr.causes.PrematureEnd()


@pytest.mark.parametrize("repeats", ["flood and grove", "brook delta, flood", "heron or inlet, "])
async def test_a_continuation_that_only_repeats_ends_the_answer_unconfirmed_in_two_requests(
    repeats: str, autojump_clock: MockClock
) -> None:
    said = "brook delta, flood and grove, heron or inlet, "
    source = OwnSource(say(said), *[say(repeats)] * 9, forms=[ContinuationForm.QUOTE])
    result = await engine_of(source).complete(ASK)
    assert (result.text, result.stop_reason, len(result.attempts)) == (said, rr.StopReason.OTHER, 2)
    assert result.is_unconfirmed


async def test_words_said_before_are_new_where_the_model_ends_without_a_word(autojump_clock: MockClock) -> None:
    said = "brook delta, flood and grove, heron or inlet, "
    source = OwnSource([*say(said), trio.BrokenResourceError("cut")], say("flood"), forms=[ContinuationForm.QUOTE])
    source.declared = evolve(source.declared, ends_without_finish=True)
    result = await engine_of(source).complete(ASK)
    assert (result.text, result.stop_reason) == (said + "flood", rr.StopReason.OTHER)


# -- Responses, which has no stop reason before its trailer ------------------------------------------------------------


def message(number: int, text: str) -> list[dict[str, Any]]:
    return [responses.added(number), responses.text(number, text), responses.message_done(number, text)]


async def ask_responses(*bodies: bytes) -> tuple[rr.StreamResult, int]:
    left = list(bodies)
    transport = ScriptedTransport(lambda _: Script([left.pop(0)]))
    provider = rr.OpenAIResponses("gpt-5", api_key="k" * 20, base_url="https://api.example")
    return await rr.Engine(provider, transport=transport).complete(ASK), len(bodies) - len(left)


async def test_a_response_cut_between_two_messages_is_continued(autojump_clock: MockClock) -> None:
    rest = sse(responses.CREATED, *message(0, " rises."), responses.ended("completed"))
    result, requests = await ask_responses(sse(responses.CREATED, *message(0, "The Rhine")), rest)
    assert (result.text, result.stop_reason, requests) == ("The Rhine rises.", rr.StopReason.END_TURN, 2)


async def test_a_response_without_its_trailer_is_asked_about_once(autojump_clock: MockClock) -> None:
    whole = sse(responses.CREATED, *message(0, "The Rhine rises."))
    result, requests = await ask_responses(whole, sse(responses.CREATED))
    assert (result.text, result.stop_reason, requests) == ("The Rhine rises.", rr.StopReason.OTHER, 2)
    assert result.is_unconfirmed
