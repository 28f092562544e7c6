"""Hostile Responses streams: every contradiction and every bound is a typed defect, and nothing raises."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from attrs import asdict
from hypothesis import given
from hypothesis import strategies as st

from riverrun.engine.core.accumulator import Accumulator
from riverrun.engine.core.stream_events import AnswerRestarted, BlockStop, TextDelta, ToolCallStart
from tests.providers.fold import decode, fold
from tests.providers.openai_responses_samples import (
    ANSWER,
    ANSWER_EVENTS,
    COMPLETED,
    CREATED,
    added,
    args,
    args_done,
    call_added,
    call_done,
    custom,
    custom_added,
    custom_done,
    defect_of,
    done,
    ended,
    escaped,
    event,
    events_of,
    lifecycle,
    message_done,
    new_decoder,
    numbered,
    summary,
    text,
    text_done,
)
from tests.providers.samples import sse

# --- contradictions


@pytest.mark.parametrize(
    ("told", "defect"),
    [
        ([call_added(0), call_added(0, name="go")], "seen another name of a call"),
        ([call_added(0), call_done(0, "{}", name="go")], "seen another name of a call"),
        ([call_added(0), call_done(0, "{}"), call_done(0, "{}", name="go")], "seen another name of a call"),
        ([call_added(0), added(0)], "seen a second item at output index 0"),
        ([call_added(0), call_added(0, "call_b")], "seen a second item at output index 0"),
        ([added(0), added(0, id="other")], "seen a second item at output index 0"),
        ([added(0), text(0, "a"), message_done(0, "a"), text(0, "b")], "seen more of a message after its end"),
        ([added(0), text(0, "a"), text_done(0, "a"), text(0, "b")], "seen more of a message's text after its end"),
        ([call_added(0), args_done(0, "{}"), args(0, "x")], "seen more arguments of a call after their end"),
        ([call_added(0), call_done(0, "{}"), args(0, "x")], "seen more of a function_call after its end"),
        ([custom_added(0), custom_done(0, "a"), custom(0, "x")], "seen more of a custom_tool_call after its end"),
        ([added(0), args(0, "x")], "seen a delta of a function_call in a message"),
        ([added(0), summary(0, "x")], "seen a delta of a reasoning in a message"),
        ([call_added(0), text(0, "x")], "seen a delta of a message in a function_call"),
        ([added(0, "web_search_call"), text(0, "x")], "seen a delta of a message in a web_search_call"),
        ([call_added(0), message_done(0, "x")], "seen the end of a message in a function_call"),
        ([added(0, "function_call"), done(0, "function_call")], "seen a call without a name"),
        ([args(5, "{}")], "seen a call without a name"),
    ],
)
def test_what_contradicts_what_was_said_is_a_defect(told: list[Any], defect: str) -> None:
    assert defect_of(*told).startswith(defect)


def test_arguments_of_a_call_that_was_never_named_are_dropped_where_the_answer_was_cut() -> None:
    answer = fold(events_of(args(5, '{"a":'), ended("incomplete")))
    assert (answer.calls, answer.stop and answer.stop.word) == ({}, "incomplete")


def test_one_call_is_never_released_twice() -> None:
    told = [call_added(0), call_done(0, "{}"), call_done(0, "{}"), call_added(0), call_done(0, '{"x":1}')]
    events = events_of(*told, COMPLETED)
    assert [type(found) for found in events].count(ToolCallStart) == 1
    assert events.count(BlockStop("call_a")) == 1


def test_a_server_that_always_says_index_0_is_still_understood() -> None:
    told = [added(0), text(0, "a"), message_done(0, "a"), call_added(0, id="fc_1"), args(0, "{}"), call_done(0, "{}")]
    answer = fold(events_of(*told, COMPLETED))
    assert (answer.text, [call.end for call in answer.calls.values()]) == ("a", ["closed"])


@pytest.mark.parametrize("frame", ["{", "[1]", "[" * 100, 'x {"a":1}'])
def test_a_frame_that_is_no_json_object_is_a_defect(frame: str) -> None:
    assert "expected a JSON object" in defect_of(frame)


def test_a_defect_keeps_what_was_said_before_it_and_ends_the_stream() -> None:
    decoder = new_decoder()
    events = decode(decoder, [sse(CREATED, added(0), text(0, "kept"), "{", text(0, "lost"), COMPLETED)])
    assert events[-1] == TextDelta("kept")
    assert (decoder.is_complete, decoder.ignored.total()) == (False, 2)


# --- bounds


@pytest.mark.parametrize(
    ("told", "limits", "defect"),
    [
        ([text(0, "x" * 999)], {"line_bytes_max": 900}, "900"),
        ([added(0), added(1), added(2), added(3)], {"blocks_max": 3}, "more than 3 items"),
        ([text(0, "x", content_index=at) for at in range(5)], {"blocks_max": 3}, "more than 3 parts"),
        ([call_added(at, f"c{at}") for at in range(3)], {"calls_max": 2}, "more than 2 calls"),
        ([call_added(0), args(0, "x" * 6), args(0, "y" * 6)], {"arguments_bytes_max": 10}, "longer than 10 bytes"),
        ([call_added(0), args_done(0, "x" * 11)], {"arguments_bytes_max": 10}, "longer than 10 bytes"),
        ([call_added(0), call_done(0, "x" * 11)], {"arguments_bytes_max": 10}, "longer than 10 bytes"),
        ([args(0, "é" * 6)], {"arguments_bytes_max": 10}, "longer than 10 bytes"),
        ([custom_added(0), custom(0, "é" * 6)], {"arguments_bytes_max": 10}, "longer than 10 bytes"),
    ],
)
def test_every_bound_is_a_defect_that_names_it(told: list[Any], limits: dict[str, int], defect: str) -> None:
    assert defect in defect_of(*told, **limits)


def test_an_endless_text_is_not_kept_by_the_decoder() -> None:
    decoder = new_decoder()
    decoder.feed(sse(CREATED, added(0)))
    frame = sse(text(0, "x" * 1000))
    assert sum(len(decoder.feed(frame)) for _ in range(2000)) == 2000
    assert len(json.dumps(str(decoder._output.__dict__))) < 4000


@pytest.mark.parametrize("index", [-1, 2**60, "0", True, None, 1.0, [], 10**4000])
def test_an_index_that_is_none_is_made_up(index: Any) -> None:
    told = [
        added(index),
        text(index, "a"),
        message_done(index, "a"),
        call_added(index, id="fc"),
        call_done(index, "{}"),
    ]
    assert defect_free(*told).text == "a"


def defect_free(*payloads: Any) -> Any:
    decoder = new_decoder()
    answer = fold(decode(decoder, [escaped(CREATED, *payloads, COMPLETED)]))
    assert (decoder.defect, decoder.is_complete) == (None, True)
    return answer


# --- nothing makes it raise


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *[place for key, child in inner for place in places(child, (*path, key))]]


def mutate(events: list[Any], draw: Any) -> list[Any]:
    """Break some fields of some events: another type, none, or gone; and lose, repeat and reorder some."""
    events = copy.deepcopy(events)
    for _ in range(draw(st.integers(1, 4))):
        *path, last = draw(st.sampled_from(places(events)[1:]))
        holder: Any = events
        for key in path:
            holder = holder[key]
        if isinstance(holder, dict) and draw(st.booleans()):
            del holder[last]
        else:
            holder[last] = draw(JUNK)
    order = draw(st.lists(st.integers(0, len(events) - 1), max_size=6))
    return [*events[: draw(st.integers(0, len(events)))], *[events[at] for at in order], *events]


@given(st.data(), st.booleans())
def test_mutated_streams_never_raise_and_read_the_same_however_they_are_cut(data: st.DataObject, aside: bool) -> None:
    created = lifecycle(background=True) if aside else CREATED
    events = mutate(numbered(created, *ANSWER_EVENTS[1:]), data.draw)
    body = escaped(*events)
    whole, cut_up = new_decoder(), new_decoder()
    found = decode(whole, [body])
    size = data.draw(st.integers(1, 200))
    assert decode(cut_up, [body[at : at + size] for at in range(0, len(body), size)]) == found
    assert (cut_up.is_complete, cut_up.defect, cut_up.ignored) == (whole.is_complete, whole.defect, whole.ignored)
    assert whole.defect is None or not whole.is_complete


@given(st.data())
def test_what_mutated_streams_say_folds_without_a_contradiction(data: st.DataObject) -> None:
    accumulator = Accumulator()
    for found in decode(new_decoder(), [escaped(*mutate(numbered(*ANSWER_EVENTS), data.draw))]):
        if isinstance(found, AnswerRestarted):  # as the engine does: what came before it is void
            accumulator = Accumulator()
        accumulator.fold(found)
    assert accumulator.defect is None


@given(st.binary(max_size=200), st.integers(0, len(ANSWER)), st.integers(0, 40))
def test_bytes_never_make_it_raise(junk: bytes, at: int, lost: int) -> None:
    decoder = new_decoder()
    decode(decoder, [ANSWER[:at] + junk + ANSWER[at + lost :]])
    assert decoder.defect is None or not decoder.is_complete


def test_a_lone_surrogate_never_leaves_the_decoder() -> None:
    calls = [call_added(2), args(2, '{"a":"\ud83c"}'), custom_added(3), custom(3, "x\ud83c"), custom(3, "y")]
    told = [added(0), text(0, "a\ud83c"), summary(1, "\udf0d"), *calls, COMPLETED]
    for found in events_of(*told):
        "".join(value for value in asdict(found).values() if isinstance(value, str)).encode()  # raises on half of one


def test_an_unknown_end_of_an_item_says_nothing() -> None:
    assert events_of(event("output_item.done", item=None), event("output_item.added", output_index=0)) == []
