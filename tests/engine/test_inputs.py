"""What attempts cost that were never told: an estimate, or what was said, and never a made-up number."""

from __future__ import annotations

import pytest
import trio
from trio.testing import MockClock

import riverrun as rr
from riverrun.engine.core.input_estimate import prompt_tokens
from riverrun.engine.core.replay import replay_events
from riverrun.engine.core.result import AttemptRecord, StreamResult
from riverrun.engine.core.usage import TokenUsage, UsageReport
from riverrun.engine.testing.network.transport import Script, ScriptedTransport, Silence
from tests.engine.own_source import ASK, END, OwnSource, engine_of, say

TOLD = UsageReport(input=300, output=9)


async def records_of(*scripts: object) -> tuple[AttemptRecord, ...]:
    """The ledger of a run; its sum is the result's."""
    result = await engine_of(OwnSource(*scripts)).complete(ASK)  # type: ignore[arg-type]
    assert result.usage == sum((record.usage for record in result.attempts), TokenUsage())
    return result.attempts


async def test_the_input_of_a_broken_attempt_is_that_of_the_one_after_it(autojump_clock: MockClock) -> None:
    broken, whole = await records_of(say("half "), [*say("more"), TOLD, END])
    assert (broken.usage.input, broken.usage.output, broken.usage_estimated) == (300, 2, True)
    assert (whole.usage.input, whole.usage_estimated) == (300, False)
    assert broken.usage.total == 302


async def test_the_nearest_before_it_comes_first(autojump_clock: MockClock) -> None:
    told = [UsageReport(input=200), *say("a")]
    inputs = [record.usage.input for record in await records_of(told, say("b"), [*say("c"), TOLD, END])]
    assert inputs == [200, 200, 300]


async def test_where_nobody_told_it_is_the_request_by_its_size(autojump_clock: MockClock) -> None:
    broken, whole = await records_of(say("half "), [*say("more"), END])
    assert (broken.usage.input, broken.usage_estimated) == (prompt_tokens(ASK), True)
    assert whole.usage.input == 0


async def test_what_was_refused_or_never_answered_cost_nothing(autojump_clock: MockClock) -> None:
    refused, empty, whole = await records_of(rr.errors.Overloaded("busy"), [], [*say("a"), TOLD, END])
    assert (refused.usage, empty.usage, whole.usage.input) == (TokenUsage(), TokenUsage(), 300)


async def test_a_silence_behind_the_headers_was_paid(autojump_clock: MockClock) -> None:
    silent, _ = await records_of([Silence()], [*say("a"), TOLD, END])
    assert (silent.cause, silent.usage.input) == (rr.causes.IdleStall("first event", 180.0), 300)


async def test_an_answer_that_is_read_from_its_store_is_booked_as_it_was(autojump_clock: MockClock) -> None:
    store = rr.MemoryStore()
    engine = engine_of(OwnSource(say("half "), [*say("more"), TOLD, END]), store=store)
    async with engine.open_stream(ASK, run_id="r"):
        await trio.sleep(100)  # nobody takes it: it stays in the store
    again = await engine_of(OwnSource(), store=store).complete(ASK, run_id="r")
    assert (again.text, [attempt.usage.input for attempt in again.attempts]) == ("half more", [300, 300])
    assert again.usage == TokenUsage(600, 11, total=611)


async def test_a_stored_answer_that_nobody_counted_has_no_input_made_up(autojump_clock: MockClock) -> None:
    store = rr.MemoryStore()
    async with engine_of(OwnSource([*say("all"), END]), store=store).open_stream(ASK, run_id="r"):
        await trio.sleep(100)
    again = await engine_of(OwnSource(), store=store).complete(ASK, run_id="r")
    assert (again.usage.input, len(again.attempts), again.attempts[0].usage_estimated) == (0, 1, True)


def test_a_result_whose_usage_nobody_told_is_replayed_without_any() -> None:
    silent = StreamResult(usage=TokenUsage())
    assert UsageReport not in map(type, replay_events(silent))
    estimated = AttemptRecord(1, "p", "m", None, 0, 1, TokenUsage(3, 2), usage_estimated=True)
    assert UsageReport not in map(type, replay_events(StreamResult(usage=TokenUsage(3, 2), attempts=(estimated,))))
    told = StreamResult(usage=TokenUsage(3, 2, total=5), service_tier="flex")
    report = next(event for event in replay_events(told) if isinstance(event, UsageReport))
    assert (report, report.service_tier) == (UsageReport(3, 2, 0, 0, 0, 5), "flex")


def test_a_prompt_is_estimated_by_all_its_text() -> None:
    tools = [rr.Tool("look", "Looks.", {"type": "object"})]
    said = rr.Message.assistant("x" * 400, rr.ToolCall("c", "look", {"at": "y" * 400}))
    answered = rr.Message.tool_results(rr.ToolResult("c", "z" * 400))
    request = rr.InferenceRequest([rr.Message.user("w" * 400), said, answered], system="v" * 400, tools=tools)
    assert 500 <= prompt_tokens(request) <= 530


# -- the tier that answers --------------------------------------------------------------------------------------------

SERVED: dict[str, tuple[rr.abc.Provider, bytes, str]] = {
    "chat": (
        rr.OpenAIChat("gpt-4o", api_key="k"),
        b'data: {"id":"1","service_tier":"flex","choices":[{"index":0,"delta":{"content":"hi"},'
        b'"finish_reason":"stop"}]}\n\n'
        b'data: {"id":"1","service_tier":"flex","choices":[],"usage":{"prompt_tokens":3,"completion_tokens":1}}\n\n'
        b"data: [DONE]\n\n",
        "flex",
    ),
    "messages": (
        rr.Anthropic("claude-sonnet-4-5", api_key="k"),
        b'data: {"type":"message_start","message":{"id":"m","model":"c",'
        b'"usage":{"input_tokens":3,"service_tier":"priority"}}}\n\n'
        b'data: {"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}\n\n'
        b'data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"hi"}}\n\n'
        b'data: {"type":"content_block_stop","index":0}\n\n'
        b'data: {"type":"message_delta","delta":{"stop_reason":"end_turn"},'
        b'"usage":{"output_tokens":1,"input_tokens":0}}\n\n'
        b'data: {"type":"message_stop"}\n\n',
        "priority",
    ),
    "gemini": (
        rr.Gemini("gemini-2.5-flash", api_key="k"),
        b'data: {"candidates":[{"content":{"parts":[{"text":"hi"}]},"finishReason":"STOP"}],'
        b'"usageMetadata":{"promptTokenCount":3,"candidatesTokenCount":1,"trafficType":"ON_DEMAND"}}\n\n',
        "ON_DEMAND",
    ),
    "responses": (
        rr.OpenAIResponses("gpt-4o", api_key="k"),
        b'data: {"type":"response.created","response":{"id":"r","status":"in_progress","service_tier":"auto"}}\n\n'
        b'data: {"type":"response.output_text.delta","item_id":"i","output_index":0,"content_index":0,"delta":"hi"}\n\n'
        b'data: {"type":"response.completed","response":{"id":"r","status":"completed","service_tier":"default",'
        b'"usage":{"input_tokens":3,"output_tokens":1},"output":[{"type":"message","id":"i","role":"assistant",'
        b'"status":"completed","content":[{"type":"output_text","text":"hi"}]}]}}\n\n',
        "default",
    ),
}


@pytest.mark.parametrize("name", SERVED)
async def test_the_tier_that_answered_is_in_the_result(name: str, autojump_clock: MockClock) -> None:
    provider, body, tier = SERVED[name]
    transport = ScriptedTransport(lambda _: Script([body]))
    result = await rr.Engine(provider, transport=transport).complete(ASK)
    assert (result.text, result.service_tier, result.usage.input) == ("hi", tier, 3)
