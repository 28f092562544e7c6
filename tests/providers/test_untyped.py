"""Deltas and events without their type: one meaning is taken and counted, any other breaks the stream."""

from __future__ import annotations

from typing import Any

import pytest

from riverrun.engine.core.ignored import Ignored
from riverrun.providers.anthropic.provider import Anthropic
from riverrun.providers.gemini_interactions.provider import GeminiInteractions
from riverrun.providers.openai_responses.provider import OpenAIResponses
from tests.providers import gemini_samples as gemini
from tests.providers import openai_responses_samples as responses
from tests.providers.odd import Odd, read_odd
from tests.providers.samples import (
    MESSAGE_STOP,
    block_delta,
    block_start,
    block_stop,
    message_delta,
    message_start,
    sse,
    tool_start,
)

KEY = {"api_key": "sk-ant-canary"}
LOOK = [("toolu_1", "look", {"city": "Bonn"})]
SAID = '{"city":"Bonn"}'


def messages(*payloads: Any) -> Odd:
    body = sse(message_start(), *payloads, message_delta("end_turn"), MESSAGE_STOP)
    return read_odd(Anthropic("claude-test", **KEY), body)


def delta(**said: Any) -> dict[str, Any]:
    return {"type": "content_block_delta", "index": 0, "delta": said}


def test_a_delta_says_what_its_block_holds() -> None:
    text = messages(block_start(0), delta(text="The "), delta(text="Rhine", x=None), block_stop(0))
    assert (text.text, text.ignored, text.defect) == ("The Rhine", {Ignored.UNTYPED: 2}, None)
    thought = messages(block_start(0, "thinking"), delta(thinking="hm"), delta(signature="s"), block_stop(0))
    assert (thought.reasoning, thought.ignored, thought.defect) == ("hm", {Ignored.UNTYPED: 2}, None)
    call = messages(tool_start(0), delta(partial_json=SAID), block_stop(0))
    assert (call.calls, call.ignored, call.defect) == (LOOK, {Ignored.UNTYPED: 1}, None)


def test_a_delta_that_says_nothing_is_counted() -> None:
    empty = messages(block_start(0), delta(), delta(text=""), block_delta(0, "a"), block_stop(0))
    assert (empty.text, empty.defect) == ("a", None)
    assert empty.ignored == {Ignored.UNKNOWN_DELTA: 2}


@pytest.mark.parametrize("opened", [block_start(0), block_start(0, "thinking"), tool_start(0)])
@pytest.mark.parametrize("said", [{"x": "y"}, {"text": "a", "thinking": "b"}, {"content": "a"}, {"text": "a", "n": 1}])
def test_a_delta_that_may_say_anything_breaks_the_stream(opened: Any, said: Any) -> None:
    odd = messages(opened, delta(**said), block_stop(0))
    assert "a delta without a type" in str(odd.defect)
    assert (odd.text, odd.calls, odd.is_complete) == ("", [], False)


def test_what_another_block_would_hold_breaks_the_stream() -> None:
    assert messages(block_start(0), delta(thinking="hm")).defect
    assert messages(block_start(0, "thinking"), delta(text="hm")).defect
    assert messages(block_start(0), delta(partial_json="{}")).defect


def test_an_event_is_told_by_what_it_holds() -> None:
    untyped = [{key: value for key, value in one.items() if key != "type"} for one in (block_start(0), delta(text="a"))]
    odd = messages(*untyped, block_stop(0))
    assert (odd.text, odd.ignored, odd.defect) == ("a", {Ignored.UNTYPED: 3}, None)


def interaction(*payloads: Any) -> Odd:
    body = sse(gemini.created(), *payloads, gemini.completed("completed"))
    return read_odd(GeminiInteractions("gemini-test", **KEY), body)


def step_delta(**said: Any) -> dict[str, Any]:
    return {"event_type": "step.delta", "index": 0, "delta": said}


def test_a_step_holds_what_its_delta_says() -> None:
    text = interaction(gemini.start(0), step_delta(text="Rhine"), gemini.stop(0))
    assert (text.text, text.ignored, text.defect) == ("Rhine", {Ignored.UNTYPED: 1}, None)
    opened = gemini.start(0, "function_call", id="toolu_1", name="look", arguments={})
    call = interaction(opened, step_delta(arguments=SAID), gemini.stop(0))
    assert (call.calls, call.ignored) == (LOOK, {Ignored.UNTYPED: 1})
    assert "without a type" in str(interaction(gemini.start(0), step_delta(x="y"), gemini.stop(0)).defect)


def test_an_event_of_an_interaction_is_told_by_what_it_holds() -> None:
    opened = {key: value for key, value in gemini.start(0).items() if key != "event_type"}
    odd = interaction(opened, {"index": 0, "delta": {"type": "text", "text": "a"}}, gemini.stop(0))
    assert (odd.text, odd.ignored, odd.defect) == ("a", {Ignored.UNTYPED: 2}, None)


def test_in_responses_a_delta_alone_may_be_text_or_arguments() -> None:
    untyped = {"output_index": 0, "content_index": 0, "delta": "a"}
    odd = read_odd(OpenAIResponses("gpt-test", **KEY), sse(responses.CREATED, untyped, responses.COMPLETED))
    assert "without a type" in str(odd.defect)
