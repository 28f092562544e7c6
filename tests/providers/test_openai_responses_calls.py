"""Calls in the Responses stream, whatever names them, and the tools that run at the provider's."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from riverrun.engine.core.accumulator import Accumulator
from riverrun.engine.core.events import ToolCallReady
from riverrun.engine.core.messages import OpaqueBlock, ToolCall
from riverrun.engine.core.stop import StopReason
from riverrun.engine.core.stream_events import (
    BlockStop,
    OpaqueBlockReceived,
    ServerToolStarted,
    StopReported,
    ToolCallDelta,
    ToolCallStart,
)
from tests.providers.fold import decode, fold
from tests.providers.openai_responses_samples import (
    COMPLETED,
    CREATED,
    ORIGIN,
    added,
    args,
    args_done,
    call_added,
    call_done,
    custom,
    custom_added,
    custom_done,
    done,
    ended,
    event,
    events_of,
    held_after,
    message_done,
    new_decoder,
    text,
)
from tests.providers.samples import sse

# --- calls


@pytest.mark.parametrize(
    "told",
    [
        [call_added(0), args(0, '{"a"'), args(0, ":1}"), args_done(0, '{"a":1}'), call_done(0, '{"a":1}')],
        [call_added(0), args_done(0, '{"a":1}'), call_done(0, '{"a":1}')],
        [call_added(0), call_done(0, '{"a":1}')],
        [call_done(0, '{"a":1}')],
        [call_done(0, '{"a":1}'), call_done(0, '{"a":1}')],
        [call_added(0), call_added(0), args(0, '{"a":1}'), call_done(0, '{"a":1}')],
        [call_added(0), args(0, '{"a":1}'), call_done(0, "")],
        [args(0, '{"a"'), args(0, ":1}"), call_done(0, '{"a":1}')],
        [args(0, '{"a"'), call_added(0), args(0, ":1}"), call_done(0, '{"a":1}')],
        [added(0, "function_call"), args(0, '{"a":1}'), args_done(0, '{"a":1}'), call_done(0, "")],
        [call_added(0), args(0, '{"a"', item_id="rotated"), args(0, ":1}", item_id="again"), call_done(0, "", id="x")],
        [call_added(0), args(0, '{"a":1}', output_index=None), call_done(0, '{"a":1}')],
        [call_added(0), args(0, '{"a":1}', output_index=None, item_id="call_a"), call_done(0, '{"a":1}')],
        [call_added(0), args(0, '{"a":1}', output_index=7), call_done(0, '{"a":1}')],
        [call_added(0), args(0, '{"a":1}'), event("output_item.done", item=call_done(0, '{"a":1}')["item"])],
        [call_added(0), args(0, '{"a":1}')],
        [call_added(0), args(0, '{"a":')],
    ],
)
def test_a_call_is_one_call_whatever_names_it_and_whatever_is_left_out(told: list[Any]) -> None:
    end = ended(output=[call_done(0, '{"a":1}')["item"]])
    held = held_after(*told, end)
    assert held.completed_calls == (ToolCall("call_a", "look", {"a": 1}),)
    assert held.final_stop() == (StopReason.TOOL_USE, "completed")


def test_calls_side_by_side_are_told_apart_by_their_index() -> None:
    told = [call_added(0), call_added(1, "call_b"), args(1, '{"b":'), args(0, '{"a":'), args(1, "2}"), args(0, "1}")]
    held = held_after(*told, call_done(0, '{"a":1}'), call_done(1, '{"b":2}', "call_b"), COMPLETED)
    assert held.completed_calls == (ToolCall("call_a", "look", {"a": 1}), ToolCall("call_b", "look", {"b": 2}))


@pytest.mark.parametrize("whole", ['{"a": 1}', '{"a":2}', '{"b":1}'])
def test_arguments_that_contradict_their_fragments_replace_them(whole: str) -> None:
    told = [call_added(0), args(0, '{"a":1}'), args_done(0, whole), call_done(0, whole)]
    assert events_of(*told) == [
        ToolCallStart("call_a", "look"),
        ToolCallDelta("call_a", '{"a":1}'),
        BlockStop("call_a", arguments=whole),
    ]
    assert held_after(*told, COMPLETED).completed_calls == (ToolCall("call_a", "look", json.loads(whole)),)


def test_the_whole_of_a_custom_call_replaces_its_fragments_too() -> None:
    told = [custom_added(0), custom(0, "x"), done(0, "custom_tool_call", input='y"')]
    assert held_after(*told, COMPLETED).completed_calls == (ToolCall("call_c", "write", {"input": 'y"'}),)


@given(st.text(max_size=30), st.lists(st.integers(0, 60), max_size=5))
def test_the_free_text_of_a_custom_call_is_one_argument(free: str, places: list[int]) -> None:
    units = free.encode("utf-16-be", "surrogatepass")
    edges = [0, *sorted(2 * place for place in places if 2 * place <= len(units)), len(units)]
    fragments = [units[a:b].decode("utf-16-be", "surrogatepass") for a, b in itertools.pairwise(edges)]
    told = [custom_added(0), *[custom(0, piece) for piece in fragments], done(0, "custom_tool_call"), COMPLETED]
    answer = fold(events_of(*told))
    assert answer.calls["call_c"].arguments == {"input": free}


def test_a_call_that_the_ceiling_cut_is_cut() -> None:
    told = [call_added(0), args(0, '{"a":'), call_done(0, '{"a":', status="incomplete")]
    events = events_of(*told, ended("incomplete", incomplete_details={"reason": "max_output_tokens"}))
    assert BlockStop("call_a", is_cut=True) in events
    assert events[-1] == StopReported(StopReason.MAX_TOKENS, "incomplete")


@pytest.mark.parametrize("opened", [call_added(0), custom_added(0)])
def test_a_call_of_which_nothing_was_said_is_not_released_by_the_end(opened: Any) -> None:
    assert held_after(opened, COMPLETED).completed_calls == ()


def test_a_custom_call_that_is_cut_is_not_released() -> None:
    assert held_after(custom_added(0), custom(0, "rm -rf /tmp/x"), ended("incomplete")).completed_calls == ()


def test_a_call_without_arguments_is_complete_with_none() -> None:
    ready = [found for found in events_of(call_added(0), call_done(0, "{}")) if isinstance(found, BlockStop)]
    assert ready == [BlockStop("call_a")]


def test_what_the_accumulator_releases_is_what_the_provider_says_last() -> None:
    accumulator = Accumulator()
    accumulator.fold(ToolCallStart("c", "look"))
    accumulator.fold(ToolCallDelta("c", '{"a":1}'))
    released = accumulator.fold(BlockStop("c", arguments='{"a":2}'))
    assert released == ToolCallReady(ToolCall("c", "look", {"a": 2}))


# --- a call without arguments

NOTHING = [call_added(0), call_done(0, "")]
INCOMPLETE = ended("incomplete", incomplete_details={"reason": "max_output_tokens"})


@pytest.mark.parametrize("called", [NOTHING, NOTHING[1:], [custom_added(0, "call_a"), custom_done(0, "", "call_a")]])
def test_a_call_that_ended_without_arguments_is_complete_unless_the_answer_was_cut(called: list[Any]) -> None:
    assert [call.id for call in held_after(*called, COMPLETED).completed_calls] == ["call_a"]
    assert held_after(*called, INCOMPLETE).completed_calls == ()
    assert BlockStop("call_a", is_cut=True) in events_of(*called, INCOMPLETE)
    assert held_after(*called).snapshot().in_flight_tools


@pytest.mark.parametrize(
    "after", [added(1), call_added(1, "call_b"), added(1, "web_search_call"), text(1, "x"), message_done(1, "x")]
)
def test_a_call_without_arguments_is_complete_once_another_item_follows(after: Any) -> None:
    events = events_of(*NOTHING, after)
    assert events[:2] == [ToolCallStart("call_a", "look"), BlockStop("call_a")]
    assert held_after(*NOTHING, after, INCOMPLETE).completed_calls == (ToolCall("call_a", "look", {}),)


def test_more_of_an_item_before_a_call_without_arguments_does_not_complete_it() -> None:
    told = [added(0), text(0, "a"), call_added(1), call_done(1, ""), text(0, "b"), INCOMPLETE]
    assert held_after(*told).completed_calls == ()


def test_a_call_that_ended_without_arguments_takes_those_of_the_end() -> None:
    held = held_after(*NOTHING, ended(output=[call_done(0, '{"a":1}')["item"]]))
    assert held.completed_calls == (ToolCall("call_a", "look", {"a": 1}),)


def test_a_server_that_always_says_index_0_still_completes_a_call_without_arguments() -> None:
    told = [*NOTHING, added(0, id="other"), text(0, "b", item_id="other"), INCOMPLETE]
    assert held_after(*told).completed_calls == (ToolCall("call_a", "look", {}),)


# --- the provider's own tools


def test_a_server_tool_runs_until_its_item_is_done() -> None:
    item = {"action": {"type": "search", "query": "x"}, "status": "completed"}
    events = events_of(
        added(0, "web_search_call"), event("web_search_call.searching"), done(0, "web_search_call", **item)
    )
    data = {"id": "item_0", "type": "web_search_call", **item}
    assert events == [
        ServerToolStarted("web_search_call"),
        OpaqueBlockReceived(OpaqueBlock("web_search_call", data, ORIGIN), closes_server_tool=True),
    ]


def closes(*payloads: Any) -> list[bool]:
    return [found.closes_server_tool for found in events_of(*payloads) if isinstance(found, OpaqueBlockReceived)]


def test_of_tools_that_run_side_by_side_the_last_to_end_says_that_none_runs() -> None:
    begun = [added(index, "web_search_call") for index in range(3)]
    assert closes(*begun, done(1, "web_search_call"), done(2, "web_search_call"), done(0, "web_search_call")) == [
        False, False, True,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "output"),
    [("shell_call", "shell_call_output"), ("program", "program_output"), ("tool_search_call", "tool_search_output")],
)
def test_a_tool_with_an_output_runs_until_its_output(kind: str, output: str) -> None:
    told = [added(0, kind, call_id="c"), done(0, kind, call_id="c"), added(1, output), done(1, output, call_id="c")]
    assert closes(*told) == [False, True]


@pytest.mark.parametrize(
    "fields", [{"type": "computer_call"}, {"type": "apply_patch_call"}, {"environment": {"type": "local"}}]
)
def test_a_call_that_only_the_caller_can_carry_out_runs_nowhere(fields: dict[str, Any]) -> None:
    item = {"kind": fields.get("type", "shell_call"), **{k: v for k, v in fields.items() if k != "type"}}
    assert not any(isinstance(found, ServerToolStarted) for found in events_of(added(0, **item), done(0, **item)))


@pytest.mark.parametrize(
    ("kind", "name"),
    [("mcp_call", "ask"), ("code_interpreter_call", ""), ("image_generation_call", ""), ("mcp_list_tools", ""),
     ("file_search_call", ""), ("divination_call", "")],
)  # fmt: skip
def test_a_tool_is_named_by_its_name_or_its_kind_and_a_new_kind_is_taken_for_one(kind: str, name: str) -> None:
    events = events_of(added(0, kind, name=name), done(0, kind, name=name))
    assert events[0] == ServerToolStarted(name or kind)
    assert events[1].block.kind == kind


def test_an_item_that_is_no_tool_is_kept_and_closes_nothing() -> None:
    events = events_of(added(0, "compaction"), done(0, "compaction", encrypted_content="x"))
    assert [(found.block.kind, found.closes_server_tool) for found in events] == [("compaction", False)]


@pytest.mark.parametrize(
    "quiet",
    [
        "code_interpreter_call_code.delta", "code_interpreter_call.interpreting", "mcp_call_arguments.delta",
        "mcp_call.failed", "mcp_list_tools.completed", "file_search_call.searching",
        "image_generation_call.partial_image", "shell_call_command.delta", "shell_call_output_content.done",
        "audio.transcript.delta", "compaction.compacting", "content_part.added", "reasoning_summary_part.done",
    ],
)  # fmt: skip
def test_events_that_the_done_item_repeats_say_nothing_and_are_known(quiet: str) -> None:
    decoder = new_decoder()
    assert decode(decoder, [sse(CREATED, event(quiet, output_index=0, delta="x"))])[1:] == []
    assert decoder.ignored.total() == 0
