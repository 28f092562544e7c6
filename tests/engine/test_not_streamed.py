"""Answers that are not streamed: asked for without a stream, waited for longer, and the same to a consumer."""

from __future__ import annotations

import json
from typing import Any

import pytest
import trio
from trio.testing import MockClock

import riverrun as rr
from riverrun.engine.core.provider import WireRequest
from riverrun.engine.testing.network.strict_server import StrictServer
from riverrun.engine.testing.network.transport import Script, ScriptedTransport, Silence
from riverrun.engine.testing.script.answers import Answer
from riverrun.engine.testing.wire.formats import Reply, Wire, events_of, whole_of
from riverrun.testing import ScriptedNetwork
from tests.engine.test_heads import EVENTS, JSON, KEY, MODELS, REPLY, TEXT, asked

WHOLE = {wire: type(model)(model.model, **KEY, streams=False) for wire, model in MODELS.items()}
QUESTION = rr.InferenceRequest(rr.Message.user("?"))

UNVERIFIED = {
    "error": {
        "message": "Your organization must be verified to stream this model. Please go to: "
        "https://platform.openai.com/settings/organization/general and click on Verify Organization.",
        "type": "invalid_request_error",
        "param": "stream",
        "code": "unsupported_value",
    }
}
REFUSALS: dict[str, tuple[int, Any]] = {
    "an organisation that is not verified": (400, UNVERIFIED),
    "a model that has no streams": (400, {"error": {"message": "x", "param": "stream", "code": "unsupported_value"}}),
    "by way of OpenRouter": (
        400,
        {"error": {"message": "Provider returned error", "code": 400, "metadata": {"raw": json.dumps(UNVERIFIED)}}},
    ),
    "by way of LiteLLM": (
        400,
        {
            "error": {
                "message": "litellm.BadRequestError: Unsupported value: 'stream' does not support true",
                "code": "400",
            }
        },
    ),
}

every_wire = pytest.mark.parametrize("wire", Wire)


def refusal(name: str = "an organisation that is not verified") -> Script:
    status, said = REFUSALS[name]
    return Script([json.dumps(said).encode()], status, JSON)


def whole_script(wire: Wire, reply: Reply = REPLY, **options: Any) -> Script:
    return Script([whole_of(wire, reply)], headers=JSON, **options)


def asks_for_stream(wire: WireRequest) -> bool:
    return json.loads(wire.body).get("stream") is True or "streamGenerateContent" in wire.url


@every_wire
async def test_a_provider_without_streams_is_asked_for_none_and_answers_whole(
    autojump_clock: MockClock, wire: Wire
) -> None:
    result, requests = await asked(WHOLE[wire], whole_script(wire))
    assert (result.text, result.stop_reason, len(requests)) == (TEXT, rr.StopReason.END_TURN, 1)
    assert not asks_for_stream(requests[0])
    assert result.usage.input == REPLY.input_tokens
    assert not result.attempts[0].ignored


@every_wire
async def test_it_is_handed_over_as_events_with_its_calls(autojump_clock: MockClock, wire: Wire) -> None:
    reply = Reply(1, "m", ["Look:"], ["hm"], [rr.ToolCall("c1", "look", {"city": "Bern"})])
    engine = rr.Engine(WHOLE[wire], transport=ScriptedTransport(lambda _: whole_script(wire, reply)))
    async with engine.open_stream(QUESTION) as run:
        events = [event async for event in run]
    ready = [event.call for event in events if isinstance(event, rr.ToolCallReady)]
    assert [(call.name, dict(call.arguments)) for call in ready] == [("look", {"city": "Bern"})]
    assert "".join(event.text for event in events if isinstance(event, rr.ReasoningDelta)) == "hm"
    assert (run.result.text, run.result.stop_reason) == ("Look:", rr.StopReason.TOOL_USE)


@every_wire
async def test_a_stream_that_comes_all_the_same_is_read(autojump_clock: MockClock, wire: Wire) -> None:
    stream = Script([b"".join(events_of(wire, REPLY))], headers=EVENTS)
    result, requests = await asked(WHOLE[wire], stream)
    assert (result.text, len(requests)) == (TEXT, 1)


# -- learned --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", REFUSALS)
@pytest.mark.parametrize("wire", [Wire.OPENAI, Wire.RESPONSES])
async def test_who_refuses_streams_is_asked_at_once_without_and_no_attempt_is_spent(
    autojump_clock: MockClock, wire: Wire, name: str
) -> None:
    left = [refusal(name)]
    transport = ScriptedTransport(lambda _: left.pop() if left else whole_script(wire))
    policy = rr.Policy(retry=rr.RetryPolicy(attempts_max=1))
    began = trio.current_time()
    result = await rr.Engine(MODELS[wire], transport=transport, policy=policy).complete(QUESTION)
    assert (result.text, trio.current_time() - began) == (TEXT, 0)
    assert [asks_for_stream(request) for request in transport.requests] == [True, False]
    assert str(result.attempts[0].cause) == "stream refused"


async def test_the_engine_remembers_it_for_this_model(autojump_clock: MockClock) -> None:
    left = [refusal()]
    transport = ScriptedTransport(lambda _: left.pop() if left else whole_script(Wire.OPENAI))
    engine = rr.Engine(MODELS[Wire.OPENAI], transport=transport)
    for _ in range(2):
        await engine.complete(QUESTION)
    assert [asks_for_stream(request) for request in transport.requests] == [True, False, False]


async def test_runs_that_are_refused_together_all_go_on(autojump_clock: MockClock) -> None:
    transport = ScriptedTransport(lambda wire: refusal() if asks_for_stream(wire) else whole_script(Wire.OPENAI))
    engine, texts = rr.Engine(MODELS[Wire.OPENAI], transport=transport), list[str]()

    async def ask() -> None:
        texts.append((await engine.complete(QUESTION)).text)

    async with trio.open_nursery() as nursery:
        for _ in range(5):
            nursery.start_soon(ask)
    assert texts == [TEXT] * 5


async def test_who_refuses_an_answer_in_one_piece_too_is_not_asked_for_ever(autojump_clock: MockClock) -> None:
    error, requests = await asked(MODELS[Wire.OPENAI], refusal())
    assert type(error) is rr.errors.InvalidRequest
    assert "must be verified to stream" in str(error)
    assert len(requests) == 2


async def test_another_value_that_is_refused_refuses_no_stream(autojump_clock: MockClock) -> None:
    said = {"error": {"message": "no", "param": "temperature", "code": "unsupported_value"}}
    error, requests = await asked(MODELS[Wire.OPENAI], Script([json.dumps(said).encode()], 400, JSON))
    assert (type(error), len(requests)) == (rr.errors.InvalidRequest, 1)


# -- patience ---------------------------------------------------------------------------------------------------------


@every_wire
@pytest.mark.parametrize("after_head", [False, True])
async def test_an_answer_of_300_seconds_is_paid_once(autojump_clock: MockClock, wire: Wire, after_head: bool) -> None:
    body = whole_of(wire, REPLY)
    slow = Script([Silence(300), body], headers=JSON) if after_head else whole_script(wire, opens_after_s=300)
    result, requests = await asked(WHOLE[wire], slow)
    assert (result.text, len(requests)) == (TEXT, 1)


async def test_an_answer_that_is_learned_to_be_whole_is_waited_for_as_long(autojump_clock: MockClock) -> None:
    slow = whole_script(Wire.OPENAI, opens_after_s=300)
    result, requests = await asked(MODELS[Wire.OPENAI], refusal(), slow)
    assert (result.text, len(requests)) == (TEXT, 2)


async def test_blank_lines_before_it_prove_that_the_server_lives(autojump_clock: MockClock) -> None:
    waiting = [step for _ in range(50) for step in (Silence(10), b"\n")]
    result, requests = await asked(WHOLE[Wire.OPENAI], Script([*waiting, whole_of(Wire.OPENAI, REPLY)], headers=JSON))
    assert (result.text, len(requests)) == (TEXT, 1)


async def test_it_is_not_waited_for_longer_than_that(autojump_clock: MockClock) -> None:
    policy = rr.Policy(retry=rr.RetryPolicy(attempts_max=1))
    transport = ScriptedTransport(lambda _: whole_script(Wire.OPENAI, opens_after_s=601))
    with pytest.raises(rr.errors.InferenceTimeout, match=r"600 s \(first_event_s_max\)"):
        await rr.Engine(WHOLE[Wire.OPENAI], transport=transport, policy=policy).complete(QUESTION)


FIELDS = [
    ({}, "first_event_s_max"),
    ({"first_event_s_max": 5}, "first_event_s"),
    ({"headers_s": 900}, "headers_s"),
    ({"first_event_s": 700, "headers_s": 1}, "first_event_s"),
]


@pytest.mark.parametrize(("given", "setting"), FIELDS)
@pytest.mark.parametrize("after_head", [False, True])
async def test_its_stall_names_the_field_that_held(
    given: Any, setting: str, after_head: bool, autojump_clock: MockClock
) -> None:
    policy = rr.Policy(retry=rr.RetryPolicy(attempts_max=1), stall=rr.StallPolicy(**given))
    late = Script([Silence(901), whole_of(Wire.OPENAI, REPLY)], headers=JSON)
    script = late if after_head else whole_script(Wire.OPENAI, opens_after_s=901)
    transport = ScriptedTransport(lambda _: script)
    with pytest.raises(rr.InferenceError, match=rf"\({setting}\)"):
        await rr.Engine(WHOLE[Wire.OPENAI], transport=transport, policy=policy).complete(QUESTION)


@pytest.mark.parametrize(
    ("given", "waits_s"),
    [({}, 600), ({"first_event_s_max": None}, None), ({"first_event_s_max": 5}, 180), ({"headers_s": 900}, 900)],
)
def test_its_clocks_are_the_longest_of_those_before_a_first_event(given: Any, waits_s: float | None) -> None:
    clocks = rr.StallPolicy(**given).in_one_piece()
    assert (clocks.headers_s, clocks.first_event_s, clocks.first_event_s_max) == (waits_s,) * 3


# -- over a network ---------------------------------------------------------------------------------------------------


@every_wire
async def test_one_that_is_cut_is_asked_for_again_and_says_nothing_before(
    autojump_clock: MockClock, wire: Wire
) -> None:
    server = StrictServer(wire, [Answer("short", TEXT)], [0])
    model = type(MODELS[wire])(MODELS[wire].model, **KEY, streams=False, client=ScriptedNetwork(server.answer).client())
    async with rr.Engine(model).open_stream(QUESTION) as run:
        said = [event async for event in run]
    assert (run.result.text, server.taken, len(run.result.attempts)) == (TEXT, 2, 2)
    assert not any(isinstance(event, rr.StreamReset) for event in said)


async def test_what_was_streamed_before_streams_were_refused_goes_on_whole(autojump_clock: MockClock) -> None:
    wire = Wire.OPENAI
    begun = b"".join(events_of(wire, Reply(1, "m", ["The Rhine rises"]))[:2])
    rest = Reply(2, "m", [" in the Alps."])
    left = [Script([begun]), refusal(), whole_script(wire, rest)]
    transport = ScriptedTransport(lambda _: left.pop(0))
    result = await rr.Engine(MODELS[wire], transport=transport).complete(QUESTION)
    assert (result.text, len(transport.requests)) == (TEXT, 3)
