"""What servers of Chat Completions want back beside a turn with calls: it goes back as it came, and to nobody else."""

from __future__ import annotations

import json
from typing import Any

import pytest
from attrs import evolve
from trio.testing import MockClock

import riverrun as rr
from riverrun.engine.core.codec import from_json, to_json
from riverrun.engine.core.messages import OpaqueBlock
from riverrun.engine.core.policy import Limits
from riverrun.engine.testing.network.http import ScriptedNetwork
from riverrun.engine.testing.network.strict_seals import Seals, Wants
from riverrun.engine.testing.network.strict_server import StrictServer
from riverrun.engine.testing.wire.formats import Wire
from tests.engine.test_replayed_thoughts import ASKED, BREAKS, CALLS, TURNS, reply_to
from tests.providers.fold import decode, fold
from tests.providers.samples import chunk, sse

HERE = "http://127.0.0.1:9/v1"
KEY = "k"
MODELS = ("some-model", "kimi-k2.5")


async def conversation(server: StrictServer, model: str) -> list[rr.StreamResult]:
    """Three turns: calls, their results, thanks."""
    async with ScriptedNetwork(server.answer).client() as client:
        engine = rr.Engine(rr.OpenAIChat(model, api_key=KEY, base_url=HERE, client=client))
        messages, results = ASKED.messages, list[rr.StreamResult]()
        for _ in TURNS:
            results.append(await engine.complete(evolve(ASKED, messages=messages)))
            messages = (*messages, results[-1].to_message(), reply_to(results[-1]))
        return results


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("breaks", BREAKS)
@pytest.mark.parametrize("wants", Wants)
async def test_what_a_server_wants_back_goes_back_however_often_the_answer_broke(
    wants: Wants, breaks: str, model: str, autojump_clock: MockClock
) -> None:
    server = StrictServer(Wire.OPENAI, TURNS, list(BREAKS[breaks]), wants=wants)
    results = await conversation(server, model)
    assert server.refused == []
    assert [result.text for result in results] == [turn.text for turn in TURNS]
    assert results[0].tool_calls == CALLS.calls


@pytest.mark.parametrize("wants", Wants)
async def test_a_stored_turn_goes_back_likewise(wants: Wants, autojump_clock: MockClock) -> None:
    server = StrictServer(Wire.OPENAI, TURNS, wants=wants)
    async with ScriptedNetwork(server.answer).client() as client:
        engine = rr.Engine(rr.OpenAIChat("some-model", api_key=KEY, base_url=HERE, client=client))
        first = await engine.complete(ASKED)
        stored = from_json(to_json(first.to_message()), rr.Message)
        await engine.complete(evolve(ASKED, messages=(*ASKED.messages, stored, reply_to(first))))
    assert server.refused == []


@pytest.mark.parametrize("wants", Wants)
def test_the_strict_server_refuses_a_turn_with_calls_that_lacks_it(wants: Wants) -> None:
    call = {"id": "1", "type": "function", "function": {"name": "look", "arguments": "{}"}}
    turn = {"role": "assistant", "content": None, "tool_calls": [call]}
    assert "is missing" in str(Seals(Wire.OPENAI, wants=wants).judge({"messages": [turn]})).replace("are", "is")
    plain: Any = {"messages": [{"role": "assistant", "content": "So."}]}
    assert Seals(Wire.OPENAI, wants=wants).judge(plain) is None


# -- one at a time ------------------------------------------------------------------------------------------------


def signed(namespace: str = "google", **fields: Any) -> dict[str, Any]:
    extra = {namespace: {"thought_signature": "c2ln"}}
    function = {"name": "look", "arguments": '{"at":"here"}'}
    return {"id": "f1", "type": "function", "function": function, "extra_content": extra, **fields}


def answered(provider: Any, *chunks: dict[str, Any]) -> rr.Message:
    """The turn that these chunks are, as the provider's own."""
    from riverrun.engine.core.accumulator import Accumulator

    held = Accumulator(Limits(), origin=provider.origin)
    held.begin_attempt()
    for event in decode(provider.decoder(Limits()), [sse(*chunks)]):
        held.fold(event)
    return rr.Message.assistant(*held.snapshot().blocks)


def sent_back(provider: Any, turn: rr.Message) -> dict[str, Any]:
    """What the provider is told of its turn."""
    messages = (rr.Message.user("?"), turn, rr.Message.tool_results(rr.ToolResult("f1", "so")))
    body = json.loads(provider.encode(rr.InferenceRequest(messages)).body)
    return next(message for message in body["messages"] if message["role"] == "assistant")


CHAT = rr.OpenAIChat("some-model", api_key=KEY, base_url=HERE)


@pytest.mark.parametrize("namespace", ["google", "vertex"])
@pytest.mark.parametrize("where", [{}, {"index": 0}], ids=["without an index", "with one"])
def test_a_signature_goes_back_on_its_call_in_its_own_namespace(namespace: str, where: dict[str, int]) -> None:
    told = sent_back(CHAT, answered(CHAT, chunk({"tool_calls": [signed(namespace, **where)]}, finish="stop")))
    assert told["tool_calls"][0]["extra_content"] == {namespace: {"thought_signature": "c2ln"}}


def test_of_two_parallel_calls_the_one_that_was_signed_is() -> None:
    calls = [signed(index=0), {**signed(index=1, id="f2"), "extra_content": None}]
    told = sent_back(CHAT, answered(CHAT, chunk({"tool_calls": calls}, finish="tool_calls")))
    assert [call["id"] for call in told["tool_calls"] if "extra_content" in call] == ["f1"]


def test_a_signature_is_for_the_model_that_made_it() -> None:
    turn = answered(CHAT, chunk({"tool_calls": [signed()]}, finish="stop"))
    other = rr.OpenAIChat("other-model", api_key=KEY, base_url=HERE)
    assert "extra_content" not in sent_back(other, turn)["tool_calls"][0]


def test_a_call_that_the_ceiling_cut_leaves_no_signature() -> None:
    events = decode(CHAT.decoder(Limits()), [sse(chunk({"tool_calls": [signed()]}, finish="length"))])
    assert fold(events).opaque == []
    assert not any(isinstance(block, OpaqueBlock) for block in answered(CHAT, chunk({"content": "a"})).content)


def test_thoughts_go_back_in_the_field_they_came_in_and_only_beside_calls() -> None:
    call = chunk({"tool_calls": [{**signed(), "extra_content": None}]}, finish="tool_calls")
    assert sent_back(CHAT, answered(CHAT, chunk({"reasoning_content": "hm"}), call))["reasoning_content"] == "hm"
    assert "reasoning_content" not in sent_back(CHAT, answered(CHAT, chunk({"reasoning": "hm"}), call))
    said = answered(CHAT, chunk({"reasoning_content": "hm"}), chunk({"content": "So."}, finish="stop"))
    assert "reasoning_content" not in sent_back(CHAT, said)


def test_thoughts_before_and_after_a_word_all_go_back() -> None:
    pieces = [{"reasoning_content": "h"}, {"reasoning_content": "m"}, {"content": "So "}, {"content": "it "}]
    more = [{"content": "is "}, {"reasoning_content": "and"}, {"content": "so."}]
    call = chunk({"tool_calls": [{**signed(), "extra_content": None}]}, finish="tool_calls")
    told = sent_back(CHAT, answered(CHAT, *map(chunk, [*pieces, *more]), call))
    assert (told["reasoning_content"], told["content"]) == ("hmand", "So it is so.")


def test_kimi_is_told_that_there_was_no_thought_where_another_called() -> None:
    kimi = rr.OpenAIChat("kimi-k2.5", api_key=KEY, base_url=HERE)
    foreign = rr.Message.assistant(rr.ToolCall("f1", "look", {}))
    assert sent_back(kimi, foreign)["reasoning_content"] == ""
    assert "reasoning_content" not in sent_back(CHAT, foreign)


@pytest.mark.parametrize("named", [{"format": "MiniMax-response-v1"}, {}])
def test_details_that_a_server_gives_go_back_whole(named: dict[str, str]) -> None:
    item = {"type": "reasoning.text", "id": "reasoning-text-1", "index": 0, **named}
    thoughts = [chunk({"reasoning_details": [{**item, "text": text}]}) for text in ("The ", "user")]
    call = chunk({"tool_calls": [{**signed(), "extra_content": None}]}, finish="tool_calls")
    told = sent_back(CHAT, answered(CHAT, *thoughts, call))
    assert told["reasoning_details"] == [{**item, "text": "The user"}]
    assert "reasoning_content" not in told
