"""Items of the Responses API said in odd ways: what has one meaning is taken, what has two is a defect."""

from __future__ import annotations

from typing import Any

import pytest

from riverrun import OpenAIResponses
from riverrun.engine.core.ignored import Ignored
from tests.providers.odd import Odd, read_odd
from tests.providers.openai_responses_samples import (
    COMPLETED,
    CREATED,
    added,
    args,
    args_done,
    call_added,
    call_done,
    done,
    ended,
    event,
    lifecycle,
    message_done,
    reasoning_done,
    summary,
    text,
)
from tests.providers.samples import sse

COLOGNE, BONN = {"city": "Köln"}, {"city": "Bonn"}
SAID, OTHER = '{"city":"Köln"}', '{"city":"Bonn"}'
LOOK = ("call_a", "look", COLOGNE)
DONE = lifecycle("done", status="completed")


def read(*payloads: Any, end: Any = COMPLETED) -> Odd:
    return read_odd(OpenAIResponses("gpt-test", api_key="sk-canary-key"), sse(CREATED, *payloads, end))


def at(index: int, told: dict[str, Any]) -> dict[str, Any]:
    return {**told, "output_index": index}


SHARED = [
    added(0, "reasoning", summary=[]), summary(0, "hm"), at(0, added(1)), text(1, "Hel", output_index=0),
    at(0, summary(0, "!")), at(0, reasoning_done(0, "hm!")), text(1, "lo", output_index=0),
    at(0, message_done(1, "Hello")),
]  # fmt: skip


@pytest.mark.parametrize("told", [SHARED, SHARED[:-1], [*SHARED[:5], *SHARED[6:]]])
def test_items_that_share_an_index_are_told_apart_by_their_ids(told: list[Any]) -> None:
    odd = read(*told)
    assert (odd.text, odd.reasoning, odd.defect, odd.is_complete) == ("Hello", "hm!", None, True)
    assert odd.ignored == {Ignored.INDEX_ODD: 1}


def test_items_that_share_an_index_are_told_apart_by_their_kinds_where_ids_change() -> None:
    told = [{**event, "item_id": f"x{n}"} if "item_id" in event else event for n, event in enumerate(SHARED[:-1])]
    odd = read(*told)
    assert (odd.text, odd.reasoning, odd.defect) == ("Hello", "hm!", None)


def test_calls_that_share_an_index_find_their_own_arguments() -> None:
    second = {**call_added(0, "call_b"), "item": {**call_added(0, "call_b")["item"], "id": "item_1"}}
    odd = read(
        call_added(0), second, args(0, SAID), args(1, OTHER, output_index=0), at(0, call_done(1, OTHER, "call_b"))
    )
    assert odd.calls == [LOOK, ("call_b", "look", BONN)]


def test_two_calls_of_one_id_are_two() -> None:
    odd = read(call_added(0), args(0, SAID), call_done(0, SAID), call_added(1), args(1, OTHER), call_done(1, OTHER))
    assert odd.calls == [LOOK, ("call_resp1_1", "look", BONN)]
    assert (odd.ignored, odd.defect, odd.is_complete) == ({Ignored.CALL_ID_AGAIN: 1}, None, True)


def test_a_call_told_twice_is_released_once_and_the_answer_goes_on() -> None:
    odd = read(call_done(0, SAID), call_done(1, '{"city": "Köln"}'), message_done(2, "hello"))
    assert (odd.calls, odd.text, odd.ignored) == ([LOOK], "hello", {Ignored.CALL_ID_AGAIN: 1})


def test_calls_that_end_out_of_order_are_released_in_order() -> None:
    odd = read(call_added(0), call_added(1, "call_b"), call_done(1, OTHER, "call_b"), call_done(0, SAID))
    assert [call_id for call_id, _, _ in odd.calls] == ["call_a", "call_b"]


FINAL = call_done(0, SAID)
ONE_CALL: dict[str, tuple[list[Any], dict[str, int]]] = {
    "empty arguments first": ([args(0, "{}"), args(0, '{"city":'), args(0, '"Köln"}'), FINAL], {}),
    "all there is so far each time": ([args(0, '{"city":'), args(0, '{"city":"K'), args(0, SAID), FINAL], {}),
    "the item told again": ([args(0, SAID), FINAL, FINAL, call_added(0)], {Ignored.TOLD_AGAIN: 2}),
    "the item begun again": ([call_added(0), args(0, SAID), FINAL], {Ignored.TOLD_AGAIN: 1}),
}


@pytest.mark.parametrize("name", ONE_CALL)
def test_one_call_is_one_call_however_it_is_told(name: str) -> None:
    payloads, ignored = ONE_CALL[name]
    odd = read(call_added(0), *payloads)
    assert (odd.calls, odd.ignored, odd.defect) == ([LOOK], ignored, None)


@pytest.mark.parametrize("told", [[call_done(0, "null")], [args_done(0, "null"), call_done(0, "null")]])
def test_null_arguments_are_none_where_the_answer_is_whole(told: list[Any]) -> None:
    odd = read(call_added(0), *told)
    assert (odd.calls, odd.ignored) == ([("call_a", "look", {})], {Ignored.NULL_ARGUMENTS: 1})
    assert read(call_added(0), *told, end=ended("incomplete")).calls == []


@pytest.mark.parametrize("status", ["completed", None])
def test_the_end_may_have_the_name_of_the_realtime_api(status: str | None) -> None:
    odd = read(message_done(0, "Hi"), end=lifecycle("done", status=status))
    assert (odd.text, odd.stop, odd.is_complete) == ("Hi", "completed", True)
    assert odd.ignored == {Ignored.TERMINAL_NAME: 1}


@pytest.mark.parametrize(("status", "stop"), [("incomplete", "incomplete"), ("in_progress", None), ("odd", None)])
def test_an_end_of_that_name_is_what_its_status_says(status: str, stop: str | None) -> None:
    odd = read(added(0), text(0, "Hi"), end=lifecycle("done", status=status))
    assert (odd.text, odd.stop, odd.is_complete) == ("Hi", stop, stop is not None)


TWO_MEANINGS: dict[str, list[Any]] = {
    "two messages at one index": [added(0), added(0, id="other")],
    "one id of two kinds": [added(0, "reasoning"), added(0)],
    "two calls at one index, and ids that change": [
        call_added(0), {**call_added(0, "call_b"), "item": {**call_added(0, "call_b")["item"], "id": "item_1"}},
        args(0, SAID, item_id="x"),
    ],
    "another name of a call": [call_added(0), call_done(0, SAID, name="go")],
    "an end of another kind": [added(0), done(0, "reasoning")],
    "more of a message that has ended": [message_done(0, "a"), text(0, "b")],
    "more of arguments that have ended": [call_added(0), args_done(0, SAID), args(0, OTHER)],
    "text in a call": [call_added(0), event("output_text.delta", output_index=0, item_id="item_0", delta="x")],
}  # fmt: skip


@pytest.mark.parametrize("name", TWO_MEANINGS)
def test_what_has_two_meanings_is_a_defect_and_releases_nothing(name: str) -> None:
    odd = read(*TWO_MEANINGS[name])
    assert (odd.calls, odd.is_complete) == ([], False)
    assert odd.defect is not None
