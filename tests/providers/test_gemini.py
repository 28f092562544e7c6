"""The stream of streamGenerateContent: what parts mean, how an answer ends, and what is no longer the wire format."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from riverrun.engine.core.accumulator import Accumulator
from riverrun.engine.core.failures import FailureKind
from riverrun.engine.core.messages import OpaqueBlock, ReasoningBlock, TextBlock, ToolCall
from riverrun.engine.core.stop import StopReason
from riverrun.engine.core.stream_events import (
    BlockStop,
    OpaqueBlockReceived,
    ReasoningDelta,
    ResponseStarted,
    ServerToolStarted,
    StopReported,
    StreamFailed,
    TextDelta,
    ToolCallDelta,
    ToolCallStart,
)
from riverrun.engine.core.usage import UsageReport
from riverrun.providers.gemini.decode import FAULTS
from tests.providers.fold import decode, fold
from tests.providers.gemini_samples import (
    ANSWER,
    CHUNKS,
    ERROR,
    ORIGIN,
    array,
    call,
    chunk,
    defect_of,
    events_of,
    new_decoder,
    piece,
    sse,
    text,
    thought,
    usage,
)


def blocks_of(*payloads: Any) -> tuple[Any, ...]:
    """What an accumulator holds after these chunks."""
    accumulator = Accumulator(origin=ORIGIN)
    for event in decode(new_decoder(), [sse(*payloads)]):
        accumulator.fold(event)
    assert accumulator.defect is None
    return accumulator.blocks()


# -- a whole answer ---------------------------------------------------------------------------------------------------


def test_an_answer_decodes_to_all_it_says() -> None:
    decoder = new_decoder()
    answer = fold(decode(decoder, [ANSWER]))
    assert answer.text == 'Hello, wörld 🌍\n“”\u2028 and \\ and "done'
    assert answer.reasoning == "Let me see. “Über”"
    assert [(c.name, c.arguments, c.end) for c in answer.calls.values()] == [
        ("look", {"city": "São Paulo"}, "closed"),
        ("go", {}, "closed"),
        ("write", {"a": [{"b": "xÿ"}], "n": 0.5}, "closed"),
    ]
    assert answer.signatures == ["c2lnMQ==", "c2lnMg=="]
    assert answer.stop == StopReported(StopReason.TOOL_USE, "STOP")
    assert (decoder.is_complete, decoder.defect, decoder.ignored.total()) == (True, None, 0)


@given(st.lists(st.integers(1, 60), max_size=200), st.booleans())
def test_how_the_bytes_are_cut_changes_nothing(sizes: list[int], is_array: bool) -> None:
    data, at, chunks = array(*CHUNKS) if is_array else ANSWER, 0, []
    for size in sizes:
        chunks.append(data[at : at + size])
        at += size
    whole, cut_up = new_decoder(), new_decoder()
    assert decode(cut_up, [*chunks, data[at:]]) == decode(whole, [data])
    assert cut_up.is_complete
    assert whole.is_complete


def test_byte_by_byte_is_the_same() -> None:
    for data in (ANSWER, array(*CHUNKS), sse(CHUNKS[0]) + json.dumps(ERROR, indent=2).encode()):
        whole, bytewise = new_decoder(), new_decoder()
        assert decode(bytewise, [data[at : at + 1] for at in range(len(data))]) == decode(whole, [data])
        assert (bytewise.is_complete, bytewise.defect) == (whole.is_complete, whole.defect)


def test_an_array_says_the_same_as_events() -> None:
    assert decode(new_decoder(), [array(*CHUNKS)]) == decode(new_decoder(), [ANSWER])


def test_an_answer_names_itself_once() -> None:
    events = decode(new_decoder(), [ANSWER])
    assert [e for e in events if isinstance(e, ResponseStarted)] == [ResponseStarted("resp-1", "gemini-test")]


def test_an_id_that_comes_late_is_taken() -> None:
    first = {"candidates": [{"content": {"parts": [text("a")]}}], "modelVersion": "m"}
    assert fold(decode(new_decoder(), [sse(first, chunk(text("b"), finish="STOP"))])).response_id == "resp-1"


# -- parts ------------------------------------------------------------------------------------------------------------


def test_a_block_ends_where_the_kind_changes() -> None:
    assert events_of(chunk(thought("a"), thought("b"), text("c"))) == [
        ReasoningDelta("a"), ReasoningDelta("b"), BlockStop(), TextDelta("c"),
    ]  # fmt: skip


def test_a_signature_on_a_call_is_a_block_directly_before_it() -> None:
    blocks = blocks_of(chunk(thought("why")), chunk(call("look", "sig", args={"a": 1}, id="x")), chunk(call("go")))
    assert blocks[:3] == (
        ReasoningBlock("why", origin=ORIGIN),
        ReasoningBlock("", "sig", origin=ORIGIN),
        ToolCall("x", "look", {"a": 1}),
    )
    assert isinstance(blocks[3], ToolCall)


@pytest.mark.parametrize(
    "parts", [[text("a"), text("", "sig")], [text("a", "sig")], [text("a"), {"thoughtSignature": "sig"}]]
)
def test_a_signature_on_text_is_a_block_after_it(parts: list[Any]) -> None:
    assert blocks_of(chunk(*parts)) == (TextBlock("a"), ReasoningBlock("", "sig", origin=ORIGIN))


def test_text_after_signed_text_is_a_block_of_its_own() -> None:
    blocks = blocks_of(chunk(text("a", "sig")), chunk(text("b")))
    assert blocks == (TextBlock("a"), ReasoningBlock("", "sig", origin=ORIGIN), TextBlock("b"))


def test_a_signed_thought_is_not_merged_with_one_that_is_not() -> None:
    blocks = blocks_of(chunk(thought("a")), chunk(thought("b", "sig")), chunk(thought("c")))
    assert blocks == (
        ReasoningBlock("a", origin=ORIGIN),
        ReasoningBlock("b", "sig", origin=ORIGIN),
        ReasoningBlock("c", origin=ORIGIN),
    )


def test_ids_are_made_up_unique_and_of_their_response() -> None:
    first = fold(events_of(chunk(call("a"), call("a")), chunk(call("a"))))
    other = fold(events_of({**chunk(call("a")), "responseId": "resp-2"}))
    assert len(first.calls) == 3
    assert not first.calls.keys() & other.calls.keys()


def test_responses_without_an_id_make_up_different_ids() -> None:
    nameless = [{"candidates": chunk(call("a", args={"n": n}))["candidates"]} for n in (1, 2)]
    ids = [list(fold(decode(new_decoder(), [sse(one)])).calls) for one in nameless]
    assert ids[0] != ids[1]


def test_a_call_that_is_streamed_is_announced_at_once_and_grows() -> None:
    begin, *more = [
        new_decoder_fed(sse(chunk(call("write", willContinue=True)))),
    ]
    assert not more
    assert [type(event) for event in begin][-1] is ToolCallStart
    fragments = [
        event.args_delta
        for event in events_of(
            chunk(call("write", willContinue=True)),
            chunk(call(None, partialArgs=[piece("$.text", "a\n", willContinue=True)], willContinue=True)),
            chunk(call(None, partialArgs=[piece("$.text", 'b"', willContinue=True)], willContinue=True)),
            chunk(call(None)),
        )
        if isinstance(event, ToolCallDelta)
    ]
    assert len(fragments) == 3
    assert json.loads("".join(fragments)) == {"text": 'a\nb"'}


def new_decoder_fed(data: bytes) -> list[Any]:
    return list(new_decoder().feed(data))


def test_half_of_a_streamed_call_is_never_a_whole_one() -> None:
    begun = [chunk(call("w", willContinue=True)), chunk(call(None, partialArgs=[piece("$.a", "x")], willContinue=True))]
    (cut,) = fold(events_of(*begun, chunk(finish="MAX_TOKENS"))).calls.values()
    assert (cut.end, cut.arguments) == ("cut", None)
    assert "expected its end first" in defect_of(*begun, chunk(text(""), finish="STOP"))


def test_whole_args_may_come_with_more_to_follow() -> None:
    (one,) = fold(events_of(chunk(call("a", args={"x": 1}, willContinue=True)), chunk(call(None)))).calls.values()
    assert (one.arguments, one.end) == ({"x": 1}, "closed")


def test_the_end_of_a_call_that_is_not_open_is_counted() -> None:
    decoder = new_decoder()
    decode(decoder, [sse(chunk(call(None)), chunk(text("a"), finish="STOP"))])
    assert (decoder.is_complete, decoder.ignored.total()) == (True, 1)


def test_code_that_the_server_runs_is_announced_and_kept_whole() -> None:
    ran, result = {"executableCode": {"code": "1"}, "thoughtSignature": "s"}, {"codeExecutionResult": {"output": "1"}}
    assert events_of(chunk(ran), chunk(result)) == [
        ServerToolStarted("code_execution"),
        OpaqueBlockReceived(OpaqueBlock("executableCode", ran, ORIGIN)),
        OpaqueBlockReceived(OpaqueBlock("codeExecutionResult", result, ORIGIN), closes_server_tool=True),
    ]


def test_a_server_tool_is_over_when_every_call_has_its_result() -> None:
    asked = [{"toolCall": {"id": name, "toolType": "GOOGLE_SEARCH_WEB"}} for name in "ab"]
    told = [{"toolResponse": {"id": name, "toolType": "GOOGLE_SEARCH_WEB"}} for name in "ab"]
    answer = fold(events_of(chunk(*asked), chunk(*told)))
    assert answer.server_tools == ["GOOGLE_SEARCH_WEB"] * 2
    assert [received.closes_server_tool for received in answer.opaque] == [False, False, False, True]


@pytest.mark.parametrize("kind", ["inlineData", "fileData", "hologram"])
def test_what_only_the_provider_understands_is_kept_as_it_came(kind: str) -> None:
    part = {"thought": True, kind: {"x": 1}, "thoughtSignature": "s"}
    assert events_of(chunk(part)) == [OpaqueBlockReceived(OpaqueBlock(kind, part, ORIGIN))]


def test_what_says_nothing_is_counted_and_changes_nothing() -> None:
    decoder = new_decoder()
    odd = ["x", {}, {"thought": True}, {"text": 1}, {"functionCall": None}, {"partMetadata": {}}]
    events = decode(decoder, [sse(chunk(*odd), "[DONE]", chunk(text("a"), finish="STOP", weather="fine"))])
    assert [event for event in events if isinstance(event, TextDelta)] == [TextDelta("a")]
    assert (decoder.ignored.total(), decoder.is_complete) == (7, True)


def test_only_the_first_candidate_is_read() -> None:
    decoder = new_decoder()
    second = {"content": {"parts": [text("no")]}, "index": 1, "finishReason": "SAFETY"}
    both = {**chunk(text("yes")), "candidates": [second, *chunk(text("yes"))["candidates"]]}
    nameless = {"candidates": [{"content": {"parts": [text("!")]}}, {"content": {"parts": [text("no")]}}]}
    answer = fold(decode(decoder, [sse(both, {"candidates": [second]}, nameless, chunk(finish="STOP"))]))
    assert (answer.text, answer.stop and answer.stop.word, decoder.ignored.total()) == ("yes!", "STOP", 3)


def test_the_halves_of_a_character_are_joined_over_chunks() -> None:
    halves = [json.dumps(chunk(text("HALF"))).replace("HALF", half) for half in ("a\\ud83c", "\\udf0d!", "\\ud83c")]
    assert fold(events_of(*halves, chunk(finish="STOP"))).text == "a🌍!\ufffd"
    assert blocks_of(halves[0], chunk(call("x")))[0] == TextBlock("a\ufffd")


# -- the end ----------------------------------------------------------------------------------------------------------

FILTERS = (
    "SAFETY RECITATION LANGUAGE BLOCKLIST PROHIBITED_CONTENT SPII MODEL_ARMOR ESCALATION PUP_LIMITED_DISABLED "
    "IMAGE_SAFETY IMAGE_PROHIBITED_CONTENT IMAGE_RECITATION IMAGE_OTHER"
)
REASONS = {
    "STOP": StopReason.END_TURN,
    "MAX_TOKENS": StopReason.MAX_TOKENS,
    **dict.fromkeys(FILTERS.split(" "), StopReason.CONTENT_FILTER),
    **dict.fromkeys(("NO_IMAGE", "TOO_MANY_TOOL_CALLS", "BRAND_NEW"), StopReason.OTHER),
}


@pytest.mark.parametrize("word", REASONS)
def test_a_finish_reason_is_the_end_it_means(word: str) -> None:
    decoder = new_decoder()
    last = decode(decoder, [sse(chunk(text("a")), chunk(finish=word, **usage()))])[-1]
    assert last == StopReported(REASONS[word], word)
    assert decoder.is_complete


@pytest.mark.parametrize("word", sorted(FAULTS))
def test_a_fault_of_the_model_may_be_mended_by_another_attempt(word: str) -> None:
    failed = events_of(chunk(text("a")), chunk(finish=word))[-1].failure
    assert failed.is_retryable == (word != "MISSING_THOUGHT_SIGNATURE")
    assert (failed.code, word in failed.message) == (word, True)


def test_the_usage_of_a_fault_is_counted() -> None:
    assert fold(events_of(chunk(finish="MALFORMED_FUNCTION_CALL", **usage(prompt=10, candidates=5)))).usage.total == 15


def test_a_hop_of_a_long_decode_is_an_interruption_and_keeps_what_was_said() -> None:
    decoder = new_decoder()
    last = chunk(text("half"), finish="CONTINUATION")
    last["candidates"][0]["continuationToken"] = "dG9rZW4="
    answer = fold(decode(decoder, [sse(last)]))
    assert (answer.text, decoder.is_complete, answer.stop) == ("half", False, None)
    assert answer.failure.is_retryable


@pytest.mark.parametrize("reason", ["SAFETY", "OTHER", "BLOCKLIST", "PROHIBITED_CONTENT", "JAILBREAK", "BRAND_NEW"])
def test_a_blocked_prompt_is_an_answer_that_was_filtered(reason: str) -> None:
    decoder = new_decoder()
    (stopped,) = decode(decoder, [sse({"promptFeedback": {"blockReason": reason}})])
    assert stopped == StopReported(StopReason.CONTENT_FILTER, reason)
    assert decoder.is_complete


def test_a_reason_that_is_not_specified_is_none() -> None:
    decoder = new_decoder()
    decode(decoder, [sse(chunk(text("a"), finish="FINISH_REASON_UNSPECIFIED"))])
    assert not decoder.is_complete


def test_an_answer_is_complete_only_at_its_end() -> None:
    decoder = new_decoder()
    decoder.feed(sse(chunk(text("a"), finish="STOP")))
    assert not decoder.is_complete
    decoder.close()
    assert decoder.is_complete


def test_content_may_follow_a_finish_reason_and_another_must() -> None:
    first, more = chunk(text("a"), finish="STOP"), chunk(text("b"))
    answered, open_ended = new_decoder(), new_decoder()
    answer = fold(decode(answered, [sse(first, more, chunk(finish="MAX_TOKENS"))]))
    assert (answer.text, answer.stop and answer.stop.word, answered.is_complete) == ("ab", "MAX_TOKENS", True)
    decode(open_ended, [sse(first, more)])
    assert not open_ended.is_complete


def test_counts_may_follow_a_finish_reason() -> None:
    decoder = new_decoder()
    answer = fold(decode(decoder, [sse(chunk(text("a"), finish="STOP"), chunk(**usage(prompt=7)))]))
    assert (decoder.is_complete, answer.usage.input) == (True, 7)


def test_no_end_is_no_success() -> None:
    decoder = new_decoder()
    decode(decoder, [sse(chunk(text("a whole sentence.")))])
    assert (decoder.is_complete, decoder.defect) == (False, None)


def test_half_a_chunk_after_a_finish_reason_is_no_success() -> None:
    for rest in (b'data: {"candidates": [{"con', b'{"error": {"code": 5'):
        decoder = new_decoder()
        decode(decoder, [sse(chunk(text("a"), finish="STOP")) + rest])
        assert not decoder.is_complete


def test_a_last_event_without_its_blank_line_counts() -> None:
    decoder = new_decoder()
    assert fold(decode(decoder, [sse(chunk(text("a"), finish="STOP")).rstrip()])).text == "a"
    assert decoder.is_complete


@pytest.mark.parametrize("head", [b"", sse(chunk(text("a"))), sse(chunk(text("a"), finish="STOP"))])
@pytest.mark.parametrize("tail", [sse(ERROR), json.dumps(ERROR, indent=2).encode(), json.dumps([ERROR]).encode()])
def test_an_error_in_the_body_fails_the_answer_in_any_form(head: bytes, tail: bytes) -> None:
    decoder = new_decoder()
    failed = decode(decoder, [head + tail + sse(chunk(text("late"), finish="STOP"))])[-1]
    assert (failed.failure.kind, failed.failure.status) == (FailureKind.OVERLOADED, 503)
    assert (decoder.is_complete, decoder.defect) == (False, None)


def test_an_error_in_an_array_fails_the_answer() -> None:
    assert isinstance(decode(new_decoder(), [array(CHUNKS[0], ERROR)])[-1], StreamFailed)


def test_an_error_does_not_show_the_key() -> None:
    error = {"error": {"code": 400, "message": "key AIza-canary-0123456789 is odd", "status": "INVALID_ARGUMENT"}}
    assert "canary" not in repr(decode(new_decoder(), [sse(error)]))


def test_what_comes_after_the_array_does_not_count() -> None:
    decoder = new_decoder()
    decode(decoder, [array(chunk(text("a"), finish="STOP")), b'{"error": {"code": 500}} junk'])
    assert (decoder.is_complete, decoder.defect) == (True, None)


# -- usage ------------------------------------------------------------------------------------------------------------


def test_output_is_candidates_and_thoughts_and_input_holds_the_tools_prompts() -> None:
    counts = usage(10, 5, 7, cachedContentTokenCount=0, toolUsePromptTokenCount=3)
    reports = [event for event in events_of(chunk(text("a"), **counts)) if isinstance(event, UsageReport)]
    assert reports == [UsageReport(input=13, output=12, cached_input=0, reasoning=7, total=25)]


def test_the_last_counts_replace_all_before_them_also_where_they_shrink() -> None:
    first = chunk(text("a"), **usage(9, 21, 35, cachedContentTokenCount=4))
    answer = fold(events_of(first, chunk(finish="STOP", **usage(87, None, 78))))
    assert (answer.usage.input, answer.usage.output, answer.usage.reasoning) == (87, 78, 78)
    assert (answer.usage.cached_input, answer.usage.total) == (0, 165)


def test_a_traffic_type_alone_says_nothing_about_usage() -> None:
    events = events_of(chunk(text("a"), usageMetadata={"trafficType": "ON_DEMAND"}))
    assert events == [TextDelta("a")]


def test_counts_that_did_not_change_are_not_said_again() -> None:
    events = events_of(chunk(text("a"), **usage()), chunk(text("b"), **usage()))
    assert [type(event) for event in events] == [TextDelta, UsageReport, TextDelta]


# -- defects ----------------------------------------------------------------------------------------------------------

DEFECTS: dict[str, list[Any]] = {
    "no JSON": ["{nope"],
    "JSON that is no object": ["[1]"],
    "JSON that nests too deep": ['{"a":' * 200 + "1" + "}" * 200],
    "JSON that nests very deep": ['{"a":' * 200_000 + "1" + "}" * 200_000],
    "not a number": ['{"n":NaN}'],
    "an infinite number": ['{"n":1e999}'],
    "an integer of 5,000 digits": ['{"n":' + "9" * 5000 + "}"],
    "a count given twice": ['{"usageMetadata":{"promptTokenCount":1,"promptTokenCount":2}}'],
    "an argument given twice": [
        '{"candidates":[{"content":{"parts":[{"functionCall":{"name":"a","args":{"x":1,"x":2}}}]}}]}'
    ],
    "a part of arguments after the whole": [
        chunk(call(args={"a": 1}, willContinue=True)),
        chunk(call(None, partialArgs=[piece("$.b", 1)])),
    ],
    "arguments that are no object": [chunk(call(args=[1]))],
    "arguments of no call": [chunk(call(None, args={"a": 1}))],
    "a piece of no call": [chunk(call(None, partialArgs=[piece("$.a", 1)]))],
    "a call inside a call": [chunk(call(willContinue=True)), chunk(call("other"))],
    "whole arguments after a piece": [
        chunk(call(partialArgs=[piece("$.a", 1)], willContinue=True)),
        chunk(call(None, args={"b": 1})),
    ],
    "pieces out of order": [
        chunk(call(partialArgs=[piece("$.a.b", 1), piece("$.c", 1), piece("$.a.d", 1)], willContinue=True))
    ],
}


@pytest.mark.parametrize("name", DEFECTS)
def test_what_is_not_the_wire_format_is_a_defect(name: str) -> None:
    defect = defect_of(chunk(text("kept")), *DEFECTS[name], chunk(finish="STOP"))
    assert "seen" in defect or "saw" in defect
    assert "expected" in defect
    assert len(defect) < 300


def test_blocks_calls_arguments_and_chunks_are_bounded() -> None:
    assert "blocks_max" in defect_of(chunk(text("a"), thought("b"), text("c")), blocks_max=2)
    assert "calls_max" in defect_of(chunk(call(), call()), calls_max=1)
    assert "arguments_bytes_max" in defect_of(chunk(call(args={"a": "x" * 20})), arguments_bytes_max=10)
    streamed = [piece("$.a", "x" * 6, willContinue=True)]
    parts = [chunk(call(willContinue=True))] + [chunk(call(None, partialArgs=streamed, willContinue=True))] * 3
    assert "arguments_bytes_max" in defect_of(*parts, arguments_bytes_max=15)
    assert "line_bytes_max" in defect_of(chunk(text("x" * 3000)), line_bytes_max=1000)


def test_what_came_before_a_defect_is_kept() -> None:
    assert events_of(chunk(text("kept")), "{nope", chunk(text("late")))[-1] == TextDelta("kept")
