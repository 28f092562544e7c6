"""A whole call that a generation tells once more when it is read on is released once, and counted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from attrs import evolve
from trio.testing import MockClock

import riverrun as rr
from riverrun.engine.core.accumulator import Accumulator
from riverrun.engine.core.events import ToolCallReady
from riverrun.engine.core.stream_events import BlockStop, StreamEvent, ToolCallDelta, ToolCallStart
from riverrun.engine.testing.network.transport import ScriptedTransport
from tests.engine.live_generations import FORMATS, LiveServer
from tests.providers import gemini_samples as gemini
from tests.providers import openai_responses_samples as responses

SKY, SEA = '{"at":"sky"}', '{"at": "sea"}'


def responses_frames(index: int, arguments: str) -> list[bytes]:
    """A call, told again at an index, and a text behind it."""
    events = [
        responses.lifecycle("created", background=True),
        *(responses.call_added(0), responses.args(0, SKY), responses.call_done(0, SKY)),
        *(responses.call_added(index), responses.args(index, arguments), responses.call_done(index, arguments)),
        *(responses.added(2), responses.text(2, "So."), responses.message_done(2, "So.")),
        responses.ended("completed"),
    ]
    return [responses.escaped(event) for event in responses.numbered(*events)]


def interactions_frames(index: int, arguments: str) -> list[bytes]:
    def call(at: int, text: str) -> list[Any]:
        opened = gemini.start(at, "function_call", id="call_a", name="look", arguments={})
        return [opened, gemini.delta(at, "arguments_delta", arguments=text), gemini.stop(at)]

    events = [
        *(gemini.created(), *call(0, SKY), *call(index, arguments)),
        *(gemini.start(2), gemini.said(2, "So."), gemini.stop(2), gemini.completed("requires_action")),
    ]
    return [gemini.interactions_sse(event) for event in gemini.numbered(events)]


FRAMES = {"openai-responses": responses_frames, "gemini-interactions": interactions_frames}


async def run_on(name: str, index: int, arguments: str, cuts: list[int]) -> tuple[rr.StreamResult, int]:
    """Ask once; the generation is cut after so many frames, and read on."""
    spoken = evolve(FORMATS[name](), frames=tuple(FRAMES[name](index, arguments)))
    server = LiveServer(spoken, cuts=cuts)
    engine = rr.Engine(spoken.provider(), transport=ScriptedTransport(server.script_for))
    return await engine.complete(spoken.request), server.begun


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("index", [0, 1])
@pytest.mark.parametrize("arguments", [SKY, '{ "at" :"sky"}'])
async def test_the_same_call_told_again_behind_a_cursor_is_released_once_and_counted(
    name: str, index: int, arguments: str, autojump_clock: MockClock
) -> None:
    result, begun = await run_on(name, index, arguments, cuts=[4])
    assert [(call.id, call.arguments) for call in result.tool_calls] == [("call_a", {"at": "sky"})]
    assert (result.text, result.stop_reason, begun) == ("So.", rr.StopReason.TOOL_USE, 1)
    assert result.attempts[-1].ignored["told before, and told again"] == 1


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("index", [0, 1])
async def test_another_call_under_the_id_of_a_whole_one_behind_a_cursor_is_an_interruption(
    name: str, index: int, autojump_clock: MockClock
) -> None:
    result, begun = await run_on(name, index, SEA, cuts=[4])
    assert [(call.id, call.arguments) for call in result.tool_calls] == [("call_a", {"at": "sky"})]
    assert isinstance(result.attempts[-1].cause, rr.causes.MalformedStream)
    assert (result.stop_reason, begun) == (rr.StopReason.TOOL_USE, 1)


@pytest.mark.parametrize("name", FORMATS)
async def test_a_retelling_that_is_cut_too_is_told_once(name: str, autojump_clock: MockClock) -> None:
    result, _ = await run_on(name, 1, SKY, cuts=[4, 2])
    assert len(result.tool_calls) == 1
    assert result.text == "So."


def folded(*attempts: Sequence[StreamEvent], reattaches: bool = True) -> tuple[Accumulator, list[rr.Event]]:
    accumulator = Accumulator()
    shown: list[rr.Event] = []
    for number, events in enumerate(attempts):
        accumulator.begin_attempt(reattaches=reattaches and number > 0)
        for event in events:
            shown += [one for one in (accumulator.fold(event), *accumulator.take_ready()) if one is not None]
    return accumulator, shown


def a_call(arguments: str, call_id: str = "a", **stop: Any) -> list[StreamEvent]:
    return [ToolCallStart(call_id, "look"), ToolCallDelta(call_id, arguments), BlockStop(call_id, **stop)]


def test_what_is_told_again_is_not_shown_and_not_held() -> None:
    once, _ = folded(a_call(SKY))
    again, shown = folded(a_call(SKY), a_call(SKY))
    assert [type(event) for event in shown].count(ToolCallReady) == 1
    assert len(shown) == 3
    assert (again.reach, again.blocks(), again.told_again, again.defect) == (once.reach, once.blocks(), 1, None)


def test_one_that_was_cut_in_its_retelling_is_whole_all_the_same() -> None:
    accumulator, _ = folded(a_call(SKY), a_call('{"at":', is_cut=True), a_call(SKY)[:2], a_call(SKY)[2:])
    assert (accumulator.told_again, accumulator.defect, len(accumulator.completed_calls)) == (1, None, 1)


@pytest.mark.parametrize("arguments", [SEA, "[]", '{"at":'])
def test_another_call_is_a_contradiction(arguments: str) -> None:
    accumulator, _ = folded(a_call(SKY), a_call(arguments))
    assert "once more, and another one" in str(accumulator.defect)


def test_in_one_stream_a_second_start_stays_one() -> None:
    accumulator, _ = folded([*a_call(SKY), *a_call(SKY)])
    assert "a second start of call 'a'" in str(accumulator.defect)
    accumulator, _ = folded(a_call(SKY), a_call(SKY), reattaches=False)
    assert "a second start of call 'a'" in str(accumulator.defect)


def test_a_hostile_retelling_is_bounded() -> None:
    long = '{"at":"' + "x" * (9 * 2**20)
    accumulator, _ = folded(a_call(SKY), [ToolCallStart("a", "look"), ToolCallDelta("a", long)])
    assert "the arguments of a call" in str(accumulator.defect)
