"""The Messages stream: what each event means, and what is no longer the wire format."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from riverrun import Anthropic
from riverrun.engine.core.failures import FailureKind
from riverrun.engine.core.messages import OpaqueBlock
from riverrun.engine.core.policy import Limits
from riverrun.engine.core.stop import StopReason
from riverrun.engine.core.stream_events import (
    AnswerRestarted,
    BlockStop,
    KeepAlive,
    OpaqueBlockReceived,
    ReasoningDelta,
    ReasoningSignature,
    RedactedReasoning,
    ResponseStarted,
    ServerToolStarted,
    StopReported,
    StreamFailed,
    TextDelta,
    ToolCallDelta,
    ToolCallStart,
)
from riverrun.engine.core.usage import UsageReport
from riverrun.providers.anthropic.ending import STOP_REASONS
from riverrun.providers.wire.finish_words import FAULT_WORDS
from tests.providers.fold import decode, fold
from tests.providers.samples import (
    ANTHROPIC_ANSWER,
    MESSAGE_STOP,
    block_delta,
    block_start,
    block_stop,
    message_delta,
    message_start,
    sse,
    tool_start,
)


def new_decoder(**limits: int) -> Any:
    return Anthropic("claude-test", api_key="sk-ant-canary").decoder(Limits(**limits))


def events_of(*payloads: Any) -> list[Any]:
    """The events after the message's own start."""
    events = decode(new_decoder(), [sse(message_start(), *payloads)])
    return events[2:]


def defect_of(*payloads: Any, **limits: int) -> str:
    decoder = new_decoder(**limits)
    decode(decoder, [sse(*payloads)])
    assert not decoder.is_complete
    assert decoder.defect is not None
    assert decoder.feed(sse(message_start())) == []
    return str(decoder.defect)


def test_a_whole_answer_is_read() -> None:
    decoder = new_decoder()
    answer = fold(decode(decoder, [ANTHROPIC_ANSWER]))
    assert answer.text == 'Hello, wörld 🌍\n“”\u2028 and \\ and "'
    assert (answer.reasoning, answer.signatures) == ("Let me see. “Über”", ["sig=="])
    assert answer.calls["toolu_1"].arguments == {"city": "São Paulo"}
    assert answer.stop == StopReported(StopReason.TOOL_USE, "tool_use")
    assert (answer.usage.input, answer.usage.output) == (10, 42)
    assert decoder.is_complete
    assert decoder.ignored.total() == 0


@given(st.lists(st.integers(0, len(ANTHROPIC_ANSWER)), max_size=12))
def test_an_answer_is_read_the_same_however_it_is_cut(places: list[int]) -> None:
    edges = [0, *sorted(places), len(ANTHROPIC_ANSWER)]
    chunks = [ANTHROPIC_ANSWER[a:b] for a, b in itertools.pairwise(edges)]
    assert decode(new_decoder(), chunks) == decode(new_decoder(), [ANTHROPIC_ANSWER])


END = sse(message_delta("tool_use", output_tokens=42), MESSAGE_STOP)


@pytest.mark.parametrize("at", range(0, len(ANTHROPIC_ANSWER) - len(END), 7))
def test_an_answer_that_ends_before_its_stop_reason_is_never_complete(at: int) -> None:
    decoder = new_decoder()
    decode(decoder, [ANTHROPIC_ANSWER[:at]])
    assert (decoder.is_complete, decoder.defect) == (False, None)


@pytest.mark.parametrize("at", range(len(ANTHROPIC_ANSWER) - len(sse(MESSAGE_STOP)), len(ANTHROPIC_ANSWER), 7))
@pytest.mark.parametrize("is_broken", [False, True])
def test_an_answer_is_complete_at_its_stop_reason_with_every_block_closed(at: int, is_broken: bool) -> None:
    decoder, whole = new_decoder(), new_decoder()
    events = list(decoder.feed(ANTHROPIC_ANSWER[:at]))
    events += decoder.close_broken() if is_broken else decoder.close()
    assert (decoder.is_complete, decoder.defect) == (True, None)
    assert events == decode(whole, [ANTHROPIC_ANSWER])


def test_the_last_event_counts_without_its_blank_line_if_its_json_is_whole() -> None:
    whole, short = new_decoder(), new_decoder()
    stopped = ANTHROPIC_ANSWER.removesuffix(sse(MESSAGE_STOP)).rstrip(b"\n")
    decode(whole, [stopped])
    decode(short, [stopped[:-1]])
    assert (whole.is_complete, short.is_complete, short.defect) == (True, False, None)
    assert (whole.is_cut, short.is_cut) == (False, True)


BEGUN = [message_start(), block_start(0), block_delta(0, "The Rhine")]
CLOSED = [*BEGUN, block_stop(0)]


def ends(*payloads: Any, is_broken: bool = False) -> bool:
    decoder = new_decoder()
    decoder.feed(sse(*payloads))
    _ = decoder.close_broken() if is_broken else decoder.close()
    return decoder.is_complete


def test_a_stop_reason_counts_without_the_trailer_only_as_the_last_word() -> None:
    more = [block_start(1), block_delta(1, " rises"), block_stop(1)]
    assert ends(*CLOSED, message_delta("end_turn"))
    assert not ends(*BEGUN, message_delta("end_turn"))  # a block is open
    assert not ends(*CLOSED, message_delta("end_turn"), *more)
    assert ends(*CLOSED, message_delta("end_turn"), *more, MESSAGE_STOP)
    assert ends(*CLOSED, message_delta("vibes"))
    assert not ends(*CLOSED, message_delta("vibes"), is_broken=True)  # a word that nobody knows is no evidence
    assert not ends(*CLOSED)
    assert not ends(*CLOSED, message_delta("null"))


def test_half_a_frame_behind_the_stop_reason_is_its_trailer_unless_more_was_to_be_said() -> None:
    trailer, more = 'event: message_stop\ndata: {"type":"m', 'data: {"type":"content_block_start"'
    for half, is_whole in ((trailer, True), (more, False)):
        decoder = new_decoder()
        decoder.feed(sse(*CLOSED, message_delta("end_turn")) + half.encode())
        decoder.close()
        assert decoder.is_complete is is_whole


@pytest.mark.parametrize("word", sorted(FAULT_WORDS))
def test_a_stop_reason_that_names_a_failure_is_one(word: str) -> None:
    decoder = new_decoder()
    events = decode(decoder, [sse(*CLOSED, message_delta(word), MESSAGE_STOP)])
    assert isinstance(events[-1], StreamFailed)
    assert not decoder.is_complete


@pytest.mark.parametrize(
    ("word", "reason"),
    [
        ("sensitive", StopReason.CONTENT_FILTER),
        ("length", StopReason.MAX_TOKENS),
        ("tool_calls", StopReason.TOOL_USE),
        ("stop", StopReason.END_TURN),
        ("SAFETY", StopReason.CONTENT_FILTER),
    ],
)
def test_a_word_of_another_format_says_what_it_says_there(word: str, reason: StopReason) -> None:
    assert decode(new_decoder(), [sse(*CLOSED, message_delta(word))])[-1] == StopReported(reason, word)


def test_message_start_names_the_response_and_its_input() -> None:
    usage = {"input_tokens": 3, "cache_creation_input_tokens": 20, "cache_read_input_tokens": 100, "output_tokens": 1}
    events = decode(new_decoder(), [sse(message_start("msg_9", **usage))])
    report = UsageReport(input=123, cached_input=100, cache_write=20, output=1)
    assert events == [ResponseStarted("msg_9", "claude-test"), report]


def test_usage_is_merged_field_by_field_and_null_says_nothing() -> None:
    delta = message_delta("end_turn", output_tokens=9, input_tokens=None, output_tokens_details={"thinking_tokens": 4})
    report, _stop = events_of(delta)
    assert report == UsageReport(input=10, output=9, reasoning=4)


def test_the_last_of_several_stop_reasons_counts() -> None:
    answer = fold(events_of(message_delta("max_tokens"), message_delta("end_turn"), MESSAGE_STOP))
    assert answer.stop == StopReported(StopReason.END_TURN, "end_turn")


@pytest.mark.parametrize(("word", "reason"), [*STOP_REASONS.items(), ("something_new", StopReason.OTHER)])
def test_every_stop_word_has_a_reason(word: str, reason: StopReason) -> None:
    assert events_of(message_delta(word))[-1] == StopReported(reason, word)


def test_text_of_the_start_is_text() -> None:
    assert events_of(block_start(0, text="He"), block_delta(0, "llo"))[:2] == [TextDelta("He"), TextDelta("llo")]


def test_an_empty_delta_says_nothing() -> None:
    assert events_of(block_start(0), block_delta(0, ""), block_stop(0)) == [BlockStop()]


def test_thinking_is_reasoning_with_a_signature() -> None:
    events = events_of(
        block_start(0, "thinking"),
        block_delta(0, "hm", "thinking_delta"),
        block_delta(0, "s", "signature_delta"),
        block_stop(0),
    )
    assert events == [ReasoningDelta("hm"), ReasoningSignature("s"), BlockStop()]


def test_thinking_of_the_start_counts_too() -> None:
    events = events_of(block_start(0, "thinking", thinking="hm", signature="s"), block_stop(0))
    assert events == [ReasoningDelta("hm"), ReasoningSignature("s"), BlockStop()]


def test_redacted_thinking_is_kept() -> None:
    assert events_of(block_start(0, "redacted_thinking", data="xx"), block_stop(0)) == [RedactedReasoning("xx")]


def test_empty_fragments_of_arguments_are_skipped() -> None:
    events = events_of(
        tool_start(0),
        block_delta(0, "", "input_json_delta"),
        block_delta(0, '{"n":1}', "input_json_delta"),
        block_stop(0),
    )
    assert events == [ToolCallStart("toolu_1", "look"), ToolCallDelta("toolu_1", '{"n":1}'), BlockStop("toolu_1")]


def test_a_call_without_arguments_has_no_delta() -> None:
    events = events_of(tool_start(0), block_stop(0), message_delta("tool_use"))
    assert events[:2] == [ToolCallStart("toolu_1", "look"), BlockStop("toolu_1")]


def test_arguments_that_came_with_the_start_are_said_at_the_stop() -> None:
    events = events_of(tool_start(0, input={"city": "Bern"}), block_stop(0))
    assert events[1:] == [ToolCallDelta("toolu_1", '{"city":"Bern"}'), BlockStop("toolu_1")]


def test_calls_may_interleave() -> None:
    fragment = "input_json_delta"
    answer = fold(
        events_of(
            tool_start(0, "a"),
            tool_start(1, "b"),
            block_delta(1, '{"n":', fragment),
            block_delta(0, '{"n":1}', fragment),
            block_stop(0),
            block_delta(1, "2}", fragment),
            block_stop(1),
        )
    )
    assert [call.arguments for call in answer.calls.values()] == [{"n": 1}, {"n": 2}]


def test_a_server_tool_is_announced_and_kept_whole() -> None:
    started, received = events_of(
        block_start(0, "server_tool_use", id="s1", name="web_search", input={}),
        block_delta(0, '{"query":', "input_json_delta"),
        block_delta(0, '"x"}', "input_json_delta"),
        block_stop(0),
    )
    data = {"type": "server_tool_use", "id": "s1", "name": "web_search", "input": {"query": "x"}}
    assert started == ServerToolStarted("web_search")
    assert received == OpaqueBlockReceived(OpaqueBlock("server_tool_use", data, "anthropic/claude-test"))


@pytest.mark.parametrize("kind", ["web_search_tool_result", "mcp_tool_result", "bash_code_execution_tool_result"])
def test_a_result_closes_its_server_tool(kind: str) -> None:
    (received,) = events_of(block_start(0, kind, tool_use_id="s1", content=[]), block_stop(0))
    assert received.closes_server_tool
    assert received.block.data == {"type": kind, "tool_use_id": "s1", "content": []}


def test_a_result_that_was_not_closed_is_not_kept() -> None:
    assert events_of(block_start(0, "web_search_tool_result", tool_use_id="s1", content=[])) == []


def test_an_unknown_block_is_kept_and_one_with_unknown_deltas_is_not() -> None:
    assert len(events_of(block_start(0, "hologram", id="h"), block_stop(0))) == 1
    assert events_of(block_start(0, "hologram", id="h"), block_delta(0, 1, "hologram_delta"), block_stop(0)) == []


def test_citations_are_known_and_say_nothing() -> None:
    decoder = new_decoder()
    decode(decoder, [sse(message_start(), block_start(0), block_delta(0, {}, "citations_delta"))])
    assert decoder.ignored.total() == 0


def test_what_is_not_known_is_counted_and_changes_nothing() -> None:
    decoder = new_decoder()
    known = [message_start(), block_start(0), block_delta(0, "x")]
    strange = [known[0], {"type": "weather"}, known[1], block_delta(0, 1, "smell_delta"), known[2], {}]
    assert decode(decoder, [sse(*strange)]) == decode(new_decoder(), [sse(*known)])
    assert decoder.ignored.total() == 3


def test_a_ping_may_come_before_everything() -> None:
    assert decode(new_decoder(), [sse({"type": "ping"})]) == [KeepAlive()]


def test_a_second_message_start_voids_what_was_said() -> None:
    events = decode(new_decoder(), [sse(message_start("a"), block_start(0), block_delta(0, "x"), message_start("b"))])
    assert [AnswerRestarted(), ResponseStarted("b", "claude-test")] == events[3:5]


def test_a_second_message_start_before_any_content_voids_nothing() -> None:
    events = decode(new_decoder(), [sse(message_start("a"), message_start("a"))])
    assert AnswerRestarted() not in events


def test_nothing_after_the_end_counts() -> None:
    decoder = new_decoder()
    error = {"type": "error", "error": {"type": "overloaded_error", "message": "late"}}
    events = decode(decoder, [sse(message_start(), message_delta(), MESSAGE_STOP, error, MESSAGE_STOP, "[DONE]", "{")])
    assert not any(isinstance(event, StreamFailed) for event in events)
    assert (decoder.is_complete, decoder.defect, decoder.ignored.total()) == (True, None, 4)


@pytest.mark.parametrize("word", ["max_tokens", "model_context_window_exceeded", "refusal"])
def test_a_call_that_is_open_when_the_answer_is_cut_is_cut(word: str) -> None:
    decoder = new_decoder()
    tail = [block_delta(0, '{"a":', "input_json_delta"), message_delta(word), MESSAGE_STOP]
    events = decode(decoder, [sse(message_start(), tool_start(0), *tail)])
    assert events[-1] == BlockStop("toolu_1", is_cut=True)
    assert decoder.is_complete


def test_text_that_is_open_at_the_end_is_closed() -> None:
    assert events_of(block_start(0), block_delta(0, "x"), message_delta("max_tokens"), MESSAGE_STOP)[-1] == BlockStop()


ERRORS = {
    "overloaded_error": (FailureKind.OVERLOADED, 529),
    "rate_limit_error": (FailureKind.RATE_LIMITED, 429),
    "api_error": (FailureKind.PROVIDER, 500),
    "timeout_error": (FailureKind.PROVIDER, 504),
    "invalid_request_error": (FailureKind.INVALID_REQUEST, None),
    "authentication_error": (FailureKind.UNAUTHORIZED, None),
    "permission_error": (FailureKind.UNAUTHORIZED, None),
    "billing_error": (FailureKind.QUOTA_EXHAUSTED, None),
    "not_found_error": (FailureKind.MODEL_NOT_FOUND, None),
    "brand_new_error": (FailureKind.PROVIDER, None),
}


@pytest.mark.parametrize("code", ERRORS)
def test_an_error_in_the_stream_is_a_failure_and_ends_it(code: str) -> None:
    decoder = new_decoder()
    error = {"type": "error", "error": {"type": code, "message": "no\nluck"}}
    events = decode(decoder, [sse(message_start(), error, message_delta(), MESSAGE_STOP)])
    failure = events[-1].failure
    assert (failure.kind, failure.status, failure.code) == (*ERRORS[code], code)
    assert "no\\nluck" in failure.message
    assert (decoder.is_complete, decoder.defect) == (False, None)


def test_an_overflow_in_the_stream_is_an_overflow() -> None:
    error = {"type": "error", "error": {"type": "invalid_request_error", "message": "prompt is too long: 9 > 8"}}
    assert events_of(error)[-1].failure.kind is FailureKind.CONTEXT_OVERFLOW


def test_an_error_is_known_by_its_event_name_too() -> None:
    raw = b'event: error\ndata: {"error":{"type":"overloaded_error","message":"x"}}\n\n'
    (failed,) = decode(new_decoder(), [raw])
    assert failed.failure.kind is FailureKind.OVERLOADED


def test_an_error_does_not_show_the_key() -> None:
    error = {"type": "error", "error": {"type": "api_error", "message": "key sk-ant-canary is odd"}}
    assert "canary" not in repr(events_of(error))


DEFECTS: dict[str, list[Any]] = {
    "a block before the message": [block_start(0)],
    "a stop before the message": [MESSAGE_STOP],
    "a delta of a block that never began": [message_start(), block_delta(0, "x")],
    "a delta after the stop": [message_start(), block_start(0), block_stop(0), block_delta(0, "x")],
    "a second start of a block": [message_start(), block_start(0), block_start(0)],
    "an index below none": [message_start(), block_start(-1)],
    "an index that is no number": [message_start(), {"type": "content_block_start", "index": "0", "content_block": {}}],
    "a call without a name": [message_start(), tool_start(0, name="")],
    "arguments in a block of text": [message_start(), block_start(0), block_delta(0, "{", "input_json_delta")],
    "text in a call": [message_start(), tool_start(0), block_delta(0, "x")],
    "the end while a call is open": [message_start(), tool_start(0), message_delta("tool_use"), MESSAGE_STOP],
    "no JSON": [message_start(), "{nope"],
    "JSON that is no object": [message_start(), "[1]"],
    "JSON that nests too deep": [message_start(), '{"a":' * 200 + "1" + "}" * 200],
    "JSON that nests very deep": [message_start(), '{"a":' * 200_000 + "1" + "}" * 200_000],
    "not a number": ['{"type":"ping","n":NaN}'],
    "a number that is infinite": ['{"type":"ping","n":1e999}'],
    "an integer of 5,000 digits": ['{"type":"ping","n":' + "9" * 5000 + "}"],
    "content given twice": [
        message_start(),
        block_start(0),
        '{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"a","text":"b"}}',
    ],
    "arguments with a key twice": [
        message_start(),
        '{"type":"content_block_start","index":0,"content_block":{"type":"tool_use","id":"a","name":"b",'
        '"input":{"x":1,"x":2}}}',
    ],
    "a server tool without an object": [
        message_start(),
        block_start(0, "server_tool_use", id="s", name="n", input={}),
        block_delta(0, "[1]", "input_json_delta"),
        block_stop(0),
        message_delta("end_turn"),
    ],
}


@pytest.mark.parametrize("name", DEFECTS)
def test_what_is_not_the_wire_format_is_a_defect(name: str) -> None:
    defect = defect_of(*DEFECTS[name])
    assert "seen" in defect or "saw" in defect
    assert "expected" in defect
    assert len(defect) < 300


def test_blocks_calls_and_arguments_are_bounded() -> None:
    start = message_start()
    assert "blocks_max" in defect_of(start, block_start(0), block_stop(0), block_start(1), blocks_max=1)
    assert "calls_max" in defect_of(start, tool_start(0, "a"), tool_start(1, "b"), calls_max=1)
    long = block_delta(0, "x" * 11, "input_json_delta")
    assert "arguments_bytes_max" in defect_of(start, tool_start(0), long, arguments_bytes_max=10)
    assert "line_bytes_max" in defect_of(start, block_start(0, text="x" * 3000), line_bytes_max=1000)


def test_what_came_before_a_defect_is_kept() -> None:
    events = decode(new_decoder(), [sse(message_start(), block_start(0), block_delta(0, "kept"), "{nope")])
    assert events[-1] == TextDelta("kept")


def test_the_halves_of_a_character_are_joined_over_deltas() -> None:
    high, low = json.dumps("🌍")[1:7], json.dumps("🌍")[7:13]
    frame = '{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"HALF"}}'
    halves = [frame.replace("HALF", half) for half in (high, low)]
    answer = fold(events_of(block_start(0), *halves, block_delta(0, "!")))
    assert answer.text == "🌍!"


def test_half_a_character_without_its_pair_is_replaced() -> None:
    half = '{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"a\\ud83c"}}'
    assert fold(events_of(block_start(0), half, block_delta(0, "b"))).text == "a\ufffdb"
    assert fold(events_of(block_start(0), half, block_stop(0))).text == "a\ufffd"


@pytest.mark.parametrize(("reports", "output"), [((1, 0), 1), ((0, 0), 0), ((0, 7), 7), ((1, 7, 0), 7), ((9, 3), 3)])
def test_a_later_zero_replaces_no_count_and_any_other_report_does(reports: tuple[int, ...], output: int) -> None:
    first, *later = reports
    start = message_start()
    start["message"] = {**start["message"], "usage": {"input_tokens": 20, "output_tokens": first}}
    ends = [
        {"type": "message_delta", "delta": {"stop_reason": "refusal"}, "usage": {"output_tokens": count}}
        for count in later
    ]
    answer = fold(decode(new_decoder(), [sse(start, *ends, MESSAGE_STOP)]))
    assert (answer.usage.input, answer.usage.output) == (20, output)
