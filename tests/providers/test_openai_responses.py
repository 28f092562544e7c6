"""The Responses stream: what each event means, whatever the server leaves out, and how an answer ends."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from riverrun.engine.core.failures import FailureKind
from riverrun.engine.core.ignored import Ignored
from riverrun.engine.core.messages import OpaqueBlock, ReasoningBlock, TextBlock, ToolCall
from riverrun.engine.core.stop import StopReason
from riverrun.engine.core.stream_events import (
    AnswerRestarted,
    BlockStop,
    KeepAlive,
    ReasoningDelta,
    ReasoningSignature,
    ResponseStarted,
    StopReported,
    StreamFailed,
    TextDelta,
)
from riverrun.engine.core.usage import UsageReport
from tests.providers.fold import decode, fold
from tests.providers.openai_responses_samples import (
    ANSWER,
    ANSWER_EVENTS,
    COMPLETED,
    CREATED,
    added,
    call_done,
    done,
    ended,
    event,
    events_of,
    held_after,
    lifecycle,
    message_done,
    new_decoder,
    numbered,
    reasoning_done,
    summary,
    text,
    text_done,
)
from tests.providers.samples import sse

REPORTED = UsageReport(input=30, output=12, cached_input=4, cache_write=2, reasoning=7, total=42)


# --- a whole answer


def test_a_whole_answer_is_read() -> None:
    decoder = new_decoder()
    answer = fold(decode(decoder, [ANSWER]))
    assert answer.text == 'Hello, wörld 🌍\n“”\u2028 and \\ and "'
    assert answer.reasoning == "Let me see. “Über” 🌍 More."
    assert [c.arguments for c in answer.calls.values()] == [{"city": "São Paulo"}, {"input": 'say "hi"\n🌍'}]
    assert answer.stop == StopReported(StopReason.TOOL_USE, "completed")
    assert (answer.response_id, answer.model, answer.pings) == ("resp_1", "gpt-test", 1)
    assert (answer.usage.input, answer.usage.output, answer.usage.reasoning) == (30, 12, 7)
    assert (decoder.is_complete, decoder.defect, decoder.ignored.total()) == (True, None, 0)


def test_the_blocks_of_an_answer_are_held_in_order() -> None:
    reasoning, said, searched, *calls = held_after(*ANSWER_EVENTS[1:]).blocks()
    assert isinstance(reasoning, ReasoningBlock)
    assert json.loads(reasoning.signature or "")["encrypted_content"] == "opaque=="
    assert isinstance(said, TextBlock)
    assert isinstance(searched, OpaqueBlock)
    assert [call.id for call in calls if isinstance(call, ToolCall)] == ["call_a", "call_c"]


@given(st.lists(st.integers(0, len(ANSWER)), max_size=12))
def test_an_answer_is_read_the_same_however_it_is_cut(places: list[int]) -> None:
    edges = [0, *sorted(places), len(ANSWER)]
    chunks = [ANSWER[a:b] for a, b in itertools.pairwise(edges)]
    assert decode(new_decoder(), chunks) == decode(new_decoder(), [ANSWER])


@pytest.mark.parametrize("at", range(0, ANSWER.index(b'"response.completed"'), 97))
def test_an_answer_that_ends_early_is_never_complete(at: int) -> None:
    decoder = new_decoder()
    decode(decoder, [ANSWER[:at]])
    assert (decoder.is_complete, decoder.defect) == (False, None)


def test_the_last_event_counts_without_its_blank_line_if_its_json_is_whole() -> None:
    whole, short = new_decoder(), new_decoder()
    decode(whole, [ANSWER.rstrip(b"\n")])
    decode(short, [ANSWER.rstrip(b"\n")[:-1]])
    assert (whole.is_complete, short.is_complete, short.defect) == (True, False, None)


def test_an_event_without_a_type_is_named_by_its_frame() -> None:
    told = {key: value for key, value in text(0, "x").items() if key != "type"}
    frame = f"event: response.output_text.delta\ndata: {json.dumps(told)}\n\n".encode()
    assert decode(new_decoder(), [sse(CREATED) + frame])[1:] == [TextDelta("x")]


def test_what_is_not_known_is_counted_and_changes_nothing() -> None:
    decoder = new_decoder()
    unknown = [event("song.delta", delta="la"), {"type": "x"}, {}, {"sequence_number": 4}]
    found = decode(decoder, [sse(CREATED, *unknown, added(0), text(0, "a"), COMPLETED)])
    assert fold(found).text == "a"
    assert (decoder.ignored.total(), decoder.is_complete) == (4, True)


def test_the_response_is_named_once() -> None:
    events = decode(new_decoder(), [sse(CREATED, lifecycle("queued"), lifecycle("in_progress"), COMPLETED)])
    assert events[0] == ResponseStarted("resp_1", "gpt-test")
    assert sum(isinstance(found, ResponseStarted) for found in events) == 1


def test_a_second_response_in_one_stream_voids_the_first() -> None:
    spliced = [added(0), text(0, "half"), lifecycle(id="resp_2"), added(0), text(0, "whole"), ended(id="resp_2")]
    events = events_of(*spliced)
    assert AnswerRestarted() in events
    assert (fold(events).text, fold(events).response_id) == ("whole", "resp_2")


def test_the_same_response_begun_again_voids_its_first_words_where_its_numbers_go_back() -> None:
    begun = numbered(CREATED, added(0), text(0, "half"))
    decoder = new_decoder()
    events = decode(decoder, [sse(*begun, *numbered(CREATED, added(0), text(0, "whole"), COMPLETED))])
    assert AnswerRestarted() in events
    assert (fold(events).text, decoder.is_complete) == ("whole", True)


def test_a_response_that_is_created_twice_and_goes_on_is_not_begun_again() -> None:
    goes_on = numbered(CREATED, added(0), text(0, "a"), CREATED, text(0, "b"), COMPLETED)
    assert fold(decode(new_decoder(), [sse(*goes_on)])).text == "ab"


def test_an_event_that_comes_twice_with_its_number_counts_once() -> None:
    told = numbered(CREATED, added(0), text(0, "ha"), text(0, "ha"), COMPLETED)
    decoder = new_decoder()
    events = decode(decoder, [sse(*told[:3], told[2], *told[3:])])
    assert (fold(events).text, decoder.ignored[Ignored.TOLD_AGAIN]) == ("haha", 1)


@pytest.mark.parametrize("number", [{}, {"sequence_number": 0}], ids=["no number", "the same number on all"])
def test_words_that_are_said_twice_are_kept_where_numbers_tell_nothing(number: dict[str, int]) -> None:
    told = [{**one, **number} for one in (CREATED, added(0), text(0, "ha"), text(0, "ha"), COMPLETED)]
    assert fold(decode(new_decoder(), [sse(*told)])).text == "haha"


# --- text


def test_two_messages_are_two_blocks() -> None:
    two = [added(0), text(0, "a"), message_done(0, "a"), added(1), text(1, "b"), message_done(1, "b"), COMPLETED]
    assert held_after(*two).blocks() == (TextBlock("a"), TextBlock("b"))


@pytest.mark.parametrize(
    "told",
    [
        [added(0), text_done(0, "Hi 🌍"), message_done(0, "Hi 🌍")],
        [added(0), message_done(0, "Hi 🌍")],
        [message_done(0, "Hi 🌍")],
        [added(0), text(0, "Hi"), text_done(0, "Hi 🌍")],
        [added(0), text(0, "Hi"), message_done(0, "Hi 🌍")],
        [added(0), text(0, "Hi 🌍")],
        [text(0, "Hi 🌍")],
        [added(0), text(0, "Hi \ud83c"), text(0, "\udf0d"), text_done(0, "Hi 🌍")],
        [added(0), text(0, "Hi \ud83c"), text_done(0, "Hi 🌍"), message_done(0, "Hi 🌍")],
        [added(0), text(0, "Hi "), text(0, "🌍", content_index=1), message_done(0, "Hi ", "🌍")],
        [added(0), text_done(0, "Hi "), text_done(0, "🌍", content_index=1), message_done(0, "Hi ", "🌍")],
        [added(0), text(0, "Hi 🌍"), text_done(0, "Hi 🌍"), text_done(0, "Hi 🌍"), message_done(0, "Hi 🌍")],
        [added(0), added(0), text(0, "Hi 🌍"), message_done(0, "Hi 🌍"), message_done(0, "Hi 🌍")],
    ],
)
def test_a_text_is_said_once_whatever_the_server_leaves_out_or_repeats(told: list[Any]) -> None:
    assert fold(events_of(*told, COMPLETED)).text == "Hi 🌍"


def test_the_output_of_the_end_says_what_no_event_named() -> None:
    # That events name one item does not mean that they name all: what only the end tells of used to be lost.
    output = [message_done(0, "all of it")["item"], call_done(1, "{}")["item"]]
    alone, beside = fold(events_of(ended(output=output))), fold(events_of(text(0, "all"), ended(output=output)))
    assert (alone.text, list(alone.calls)) == ("all of it", ["call_a"])
    assert (beside.text, list(beside.calls)) == ("all of it", ["call_a"])


def test_a_text_that_its_whole_contradicts_stays_as_it_was_shown() -> None:
    decoder = new_decoder()
    told = [added(0), text(0, "shown"), text_done(0, "other"), message_done(0, "other"), COMPLETED]
    assert fold(decode(decoder, [sse(CREATED, *told)])).text == "shown"
    assert decoder.is_complete


def test_refusal_text_is_text_and_the_stop_says_so() -> None:
    refusal = event("refusal.delta", output_index=0, content_index=0, delta="No.")
    whole = event("refusal.done", output_index=0, content_index=0, refusal="No. Sorry.")
    answer = fold(events_of(added(0), refusal, whole, COMPLETED))
    assert (answer.text, answer.stop) == ("No. Sorry.", StopReported(StopReason.REFUSAL, "completed"))


def test_a_refusal_that_only_the_done_item_holds_is_one() -> None:
    refused = done(0, "message", content=[{"type": "refusal", "refusal": "No."}])
    answer = fold(events_of(added(0), refused, COMPLETED))
    assert (answer.text, answer.stop) == ("No.", StopReported(StopReason.REFUSAL, "completed"))


# --- reasoning


def test_the_done_item_of_reasoning_is_its_signature() -> None:
    opened = added(0, "reasoning", summary=[], encrypted_content="short")
    finished = reasoning_done(0, "Hm.", encrypted="long==")
    *_, signature, stop = events_of(opened, summary(0, "Hm."), finished)
    assert isinstance(signature, ReasoningSignature)
    assert json.loads(signature.signature) == finished["item"]
    assert stop == BlockStop()


def test_reasoning_that_is_not_encrypted_has_no_signature() -> None:
    events = events_of(added(0, "reasoning", encrypted_content="short"), summary(0, "Hm."), reasoning_done(0, "Hm."))
    assert events == [ReasoningDelta("Hm."), BlockStop()]


def test_an_encrypted_thought_without_a_summary_is_held() -> None:
    held = held_after(added(0, "reasoning"), reasoning_done(0, encrypted="x"), COMPLETED).blocks()
    assert [(block.text, bool(block.signature)) for block in held if isinstance(block, ReasoningBlock)] == [("", True)]


def test_reasoning_text_is_reasoning() -> None:
    delta = event("reasoning_text.delta", output_index=0, content_index=0, delta="We ")
    whole = event("reasoning_text.done", output_index=0, content_index=0, text="We need")
    item = done(0, "reasoning", summary=[], content=[{"type": "reasoning_text", "text": "We need"}])
    assert fold(events_of(added(0, "reasoning"), delta, whole, item)).reasoning == "We need"


def test_the_summary_that_was_streamed_is_not_followed_by_the_text_that_was_not() -> None:
    parts = {"summary": [{"text": "Short."}], "content": [{"type": "reasoning_text", "text": "Long."}]}
    assert fold(events_of(added(0, "reasoning"), summary(0, "Short."), done(0, "reasoning", **parts))).reasoning == (
        "Short."
    )


def test_reasoning_that_ends_after_the_text_began_keeps_its_signature_and_its_place() -> None:
    told = [added(0), text(0, "a"), added(1, "reasoning"), message_done(0, "a"), reasoning_done(1, encrypted="x")]
    said, thought = held_after(*told, COMPLETED).blocks()
    assert said == TextBlock("a")
    assert isinstance(thought, ReasoningBlock)
    assert thought.signature


# --- the end


@pytest.mark.parametrize(
    ("end", "stop"),
    [
        (COMPLETED, StopReported(StopReason.END_TURN, "completed")),
        (ended("incomplete", incomplete_details={"reason": "max_output_tokens"}),
         StopReported(StopReason.MAX_TOKENS, "incomplete")),
        (ended("incomplete", incomplete_details={"reason": "content_filter"}),
         StopReported(StopReason.CONTENT_FILTER, "incomplete")),
        (ended("incomplete", incomplete_details={"reason": "steered"}), StopReported(StopReason.OTHER, "steered")),
        (ended("incomplete", incomplete_details=None), StopReported(StopReason.OTHER, "incomplete")),
        (ended("completed", status="incomplete"), StopReported(StopReason.OTHER, "incomplete")),
        (ended("completed", status="in_progress"), StopReported(StopReason.END_TURN, "completed")),
        (ended("cancelled"), StopReported(StopReason.CANCELLED, "cancelled")),
        (ended("completed", status="cancelled"), StopReported(StopReason.CANCELLED, "cancelled")),
    ],
)  # fmt: skip
def test_every_end_has_its_reason_and_completes_the_answer(end: Any, stop: StopReported) -> None:
    decoder = new_decoder()
    events = decode(decoder, [sse(CREATED, added(0), text(0, "x"), end)])
    assert (events[-3:-1], events[-1]) == ([REPORTED, BlockStop()], stop)
    assert decoder.is_complete


def test_nothing_after_the_end_counts() -> None:
    decoder = new_decoder()
    late = [ended("failed"), COMPLETED, {"error": {"message": "late"}}, text(0, "late"), "[DONE]", "{"]
    events = decode(decoder, [sse(CREATED, COMPLETED, *late)])
    assert events[-1] == StopReported(StopReason.END_TURN, "completed")
    assert (decoder.is_complete, decoder.defect, decoder.ignored.total()) == (True, None, 6)


def test_done_alone_proves_nothing() -> None:
    decoder = new_decoder()
    decode(decoder, [sse(CREATED, text(0, "x"), "[DONE]")])
    assert (decoder.is_complete, decoder.defect) == (False, None)


def test_a_keepalive_is_no_progress() -> None:
    assert events_of(event("keepalive", sequence_number=3)) == [KeepAlive()]


ERROR = {"type": "server_error", "code": "server_error", "message": "boom", "param": None}
ERRORS: dict[str, tuple[list[Any], FailureKind]] = {
    "flat": ([event("error", code="rate_limit_exceeded", message="x", param=None)], FailureKind.RATE_LIMITED),
    "nested": ([event("error", error={**ERROR, "code": "rate_limit_exceeded"})], FailureKind.RATE_LIMITED),
    "without a type": ([{"error": {"message": "x", "code": "insufficient_quota"}}], FailureKind.QUOTA_EXHAUSTED),
    "failed": ([ended("failed", error={"code": "server_error", "message": "x"})], FailureKind.PROVIDER),
    "failed, said otherwise": ([ended(status="failed", error=ERROR)], FailureKind.PROVIDER),
    "failed without an error": ([ended("failed")], FailureKind.PROVIDER),
    "twice": ([event("error", error=ERROR), ended("failed", error=ERROR)], FailureKind.PROVIDER),
}


@pytest.mark.parametrize("name", ERRORS)
def test_an_error_in_the_stream_is_reported_once_and_ends_it(name: str) -> None:
    told, kind = ERRORS[name]
    decoder = new_decoder()
    events = decode(decoder, [sse(CREATED, text(0, "x"), *told, COMPLETED)])
    failures = [found.failure.kind for found in events if isinstance(found, StreamFailed)]
    assert failures == [kind]
    assert (decoder.is_complete, decoder.defect) == (False, None)


def test_a_failed_response_still_reports_what_it_used() -> None:
    assert isinstance(events_of(ended("failed", error=ERROR))[0], UsageReport)


def test_an_error_text_never_holds_the_key() -> None:
    failed = events_of(event("error", message="bad key sk-canary-key", code="x"))[0]
    assert "sk-canary" not in str(failed)


@pytest.mark.parametrize("usage", [None, {}, {"input_tokens": "many"}, []])
def test_usage_that_says_nothing_is_not_reported(usage: Any) -> None:
    assert not any(isinstance(found, UsageReport) for found in events_of(ended(usage=usage)))
