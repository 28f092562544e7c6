"""The Chat Completions stream: what each chunk means, and what is no longer the wire format."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from riverrun import OpenAIChat
from riverrun.engine.core.failures import FailureKind
from riverrun.engine.core.policy import Limits
from riverrun.engine.core.stop import StopReason
from riverrun.engine.core.stream_events import (
    BlockStop,
    ReasoningDelta,
    ResponseStarted,
    StopReported,
    StreamFailed,
    TextDelta,
    ToolCallDelta,
    ToolCallStart,
)
from riverrun.engine.core.usage import UsageReport
from tests.providers.fold import decode, fold
from tests.providers.samples import OPENAI_ANSWER, USAGE, call, chunk, sse


def new_decoder(**limits: int) -> Any:
    return OpenAIChat("gpt-test", api_key="sk-canary-key").decoder(Limits(**limits))


def events_of(*payloads: Any) -> list[Any]:
    """The events of a response, less the one that names it."""
    events = decode(new_decoder(), [sse(*payloads)])
    assert isinstance(events[0], ResponseStarted)
    return events[1:]


def defect_of(*payloads: Any, **limits: int) -> str:
    decoder = new_decoder(**limits)
    decode(decoder, [sse(*payloads)])
    assert not decoder.is_complete
    assert decoder.defect is not None
    assert decoder.feed(sse(chunk({"content": "x"}))) == []
    return str(decoder.defect)


def test_a_whole_answer_is_read() -> None:
    decoder = new_decoder()
    answer = fold(decode(decoder, [OPENAI_ANSWER]))
    assert answer.text == 'Hello, wörld 🌍\n“”\u2028 and \\ and " again'
    assert [c.arguments for c in answer.calls.values()] == [{"city": "São Paulo"}, {}]
    assert answer.stop == StopReported(StopReason.TOOL_USE, "tool_calls")
    assert (answer.response_id, answer.model) == ("chatcmpl-1", "gpt-test")
    assert (answer.usage.input, answer.usage.output, answer.usage.reasoning) == (9, 12, 7)
    assert (decoder.is_complete, decoder.ignored.total()) == (True, 0)


@given(st.lists(st.integers(0, len(OPENAI_ANSWER)), max_size=12))
def test_an_answer_is_read_the_same_however_it_is_cut(places: list[int]) -> None:
    edges = [0, *sorted(places), len(OPENAI_ANSWER)]
    chunks = [OPENAI_ANSWER[a:b] for a, b in itertools.pairwise(edges)]
    assert decode(new_decoder(), chunks) == decode(new_decoder(), [OPENAI_ANSWER])


@pytest.mark.parametrize("at", range(0, OPENAI_ANSWER.index(b'"finish_reason":"tool'), 7))
def test_an_answer_that_ends_early_is_never_complete(at: int) -> None:
    decoder = new_decoder()
    decode(decoder, [OPENAI_ANSWER[:at]])
    assert (decoder.is_complete, decoder.defect) == (False, None)


def test_a_finish_completes_the_answer_only_at_the_end() -> None:
    decoder = new_decoder()
    decoder.feed(sse(chunk({"content": "x"}), chunk({}, "stop")))
    assert not decoder.is_complete
    decoder.close()
    assert decoder.is_complete


def test_done_without_a_finish_proves_nothing() -> None:
    decoder = new_decoder()
    decode(decoder, [sse(chunk({"content": "x"}), "[DONE]")])
    assert (decoder.is_complete, decoder.defect) == (False, None)


def test_the_last_event_counts_without_its_blank_line_if_its_json_is_whole() -> None:
    stream = sse(chunk({"content": "x"}), chunk({}, "stop")).rstrip(b"\n")
    whole, short = new_decoder(), new_decoder()
    decode(whole, [stream])
    decode(short, [stream[:-1]])
    assert (whole.is_complete, short.is_complete, short.defect) == (True, False, None)


def test_an_error_after_the_finish_is_still_a_failure() -> None:
    decoder = new_decoder()
    error = {"error": {"code": 502, "message": "upstream died"}}
    events = decode(decoder, [sse(chunk({}, "length"), error, "[DONE]")])
    assert (events[-1].failure.kind, events[-1].failure.status) == (FailureKind.PROVIDER, 502)
    assert not decoder.is_complete


def test_nothing_after_done_counts() -> None:
    decoder = new_decoder()
    events = decode(decoder, [sse(chunk({}, "stop"), "[DONE]", {"error": {"message": "late"}}, "{")])
    assert not any(isinstance(event, StreamFailed) for event in events)
    assert (decoder.is_complete, decoder.defect, decoder.ignored.total()) == (True, None, 2)


ERRORS: dict[str, tuple[Any, FailureKind]] = {
    "server": ({"error": {"message": "x", "type": "server_error", "code": None}}, FailureKind.PROVIDER),
    "rate": ({"error": {"message": "x", "code": "rate_limit_exceeded"}}, FailureKind.RATE_LIMITED),
    "rate by status": ({"error": {"message": "x", "code": 429}}, FailureKind.RATE_LIMITED),
    "rate by words": ({"error": "Rate limit reached"}, FailureKind.RATE_LIMITED),
    "a look-alike": ({"error": "streamGenerateContent failed"}, FailureKind.PROVIDER),
    "overload": (
        {"error": {"message": "x", "metadata": {"error_type": "provider_overloaded"}}},
        FailureKind.OVERLOADED,
    ),
    "quota": ({"error": {"message": "x", "code": "insufficient_quota"}}, FailureKind.QUOTA_EXHAUSTED),
    "overflow": ({"error": {"message": "maximum context length is 9", "code": 400}}, FailureKind.CONTEXT_OVERFLOW),
    "a model's fault": (
        {"error": {"message": "x", "code": "tool_use_failed", "status_code": 400}},
        FailureKind.PROVIDER,
    ),
    "the older shape": ({"object": "error", "message": "x", "code": 400}, FailureKind.INVALID_REQUEST),
}


@pytest.mark.parametrize("name", ERRORS)
def test_an_error_in_the_stream_is_a_failure_and_ends_it(name: str) -> None:
    error, kind = ERRORS[name]
    decoder = new_decoder()
    events = decode(decoder, [sse(chunk({"content": "x"}), error, chunk({}, "stop"), "[DONE]")])
    assert events[-1].failure.kind is kind
    assert (decoder.is_complete, decoder.defect) == (False, None)


def test_an_error_is_known_by_its_event_name_too() -> None:
    (failed,) = decode(new_decoder(), [b'event: error\ndata: {"message":"sk-canary-key broke"}\n\n'])
    assert failed.failure.kind is FailureKind.PROVIDER
    assert "canary" not in failed.failure.message


@pytest.mark.parametrize("word", ["error", "abort", "insufficient_system_resource"])
def test_a_finish_that_is_a_fault_is_a_failure(word: str) -> None:
    decoder = new_decoder()
    events = decode(decoder, [sse(chunk({"content": "x"}), chunk({}, word), "[DONE]")])
    assert events[-1].failure.is_retryable
    assert not decoder.is_complete


def test_refusal_text_is_text_and_the_stop_is_a_refusal() -> None:
    events = events_of(chunk({"refusal": "I can't."}), chunk({}, "stop"))
    assert events == [TextDelta("I can't."), StopReported(StopReason.REFUSAL, "stop")]


@pytest.mark.parametrize("field", ["reasoning_content", "reasoning"])
def test_reasoning_has_two_names(field: str) -> None:
    assert events_of(chunk({field: "hm", "content": None}))[0] == ReasoningDelta("hm")


def test_reasoning_under_both_names_is_said_once() -> None:
    assert events_of(chunk({"reasoning": "hm", "reasoning_content": "hm"})) == [ReasoningDelta("hm")]


def test_content_may_be_a_list_of_parts() -> None:
    parts = [{"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}, {"type": "text", "text": "so"}, 7]
    assert events_of(chunk({"content": parts})) == [ReasoningDelta("hm"), TextDelta("so")]


WORDS = {
    "stop": StopReason.END_TURN,
    "length": StopReason.MAX_TOKENS,
    "model_length": StopReason.CONTEXT_WINDOW,
    "tool_calls": StopReason.TOOL_USE,
    "content_filter": StopReason.CONTENT_FILTER,
    "something_new": StopReason.OTHER,
}


@pytest.mark.parametrize("word", WORDS)
def test_every_finish_reason_has_a_stop_reason(word: str) -> None:
    assert events_of(chunk({}, word)) == [StopReported(WORDS[word], word)]


def test_a_finish_may_come_twice() -> None:
    again = {**USAGE, "choices": chunk({"role": "assistant", "content": ""}, "stop")["choices"]}
    events = events_of(chunk({"content": "x"}), chunk({}, "stop"), again)
    assert [type(event).__name__ for event in events] == ["TextDelta", "StopReported", "UsageReport"]


def test_usage_is_cumulative_and_may_be_on_any_chunk() -> None:
    told = UsageReport(input=9, output=12, total=21, cached_input=4, reasoning=7)
    assert events_of(chunk({"content": "x"}, usage=USAGE["usage"])) == [TextDelta("x"), told]
    assert events_of(chunk({}, "stop"), USAGE)[-1] == told


def test_only_the_first_choice_is_read() -> None:
    decoder = new_decoder()
    events = decode(decoder, [sse(chunk({"content": "b"}, index=1), chunk({"content": "a"}))])
    assert events[1:] == [TextDelta("a")]
    assert decoder.ignored.total() == 1


def test_frames_of_annotations_change_nothing() -> None:
    azure = {"choices": [], "id": "", "model": "", "prompt_filter_results": [{"prompt_index": 0}]}
    offsets = {"choices": [{"index": 0, "finish_reason": None, "content_filter_offsets": {}}]}
    events = decode(new_decoder(), [sse(azure, chunk({"content": "a"}), offsets, chunk({}, "stop"), offsets, "[DONE]")])
    assert events[:2] == [ResponseStarted("chatcmpl-1", "gpt-test"), TextDelta("a")]
    assert len(events) == 3


def test_a_call_ends_when_the_next_begins_or_at_the_finish() -> None:
    events = events_of(
        chunk(call('{"n":1}', call_id="a", name="f")),
        chunk(call("{", index=1, call_id="b", name="g")),
        chunk(call("}", index=1)),
        chunk({}, "tool_calls"),
    )
    assert events == [
        ToolCallStart("a", "f"), ToolCallDelta("a", '{"n":1}'), BlockStop("a"), ToolCallStart("b", "g"),
        ToolCallDelta("b", "{"), ToolCallDelta("b", "}"), BlockStop("b"),
        StopReported(StopReason.TOOL_USE, "tool_calls"),
    ]  # fmt: skip


def calls_of(*deltas: Any, finish: str = "tool_calls") -> list[tuple[str, str, Any]]:
    answer = fold(events_of(*(chunk(delta) for delta in deltas), chunk({}, finish)))
    assert all(found.end == "closed" for found in answer.calls.values())
    return [(found.id, found.name, found.arguments) for found in answer.calls.values()]


def test_a_new_id_at_a_used_index_is_a_new_call() -> None:
    deltas = call('{"n":1}', call_id="a", name="f"), call('{"n":2}', call_id="b", name="f")
    assert calls_of(*deltas) == [("a", "f", {"n": 1}), ("b", "f", {"n": 2})]


def test_a_repeated_id_and_name_is_the_same_call() -> None:
    deltas = call('{"n"', call_id="a", name="f"), call(":1}", call_id="a", name="f")
    assert calls_of(*deltas) == [("a", "f", {"n": 1})]


def test_calls_without_an_index_are_told_apart_by_id_or_name() -> None:
    both = {"tool_calls": [*call("{}", index=None, call_id="a", name="f")["tool_calls"],
                           *call("{}", index=None, name="f")["tool_calls"]]}  # fmt: skip
    assert calls_of(both) == [("a", "f", {}), ("call_chatcmpl-1_1", "f", {})]


def test_calls_may_interleave_by_index() -> None:
    deltas = (
        call("", call_id="a", name="f"), call("", index=1, call_id="b", name="g"),
        call('{"x":'), call('{"y":', index=1), call("1}"), call("2}", index=1),
    )  # fmt: skip
    assert calls_of(*deltas) == [("a", "f", {"x": 1}), ("b", "g", {"y": 2})]


def test_open_calls_are_closed_at_the_finish_by_their_index() -> None:
    deltas = call('{"y":', index=1, call_id="b", name="g"), call('{"x":', call_id="a", name="f"), call("1}")
    events = events_of(*map(chunk, (*deltas, call("2}", index=1))), chunk({}, "tool_calls"))
    assert [event.id for event in events if isinstance(event, BlockStop)] == ["a", "b"]


def test_a_call_without_arguments_is_not_closed_before_the_finish() -> None:
    begun = chunk(call("", call_id="a", name="f")), chunk(call("{}", index=1, call_id="b", name="g"))
    assert not any(isinstance(event, BlockStop) for event in events_of(*begun))
    assert calls_of(call("", call_id="a", name="f"), call("{}", index=1, call_id="b", name="g"))[0] == ("a", "f", {})


def test_an_id_without_a_name_goes_on_with_the_call_that_is_not_whole() -> None:
    deltas = call("", call_id="a", name="f"), call('{"n":', call_id="b"), call("1}", call_id="c")
    assert calls_of(*deltas) == [("a", "f", {"n": 1})]


@pytest.mark.parametrize("index", [-1, 0, 5])
def test_a_fragment_with_nothing_in_it_is_nothing(index: int) -> None:
    nothing = chunk(call("", index=index))
    assert fold(events_of(chunk({"content": "Hi"}), nothing, chunk({}, "stop"))).text == "Hi"
    assert calls_of(call('{"n":', call_id="a", name="f"), call("", index=index), call("1}")) == [("a", "f", {"n": 1})]


WRONG_ORDER = {
    "the tail of a call at the next index": [call("", call_id="a", name="f"), call('{"x":1}', index=1)],
    "an id at two indexes": [call("", call_id="a", name="f"), call('{"x":1}', index=1, call_id="a", name="f")],
    "a name in parts": [call("", call_id="a", name="get_"), call('{"x":1}', name="weather")],
}


@pytest.mark.parametrize("name", WRONG_ORDER)
def test_a_call_is_not_released_with_arguments_that_are_not_known_to_be_its_own(name: str) -> None:
    decoder = new_decoder()
    events = decode(decoder, [sse(*map(chunk, WRONG_ORDER[name]), chunk({}, "tool_calls"), "[DONE]")])
    assert not any(isinstance(event, BlockStop) for event in events)
    assert decoder.defect is not None


def test_a_fragment_without_index_and_id_goes_to_the_last_call() -> None:
    assert calls_of(call('{"n":', call_id="a", name="f"), call("1}", index=None)) == [("a", "f", {"n": 1})]


def test_a_missing_id_is_made_up_from_the_response() -> None:
    assert calls_of(call("{}", name="f", call_id="")) == [("call_chatcmpl-1_0", "f", {})]


def test_arguments_may_be_an_object() -> None:
    assert calls_of(call({"n": 1}, call_id="a", name="f")) == [("a", "f", {"n": 1})]


def test_a_name_may_come_after_the_first_arguments() -> None:
    assert calls_of(call('{"n":', call_id="a"), call("1}", name="f")) == [("a", "f", {"n": 1})]


def test_the_older_function_call_is_a_call() -> None:
    deltas = {"function_call": {"name": "f", "arguments": '{"n"'}}, {"function_call": {"arguments": ":1}"}}
    assert calls_of(*deltas, finish="function_call") == [("call_chatcmpl-1_0", "f", {"n": 1})]


def test_calls_make_the_stop_tool_use() -> None:
    events = events_of(chunk(call("{}", call_id="a", name="f")), chunk({}, "stop"))
    assert events[-1] == StopReported(StopReason.TOOL_USE, "stop")


@pytest.mark.parametrize("word", ["length", "max_tokens", "MAX_TOKENS", "content_filter"])
def test_a_call_that_the_ceiling_closes_is_cut(word: str) -> None:
    events = events_of(chunk(call('{"n":', call_id="a", name="f")), chunk({}, word))
    assert events[-2] == BlockStop("a", is_cut=True)


def test_a_custom_call_is_counted_and_not_read() -> None:
    decoder = new_decoder()
    custom = {"tool_calls": [{"index": 0, "id": "c", "type": "custom", "custom": {"name": "n", "input": "x"}}]}
    decode(decoder, [sse(chunk(custom), chunk({}, "stop"), "[DONE]")])
    assert (decoder.is_complete, decoder.ignored.total()) == (True, 1)


FIRST = chunk(call('{"n":0}', call_id="a", name="f"))
DEFECTS: dict[str, list[Any]] = {
    "no JSON": ["{nope"],
    "JSON that is no object": ['"text"'],
    "JSON that nests too deep": ['{"a":' * 200 + "1" + "}" * 200],
    "JSON that nests very deep": ["[" * 200_000],
    "an infinite number": ['{"a":-Infinity}'],
    "an integer of 5,000 digits": ['{"choices":[],"usage":{"prompt_tokens":' + "9" * 5000 + "}}"],
    "a count given twice": ['{"choices":[],"usage":{"prompt_tokens":1,"prompt_tokens":2}}'],
    "another answer after the finish": [chunk({}, "stop"), {**chunk({"content": "more"}), "id": "chatcmpl-2"}],
    "arguments of a call that is closed": [FIRST, chunk(call("{}", index=1, call_id="b", name="g")), chunk(call("x"))],
    "an id twice, of which the first has no arguments yet": [
        chunk(call("", call_id="a", name="f")), chunk(call('{"n":1}', index=1, call_id="a", name="f")),
    ],
    "arguments that are a number": [chunk(call(7, call_id="a", name="f"))],
    "a call without a name": [chunk(call("{}", call_id="a")), chunk({}, "stop")],
}  # fmt: skip


@pytest.mark.parametrize("name", DEFECTS)
def test_what_is_not_the_wire_format_is_a_defect(name: str) -> None:
    defect = defect_of(*DEFECTS[name])
    assert "seen" in defect or "saw" in defect
    assert "expected" in defect
    assert len(defect) < 300


def test_calls_and_arguments_are_bounded() -> None:
    second = chunk(call("{}", index=1, call_id="b", name="g"))
    assert "calls_max" in defect_of(FIRST, second, calls_max=1)
    assert "arguments_bytes_max" in defect_of(FIRST, chunk(call("x" * 9)), arguments_bytes_max=10)


def test_the_halves_of_a_character_are_joined_over_chunks() -> None:
    first, second = chunk({"content": "a\ud83c"}), chunk({"content": "\udf0d!"})
    stream = b"".join(b"data: " + _ascii(payload) + b"\n\n" for payload in (first, second, chunk({}, "stop")))
    assert fold(decode(new_decoder(), [stream])).text == "a🌍!"


def test_half_a_character_without_its_pair_is_replaced() -> None:
    stream = b"".join(b"data: " + _ascii(p) + b"\n\n" for p in (chunk({"content": "a\ud83c"}), chunk({}, "stop")))
    assert fold(decode(new_decoder(), [stream])).text == "a\ufffd"


def _ascii(payload: Any) -> bytes:
    return json.dumps(payload).encode()
