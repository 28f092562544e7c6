"""Background responses: a stream that is cut after any event and read on from its cursor makes the same answer."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from riverrun.engine.core.accumulator import Accumulator
from riverrun.engine.core.messages import Message
from riverrun.engine.core.policy import Limits
from riverrun.engine.core.request import InferenceRequest
from riverrun.engine.core.stream_events import CursorMoved, TextDelta, ToolCallDelta
from riverrun.engine.core.usage_error import UsageError
from riverrun.providers.openai_responses.provider import OpenAIResponses
from tests.providers.fold import decode, fold
from tests.providers.openai_responses_samples import (
    ANSWER_EVENTS,
    COMPLETED,
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
    escaped,
    event,
    lifecycle,
    message_done,
    numbered,
    reasoning_done,
    summary,
    text,
    text_done,
)

KEY = "sk-canary-0123456789"
CREATED = lifecycle("created", background=True, status="queued")


def provider(model: str = "gpt-test", **options: Any) -> OpenAIResponses:
    return OpenAIResponses(model, api_key=KEY, **options)


def cursor_after(*events: Any) -> str | None:
    moves = [found.cursor for found in decode(provider().decoder(Limits()), [escaped(*events)])
             if isinstance(found, CursorMoved)]  # fmt: skip
    return moves[-1] if moves else None


def read_on(cursor: str | None, *events: Any) -> tuple[list[Any], Any]:
    assert cursor is not None
    _, decoder = provider().reattach(cursor, Limits())
    return decode(decoder, [escaped(*events)]), decoder


STREAMS = {
    "of everything": [CREATED, *ANSWER_EVENTS[1:]],
    "of halves of characters": [
        CREATED, added(0, "reasoning"), summary(0, "\ud83c"), summary(0, "\udf0d!"), reasoning_done(0, "🌍!"),
        added(1), text(1, "a\ud83c"), text(1, "\udf0d\ud83c"), text_done(1, "a🌍🌍"), message_done(1, "a🌍🌍"),
        call_added(2), args(2, '{"x":"\ud83c'), args(2, '\udf0d"}'), call_done(2, '{"x":"🌍"}'),
        custom_added(3), custom(3, "\ud83c"), custom(3, "\udf0d"), custom_done(3, "🌍"), COMPLETED,
    ],
    "of whole texts that finish what deltas began": [
        CREATED, added(0), text(0, "Hel"), text_done(0, "Hello "), text(0, "you", content_index=1),
        message_done(0, "Hello ", "you!"), call_added(1), args(1, '{"a"'), args_done(1, '{"a":1}'),
        call_done(1, '{"a":1}'), COMPLETED,
    ],
    "of calls side by side": [
        CREATED, call_added(0), call_added(1, "call_b"), args(1, '{"b":'), args(0, '{"a":'), args(1, "2}"),
        args(0, "1}"), call_done(1, '{"b":2}', "call_b"), call_done(0, '{"a":1}'), COMPLETED,
    ],
    "of two calls of one id side by side": [
        CREATED, call_added(0), call_added(1), args(1, '{"b":'), args(0, '{"a":'), args(1, "2}"), args(0, "1}"),
        call_done(1, '{"b":2}'), call_done(0, '{"a":1}'), COMPLETED,
    ],
    "of tools side by side": [
        CREATED, added(0, "web_search_call"), added(1, "web_search_call"), done(1, "web_search_call"),
        added(2, "shell_call", call_id="s"), done(0, "web_search_call"), done(2, "shell_call", call_id="s"),
        added(3, "shell_call_output"), done(3, "shell_call_output", call_id="s"), COMPLETED,
    ],
    "of a refusal": [
        CREATED, added(0), event("refusal.delta", output_index=0, content_index=0, delta="No"), message_done(0, "No"),
        COMPLETED,
    ],
    "of a call that only the end closes": [CREATED, call_added(0), args(0, '{"a":1'), args(0, "}"), COMPLETED],
    "of calls without arguments": [
        CREATED, call_added(0), call_done(0, ""), call_added(1, "call_b"), call_done(1, "", "call_b"), added(2),
        call_added(3, "call_d"), call_done(3, "", "call_d"), COMPLETED,
    ],
    "that the ceiling cuts before an argument": [CREATED, call_added(0), call_done(0, ""), ended("incomplete")],
    "that the ceiling cuts": [CREATED, call_added(0), args(0, '{"a":'), ended("incomplete")],
    "that fails": [CREATED, added(0), text(0, "a"), ended("failed", error={"code": "server_error", "message": "x"})],
}  # fmt: skip


@pytest.mark.parametrize("name", STREAMS)
def test_a_stream_cut_after_any_event_and_read_on_makes_the_same_answer(name: str) -> None:
    events = numbered(*STREAMS[name])
    whole = decode(provider().decoder(Limits()), [escaped(*events)])
    for at in range(1, len(events)):
        decoder = provider().decoder(Limits())
        before = decode(decoder, [escaped(*events[:at])])
        assert isinstance(before[-1], CursorMoved)
        after, resumed = read_on(before[-1].cursor, *events[at:])
        assert fold([*before, *after]) == fold(whole), at
        assert resumed.defect is None
        assert held(*before, *after) == held(*whole), at


def held(*events: Any) -> Any:
    accumulator = Accumulator(origin=ORIGIN)
    for found in events:
        accumulator.fold(found)
    assert accumulator.defect is None
    return accumulator.blocks(), accumulator.completed_calls, accumulator.final_stop(), accumulator.server_tool


def test_a_stream_can_be_cut_and_read_on_at_every_event() -> None:
    events = numbered(*STREAMS["of everything"])
    found: list[Any] = decode(provider().decoder(Limits()), [escaped(events[0])])
    for told in events[1:]:
        more, _ = read_on(found[-1].cursor, told)
        found.extend(more)
    assert fold(found) == fold(decode(provider().decoder(Limits()), [escaped(*events)]))


@given(st.data())
def test_a_server_that_sends_everything_again_is_read_once(data: st.DataObject) -> None:
    events = numbered(*STREAMS["of everything"])
    at = data.draw(st.integers(1, len(events) - 1))
    again = data.draw(st.integers(0, at))
    before = decode(provider().decoder(Limits()), [escaped(*events[:at])])
    after, _ = read_on(before[-1].cursor, *events[again:])
    assert fold([*before, *after]) == fold(decode(provider().decoder(Limits()), [escaped(*events)]))


def test_an_open_text_and_an_open_call_simply_go_on() -> None:
    events = numbered(CREATED, added(0), text(0, "a"), call_added(1), args(1, '{"a"'), text(0, "b"), args(1, ":1}"))
    more, _ = read_on(cursor_after(*events[:5]), *events[5:])
    assert [found for found in more if not isinstance(found, CursorMoved)] == [
        TextDelta("b"), ToolCallDelta("call_a", ":1}"),
    ]  # fmt: skip


def test_an_event_without_a_number_is_not_read_after_a_cursor() -> None:
    cursor = cursor_after(*numbered(CREATED, added(0), text(0, "a")))
    more, decoder = read_on(cursor, event("keepalive"), text(0, "a"))
    assert not any(isinstance(found, TextDelta) for found in more)
    assert "without sequence_number" in str(decoder.defect)


def test_an_error_needs_no_number() -> None:
    more, _ = read_on(cursor_after(*numbered(CREATED)), event("error", message="x", code="server_error"))
    assert fold(more).failure is not None


def test_what_ended_before_the_cursor_says_no_more() -> None:
    cursor = cursor_after(*numbered(CREATED, added(0), text(0, "a"), message_done(0, "a")))
    more, decoder = read_on(cursor, *numbered(message_done(0, "a"), text_done(0, "a"), added(0), first=4))
    assert (fold(more).text, decoder.ignored.total(), decoder.defect) == ("", 3, None)
    _, decoder = read_on(cursor, *numbered(text(0, "more"), first=4))
    assert decoder.defect == "seen more of a message after its end; expected none"


# --- where there is a cursor


@pytest.mark.parametrize("created", [lifecycle(), lifecycle(background=False), lifecycle(background=1)])
def test_a_response_that_is_not_in_the_background_has_no_cursor(created: Any) -> None:
    assert cursor_after(*numbered(created, added(0), text(0, "a"))) is None


@pytest.mark.parametrize("response_id", ["", "..", "x" * 300, "a\nb"])
def test_a_response_that_can_not_be_named_in_a_path_has_no_cursor(response_id: str) -> None:
    assert cursor_after(*numbered(lifecycle(background=True, id=response_id), added(0))) is None


@pytest.mark.parametrize("number", [None, 2, 1, "4", -1, 2**70])
def test_an_event_whose_number_can_not_be_relied_on_takes_the_cursor_back(number: Any) -> None:
    events = [*numbered(CREATED, added(0), text(0, "a")), {**text(0, "b"), "sequence_number": number}]
    assert cursor_after(*events) is None
    assert cursor_after(*events, {**text(0, "c"), "sequence_number": 9}) is not None


def test_a_keepalive_without_a_number_leaves_the_cursor() -> None:
    assert cursor_after(*numbered(CREATED, added(0)), event("keepalive")) is not None


def test_the_cursor_is_taken_back_while_it_would_have_to_hold_arguments() -> None:
    events = numbered(CREATED, args(0, '{"a":1'), call_added(0), args(0, "}"))
    assert cursor_after(*events[:2]) is None
    assert cursor_after(*events[:3]) is not None


def test_the_cursor_moves_after_every_event_and_not_after_the_last() -> None:
    events = numbered(CREATED, added(0), text(0, "a"), COMPLETED)
    kinds = [type(found).__name__ for found in decode(provider().decoder(Limits()), [escaped(*events)])]
    assert kinds == [
        "ResponseStarted", "CursorMoved", "CursorMoved", "TextDelta", "CursorMoved", "UsageReport", "BlockStop",
        "StopReported",
    ]  # fmt: skip


def test_a_cursor_is_small_ascii_and_holds_no_text_and_no_key() -> None:
    told = [CREATED, added(0), text(0, "secret words " * 1000), call_added(1), args(1, '{"password":"x"')]
    cursor = str(cursor_after(*numbered(*told)))
    assert cursor.isascii()
    assert len(cursor) < 1500
    assert not any(word in cursor for word in ("secret", "password", KEY, "api.openai.com"))


# --- the request


def test_the_request_reads_the_response_on_after_the_event() -> None:
    wire, _ = provider().reattach(str(cursor_after(*numbered(CREATED, added(0), text(0, "a")))), Limits())
    assert wire.url == "https://api.openai.com/v1/responses/resp_1?stream=true&starting_after=2"
    assert (wire.method, wire.body, wire.headers["accept"]) == ("GET", b"", "text/event-stream")
    assert set(wire.headers) == {"accept", "authorization"}


def test_a_model_that_reasons_is_asked_for_its_reasoning_again() -> None:
    reasoner = provider("o3")
    [_, moved] = decode(reasoner.decoder(Limits()), [escaped(*numbered(CREATED))])
    assert reasoner.reattach(moved.cursor, Limits())[0].url.endswith("&include%5B%5D=reasoning.encrypted_content")


@pytest.mark.parametrize("response_id", ["../../admin", "a?key=1#", "a b", "ä%2f"])
def test_an_id_can_not_leave_its_place_in_the_path(response_id: str) -> None:
    cursor = cursor_after(*numbered(lifecycle(background=True, id=response_id)))
    wire, _ = provider().reattach(str(cursor), Limits())
    path, _, query = wire.url.removeprefix("https://api.openai.com/v1/responses/").partition("?")
    assert not any(character in path for character in "/?# ")
    assert query == "stream=true&starting_after=0"


@pytest.mark.parametrize("background", [None, False, "yes", 1])
def test_only_a_background_response_can_be_read_on(background: Any) -> None:
    assert not provider().capabilities(ask(background)).can_reattach
    assert provider().capabilities(ask(True)).can_reattach


def ask(background: Any) -> InferenceRequest:
    return InferenceRequest(Message.user("x"), extra={} if background is None else {"background": background})


# --- strangers' cursors


def test_the_cursor_of_another_model_or_endpoint_is_refused() -> None:
    cursor = str(cursor_after(*numbered(CREATED)))
    for other in (provider("gpt-other"), provider(base_url="https://example.com/v1")):
        with pytest.raises(UsageError, match="of another model or endpoint"):
            other.reattach(cursor, Limits())


@pytest.mark.parametrize("cursor", ["", "x", "null", "{}", "[]", '{"schema":1,"value":{}}', '{"schema":9}'])
def test_what_is_no_cursor_is_refused(cursor: str) -> None:
    with pytest.raises(UsageError, match="expected one of openai-responses"):
        provider().reattach(cursor, Limits())


@given(st.data())
def test_a_damaged_cursor_is_refused_or_read_and_nothing_else(data: st.DataObject) -> None:
    events = numbered(CREATED, added(0), text(0, "a"), call_added(1), args(1, '{"a"'), added(2, "web_search_call"))
    held = json.loads(str(cursor_after(*events)))
    fields = held["value"]
    key = data.draw(st.sampled_from([*fields]))
    fields[key] = data.draw(st.none() | st.integers() | st.text(max_size=5) | st.lists(st.integers(), max_size=2))
    try:
        _, decoder = provider().reattach(json.dumps(held), Limits())
    except UsageError:
        return
    decode(decoder, [escaped(*numbered(text(0, "b"), args(1, ":1}"), done(2, "x"), COMPLETED, first=6))])
