"""Where the output ceiling falls inside a tool of the Messages stream: what was cut is not run, all else is kept."""

from __future__ import annotations

from typing import Any

import pytest

import riverrun as rr
from riverrun.engine.core.accumulator import Accumulator
from riverrun.engine.core.events import ToolCallCancel, ToolCallReady
from riverrun.engine.core.messages import TextBlock, ToolCall
from riverrun.engine.core.policy import Limits
from riverrun.engine.core.stream_events import BlockStop, StopReported, TextDelta, ToolCallStart
from riverrun.engine.testing.network.transport import Script, ScriptedTransport
from tests.law_runs import QUESTION, Seen, in_virtual_time, watch_run
from tests.providers.fold import decode, fold
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

CUTS = ["max_tokens", "model_context_window_exceeded", "refusal", "a_word_of_tomorrow"]
FINISHES = ["tool_use", "end_turn", "stop_sequence", "pause_turn"]
ARGUMENTS = "input_json_delta"
EMPTY = {
    "without a delta": [tool_start(0), block_stop(0)],
    "with an empty delta": [tool_start(0), block_delta(0, "", ARGUMENTS), block_stop(0)],
    "with blanks": [tool_start(0), block_delta(0, " ", ARGUMENTS), block_stop(0)],
}
every_empty = pytest.mark.parametrize("called", EMPTY.values(), ids=EMPTY)
SEARCH = block_start(0, "server_tool_use", id="s1", name="web_search", input={})
CUT_SEARCH = [SEARCH, block_delta(0, '{"query": "rive', ARGUMENTS), block_stop(0)]


def new_decoder() -> Any:
    return rr.Anthropic("claude-test", api_key="sk-ant-canary").decoder(Limits())


def shown_after(*payloads: Any) -> tuple[list[Any], Accumulator]:
    """What the consumer is given for a message, and what the run then holds."""
    accumulator = Accumulator()
    accumulator.begin_attempt()
    shown = [accumulator.fold(found) for found in decode(new_decoder(), [sse(message_start(), *payloads)])]
    assert accumulator.defect is None
    return [found for found in shown if found is not None], accumulator


def run_of(*payloads: Any) -> Seen:
    """A run whose every request is answered by these events."""

    async def main() -> Seen:
        provider = rr.Anthropic("claude-test", base_url="http://127.0.0.1:9")
        transport = ScriptedTransport(lambda _: Script([sse(message_start(), *payloads)]))
        return await watch_run(rr.Engine(provider, transport=transport, chance=lambda: 0.5), QUESTION)

    seen = in_virtual_time(main)
    assert isinstance(seen, Seen)
    return seen


# --- a call without input


@every_empty
@pytest.mark.parametrize("word", CUTS)
@pytest.mark.parametrize("trailer", [[MESSAGE_STOP], []])
def test_an_empty_call_that_the_ceiling_may_have_cut_is_cancelled(
    called: list[Any], word: str, trailer: list[Any]
) -> None:
    shown, held = shown_after(*called, message_delta(word), *trailer)
    assert (ToolCallCancel("toolu_1", "look", "the answer ended inside it") in shown, held.blocks()) == (True, ())
    assert held.completed_calls == ()


@every_empty
def test_an_empty_call_of_a_message_that_gives_no_reason_is_cancelled(called: list[Any]) -> None:
    assert shown_after(*called, message_delta(None), MESSAGE_STOP)[1].completed_calls == ()


@every_empty
@pytest.mark.parametrize("word", FINISHES)
def test_an_empty_call_after_which_the_model_went_on_is_complete(called: list[Any], word: str) -> None:
    events = decode(new_decoder(), [sse(message_start(), *called, message_delta(word))])
    closed = events.index(BlockStop("toolu_1"))
    assert isinstance(events[-1], StopReported)
    assert closed < len(events) - 2  # before the usage and the stop, as a call with input is
    assert shown_after(*called, message_delta(word))[1].completed_calls == (ToolCall("toolu_1", "look", {}),)


def test_an_empty_call_is_complete_once_the_next_block_starts() -> None:
    shown, held = shown_after(*EMPTY["without a delta"], block_start(1), block_delta(1, "and"))
    assert shown[2:] == [ToolCallReady(ToolCall("toolu_1", "look", {})), TextDelta("and")]
    assert held.blocks() == (ToolCall("toolu_1", "look", {}), TextBlock("and"))


@every_empty
@pytest.mark.parametrize("tail", [[], [{"type": "ping"}], [message_delta(None)]])
def test_an_empty_call_is_under_way_while_nothing_follows_it(called: list[Any], tail: list[Any]) -> None:
    _, held = shown_after(*called, *tail)
    assert [call.id for call in held.snapshot().in_flight_tools] == ["toolu_1"]
    assert held.completed_calls == ()


def test_of_empty_calls_in_a_row_only_the_last_can_be_cut() -> None:
    told = [tool_start(0, "a"), block_stop(0), tool_start(1, "b"), block_stop(1), message_delta("max_tokens")]
    shown, held = shown_after(*told, MESSAGE_STOP)
    assert [type(found) for found in shown if isinstance(found, ToolCallReady | ToolCallCancel)] == [
        ToolCallReady, ToolCallCancel,
    ]  # fmt: skip
    assert [call.id for call in held.completed_calls] == ["a"]


def test_empty_calls_side_by_side_are_closed_in_the_order_of_their_stops() -> None:
    told = [tool_start(0, "a"), tool_start(1, "b"), block_stop(1), block_stop(0), message_delta("tool_use")]
    events = decode(new_decoder(), [sse(message_start(), *told)])
    assert [found for found in events if isinstance(found, BlockStop)] == [BlockStop("b"), BlockStop("a")]


def test_an_empty_call_beside_an_open_one_that_was_cut_is_cut_too() -> None:
    told = [tool_start(0, "a"), tool_start(1, "b"), block_delta(1, '{"x":', ARGUMENTS), block_stop(0)]
    answer = fold(decode(new_decoder(), [sse(message_start(), *told, message_delta("max_tokens"), MESSAGE_STOP)]))
    assert {call.id: call.end for call in answer.calls.values()} == {"a": "cut", "b": "cut"}


@pytest.mark.parametrize("word", CUTS)
@pytest.mark.parametrize(
    "called",
    [
        [tool_start(0), block_delta(0, '{"a":1}', ARGUMENTS), block_stop(0)],
        [tool_start(0, input={"a": 1}), block_stop(0)],
    ],
)
def test_a_call_with_input_is_released_at_its_stop_whatever_follows(called: list[Any], word: str) -> None:
    whole = (ToolCall("toolu_1", "look", {"a": 1}),)
    assert shown_after(*called)[1].completed_calls == whole
    assert shown_after(*called, message_delta(word), MESSAGE_STOP)[1].completed_calls == whole


def test_a_message_that_starts_over_forgets_an_empty_call() -> None:
    again = [message_start("b"), tool_start(0), block_stop(0), message_delta("tool_use"), MESSAGE_STOP]
    answer = fold(decode(new_decoder(), [sse(message_start("a"), *EMPTY["without a delta"], *again)]))
    assert [call.end for call in answer.calls.values()] == ["closed"]


def test_a_run_whose_empty_call_was_cut_ends_at_the_ceiling_without_the_call() -> None:
    said = [block_start(0), block_delta(0, "I look."), block_stop(0), tool_start(1), block_stop(1)]
    seen = run_of(*said, message_delta("max_tokens"), MESSAGE_STOP)
    assert seen.result is not None
    assert (seen.result.text, seen.result.stop_reason) == ("I look.", rr.StopReason.MAX_TOKENS)
    assert not any(isinstance(found, rr.ToolCallReady) for found in seen.events)


# --- a server-side tool


@pytest.mark.parametrize("word", CUTS)
def test_a_server_tool_whose_input_was_cut_is_left_out_and_the_answer_is_whole(word: str) -> None:
    decoder = new_decoder()
    answer = fold(decode(decoder, [sse(message_start(), *CUT_SEARCH, message_delta(word), MESSAGE_STOP)]))
    assert (answer.opaque, decoder.is_complete, decoder.defect, decoder.ignored.total()) == ([], True, None, 1)


def test_a_server_tool_without_input_is_kept_if_the_model_went_on_and_left_out_if_it_was_cut() -> None:
    empty = [SEARCH, block_stop(0)]
    went_on = fold(decode(new_decoder(), [sse(message_start(), *empty, block_start(1, "web_search_tool_result"))]))
    was_cut = fold(decode(new_decoder(), [sse(message_start(), *empty, message_delta("max_tokens"), MESSAGE_STOP)]))
    assert [found.block.data["input"] for found in went_on.opaque] == [{}]
    assert was_cut.opaque == []


@pytest.mark.parametrize("after", [block_start(1), message_delta("end_turn")])
def test_a_server_tool_after_whose_broken_input_the_model_went_on_is_a_defect(after: Any) -> None:
    decoder = new_decoder()
    decode(decoder, [sse(message_start(), *CUT_SEARCH, after, MESSAGE_STOP)])
    assert "input is no JSON object" in str(decoder.defect)
    assert not decoder.is_complete


@pytest.mark.parametrize("trailer", [[MESSAGE_STOP], []])
def test_a_run_that_the_ceiling_ends_inside_a_server_tool_keeps_its_text(trailer: list[Any]) -> None:
    said = [block_start(0), block_delta(0, "I search."), block_stop(0)]
    search = [{**told, "index": 1} for told in CUT_SEARCH]
    seen = run_of(*said, *search, message_delta("max_tokens"), *trailer)
    assert seen.error is None
    assert seen.result is not None
    assert (seen.result.text, seen.result.stop_reason) == ("I search.", rr.StopReason.MAX_TOKENS)


def test_a_run_that_breaks_inside_a_server_tool_is_refused() -> None:
    seen = run_of(*CUT_SEARCH)
    assert isinstance(seen.error, rr.StreamInterrupted)
    assert "web_search" in str(seen.error)


def test_the_start_of_an_empty_call_is_shown_at_once() -> None:
    assert shown_after(tool_start(0))[0][-1] == ToolCallStart("toolu_1", "look")
