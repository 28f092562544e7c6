"""A tool of the provider's own that had answered when the stream broke, with no text yet: handed back, run once."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from trio.testing import MockClock

import riverrun as rr
from riverrun import from_name
from riverrun.engine.core.capabilities import ContinuationForm
from riverrun.engine.core.messages import OpaqueBlock
from riverrun.engine.core.stream_events import BlockStop, OpaqueBlockReceived, ReasoningDelta
from riverrun.engine.testing.network.http import ScriptedNetwork
from riverrun.engine.testing.network.script import Reset, SentRequest, Step, response
from riverrun.engine.testing.network.strict_seals import Seals
from riverrun.engine.testing.wire.format import Reply, named
from riverrun.engine.testing.wire.formats import Wire, events_of
from tests.engine.own_source import ASK, END, OwnSource, all_events, engine_of, say
from tests.providers import gemini_samples as gemini
from tests.providers import openai_responses_samples as responses
from tests.providers.samples import block_delta, block_start, block_stop, message_start, sse

WORK = OpaqueBlockReceived(OpaqueBlock("search", {"hits": 2}, "own/m-1"), closes_server_tool=True)


def anthropic(mark: str) -> bytes:
    return sse(
        message_start(), block_start(0, "thinking"), block_delta(0, mark, "signature_delta"), block_stop(0),
        block_start(1, "server_tool_use", id="s1", name="web_search", input={"query": "x"}), block_stop(1),
        block_start(2, "web_search_tool_result", tool_use_id="s1", content=[]), block_stop(2),
    )  # fmt: skip


def openai(mark: str) -> bytes:
    return sse(
        responses.CREATED, responses.added(0, "reasoning"), responses.done(0, "reasoning", encrypted_content=mark),
        responses.added(1, "web_search_call"), responses.done(1, "web_search_call", action={"query": "x"}),
    )  # fmt: skip


def google(mark: str) -> bytes:
    ran = {"executableCode": {"language": "PYTHON", "code": "1"}, "thoughtSignature": mark}
    result = {"codeExecutionResult": {"outcome": "OUTCOME_OK", "output": "1"}}
    return gemini.sse(gemini.chunk(ran), gemini.chunk(result))


def interactions(mark: str) -> bytes:
    steps = (
        {"type": "thought", "signature": mark},
        {"type": "code_execution_call", "id": "s1", "arguments": {"code": "1", "language": "python"}},
        {"type": "code_execution_result", "call_id": "s1", "result": "1"},
    )
    told: list[dict[str, Any]] = [
        {"event_type": "interaction.created", "interaction": {"id": "v1", "status": "in_progress"}}
    ]
    for index, step in enumerate(steps):
        told += [{"event_type": "step.start", "index": index, "step": step}]
        told += [{"event_type": "step.stop", "index": index}]
    return b"".join(named(one["event_type"], one) for one in told)


STARTS = {Wire.ANTHROPIC: anthropic, Wire.RESPONSES: openai, Wire.GEMINI: google, Wire.INTERACTIONS: interactions}
MODELS = {
    "anthropic/claude-sonnet-4-5": Wire.ANTHROPIC,
    "anthropic/claude-opus-5-5": Wire.ANTHROPIC,
    "openai-responses/gpt-5.2": Wire.RESPONSES,
    "gemini/gemini-2.5-flash": Wire.GEMINI,
    "gemini/gemini-3.6-flash": Wire.GEMINI,
    "gemini-interactions/gemini-3.6-flash": Wire.INTERACTIONS,
}
BACK = {
    Wire.ANTHROPIC: ["server_tool_use", "web_search_tool_result"],
    Wire.RESPONSES: ["reasoning", "web_search_call"],
    Wire.GEMINI: ["executableCode", "codeExecutionResult"],
    Wire.INTERACTIONS: ["thought", "code_execution_call", "code_execution_result"],
}


async def recovered(model: str) -> tuple[rr.StreamResult, list[Any], list[str | None]]:
    """An answer that broke behind its tool's result; the requests, and what a strict server says of them."""
    wire = MODELS[model]
    seals, asked, judged = Seals(wire, always=False), list[Any](), list[str | None]()

    def script(request: SentRequest) -> Iterator[Step]:
        body = json.loads(request.body)
        asked.append(body)
        judged.append(seals.judge(body))
        if len(asked) > 1:
            return iter(response(events_of(wire, Reply(2, "m", ["Found ", "it."]))))
        return iter(response([STARTS[wire](seals.seal(body)), Reset()]))

    async def main() -> rr.StreamResult:
        async with ScriptedNetwork(script).client() as client:
            path = "/v1" if wire is Wire.RESPONSES else ""
            provider: Any = from_name(model, api_key="k", base_url=f"http://127.0.0.1:9{path}", client=client)
            return await rr.Engine(provider).complete(ASK)

    return await main(), asked, judged


@pytest.mark.parametrize("model", MODELS)
async def test_a_tool_that_had_answered_is_handed_back_and_the_answer_is_whole(
    model: str, autojump_clock: MockClock
) -> None:
    result, asked, judged = await recovered(model)
    assert (result.text, result.stop_reason, len(asked)) == ("Found it.", rr.StopReason.END_TURN, 2)
    assert judged == [None, None]
    sent = json.dumps(asked[1])
    assert {sent.count(f'"{kind}"') for kind in BACK[MODELS[model]]} == {1}


@pytest.mark.parametrize("model", MODELS)
async def test_its_work_is_in_the_answer_once(model: str, autojump_clock: MockClock) -> None:
    result, _, _ = await recovered(model)
    kinds = [block.kind for block in result.blocks if isinstance(block, OpaqueBlock)]
    assert kinds == [kind for kind in BACK[MODELS[model]] if kind not in ("reasoning", "thought")]


async def test_work_is_not_taken_back_from_the_consumer_and_what_is_thought_about_it_is_told(
    autojump_clock: MockClock,
) -> None:
    first, second = [ReasoningDelta("Search."), BlockStop()], [ReasoningDelta("Two hits."), BlockStop()]
    source = OwnSource([*first, WORK], [*second, *say("Found."), END], forms=(ContinuationForm.QUOTE,))

    async with engine_of(source).open_stream(ASK) as run:
        events = await all_events(run)
    assert not [event for event in events if isinstance(event, rr.StreamReset)]
    assert [event.text for event in events if isinstance(event, rr.ReasoningDelta)] == ["Search.", "Two hits."]


@pytest.mark.parametrize("breaks", [1, 2])
async def test_a_run_that_was_left_behind_the_work_is_gone_on_with(breaks: int, autojump_clock: MockClock) -> None:
    scripts = [[WORK], *([[]] * (breaks - 1)), [*say("Found."), END]]
    source, store = OwnSource(*scripts, forms=(ContinuationForm.QUOTE,)), rr.MemoryStore()
    once = rr.Policy(retry=rr.RetryPolicy(attempts_max=1))

    for _ in range(breaks):
        with pytest.raises(rr.StreamInterrupted):
            await engine_of(source, store=store, policy=once).complete(ASK, run_id="run")
    assert (await engine_of(source, store=store).complete(ASK, run_id="run")).text == "Found."


async def test_where_work_can_not_be_handed_back_the_error_says_so_and_nothing_runs_twice(
    autojump_clock: MockClock,
) -> None:
    source = OwnSource([WORK], [*say("again"), END], forms=())
    with pytest.raises(rr.StreamInterrupted, match="its work can not be handed back here; asking again would run it"):
        await engine_of(source).complete(ASK)
    assert source.attempts == 1
