"""Blocks and calls of the Messages API said in odd ways: what has one meaning is taken, what has two is a defect."""

from __future__ import annotations

from typing import Any

import pytest

from riverrun import Anthropic
from riverrun.engine.core.ignored import Ignored
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

COLOGNE, BONN = {"city": "Köln"}, {"city": "Bonn"}
SAID, OTHER = '{"city":"Köln"}', '{"city":"Bonn"}'
LOOK = ("toolu_1", "look", COLOGNE)


def read(*payloads: Any, word: str | None = "tool_use") -> Odd:
    body = sse(message_start(), *payloads, message_delta(word), MESSAGE_STOP)
    return read_odd(Anthropic("claude-test", api_key="sk-ant-canary"), body)


def pieces(index: int, *parts: str) -> list[Any]:
    return [block_delta(index, part, "input_json_delta") for part in parts]


def a_call(index: int, *parts: str, call_id: str = "toolu_1", name: str = "look") -> list[Any]:
    return [tool_start(index, call_id, name), *pieces(index, *parts), block_stop(index)]


def a_text(index: int, text: str) -> list[Any]:
    return [block_start(index), block_delta(index, text), block_stop(index)]


ONE_CALL: dict[str, tuple[list[Any], dict[str, int]]] = {
    "after a gap": ([*a_text(0, ""), *a_call(2, SAID)], {Ignored.INDEX_ODD: 1}),
    "from another index than 0 on": (a_call(1, SAID), {Ignored.INDEX_ODD: 1}),
    "backwards": ([*a_text(5, ""), *a_call(4, SAID)], {Ignored.INDEX_ODD: 2}),
    "at an index used again": ([*a_text(0, ""), *a_call(0, SAID)], {Ignored.INDEX_ODD: 1}),
    "with a stop of what was never open": ([*a_call(0, SAID), block_stop(7)], {Ignored.STOP_UNKNOWN: 1}),
    "with a second stop": ([*a_call(0, SAID), block_stop(0)], {Ignored.STOP_UNKNOWN: 1}),
    "without its stop": (a_call(0, SAID)[:-1], {Ignored.STOP_MISSING: 1}),
    "with its stop after the reason": (
        [*a_call(0, SAID)[:-1], message_delta("tool_use"), block_stop(0)], {Ignored.STOP_MISSING: 1,
                                                                          Ignored.STOP_UNKNOWN: 1},
    ),
    "with empty input first": (a_call(0, "{}", '{"city":', '"Köln"}'), {Ignored.ARGUMENTS_LATE: 1}),
    "with all there is so far each time": (a_call(0, '{"ci', '{"city":"Kö', SAID, SAID), {Ignored.TOLD_AGAIN: 3}),
    "with the whole once more": (a_call(0, '{"city":', '"Köln"}', SAID), {Ignored.TOLD_AGAIN: 1}),
    "with input in the start, and null after it": (
        [tool_start(0, input=COLOGNE), *pieces(0, "null"), block_stop(0)], {Ignored.NULL_ARGUMENTS: 1},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", ONE_CALL)
def test_one_call_is_one_call_however_its_block_is_told(name: str) -> None:
    payloads, ignored = ONE_CALL[name]
    odd = read(*payloads)
    assert (odd.calls, odd.ignored, odd.defect, odd.is_complete) == ([LOOK], ignored, None, True)


@pytest.mark.parametrize("parts", [("null",), ("{}",), ("", " "), ()])
def test_a_call_without_input_is_whole_only_under_a_word_that_says_so(parts: tuple[str, ...]) -> None:
    assert read(*a_call(0, *parts)).calls == [("toolu_1", "look", {})]
    assert read(*a_call(0, *parts), word="max_tokens").calls == []


def test_null_input_is_counted() -> None:
    assert read(*a_call(0, "null")).ignored == {Ignored.NULL_ARGUMENTS: 1}
    assert read(tool_start(0, input=None), block_stop(0)).calls == [("toolu_1", "look", {})]


def test_two_calls_of_one_id_are_two() -> None:
    odd = read(*a_call(0, SAID), *a_call(1, OTHER))
    assert odd.calls == [LOOK, ("call_msg1_1", "look", BONN)]
    assert (odd.ignored, odd.defect) == ({Ignored.CALL_ID_AGAIN: 1}, None)


def test_two_calls_of_one_id_side_by_side_are_two() -> None:
    odd = read(tool_start(0), tool_start(1), *pieces(1, OTHER), *pieces(0, SAID), block_stop(1), block_stop(0))
    assert odd.calls == [LOOK, ("call_msg1_1", "look", BONN)]


def test_a_call_told_twice_is_released_once_and_the_answer_goes_on() -> None:
    odd = read(*a_call(0, SAID), *a_call(1, '{"city": "Köln"}'), *a_text(2, "hello"))
    assert (odd.calls, odd.text, odd.ignored) == ([LOOK], "hello", {Ignored.CALL_ID_AGAIN: 1})


def test_a_response_without_an_id_makes_up_ids_from_the_calls_own() -> None:
    body = sse(message_start(""), *a_call(0, SAID, call_id="look:3"), *a_call(1, OTHER, call_id="look:3"))
    odd = read_odd(Anthropic("claude-test", api_key="sk-ant-canary"), body)
    assert [call_id for call_id, _, _ in odd.calls] == ["look:3", "call_look3_1"]


def test_calls_that_end_out_of_order_are_released_in_order() -> None:
    odd = read(
        tool_start(0), tool_start(1, "toolu_2"), *pieces(1, OTHER), block_stop(1), *pieces(0, SAID), block_stop(0)
    )
    assert [call_id for call_id, _, _ in odd.calls] == ["toolu_1", "toolu_2"]


def test_the_text_at_an_index_used_again_is_text() -> None:
    result = block_start(1, "web_search_tool_result", tool_use_id="s", content=[])
    odd = read(*a_text(0, "a"), result, block_stop(1), *a_text(1, "b"), word="end_turn")
    assert (odd.text, odd.ignored, odd.is_complete) == ("ab", {Ignored.INDEX_ODD: 1}, True)


MIXED: dict[str, list[Any]] = {
    "thinking in a block begun as text": [
        block_start(0), block_delta(0, "hm", "thinking_delta"), block_delta(0, "!", "thinking_delta"),
        block_delta(0, "sig", "signature_delta"), block_delta(0, "Hi"), block_delta(0, " you"), block_stop(0),
    ],
    "text in a block begun as thinking": [
        block_start(0, "thinking"), block_delta(0, "hm", "thinking_delta"), block_delta(0, "!", "thinking_delta"),
        block_delta(0, "Hi"), block_delta(0, " you"), block_stop(0),
    ],
}  # fmt: skip


@pytest.mark.parametrize("name", MIXED)
def test_the_kind_of_a_delta_counts_and_not_that_of_its_block(name: str) -> None:
    odd = read(*MIXED[name], word="end_turn")
    assert (odd.reasoning, odd.text, odd.defect, odd.is_complete) == ("hm!", "Hi you", None, True)
    assert odd.ignored == {Ignored.OTHER_KIND: 1 + ("begun as text" in name)}


TWO_MEANINGS: dict[str, list[Any]] = {
    "a second start of an open block": [tool_start(0), tool_start(0)],
    "more of a block that has ended": [*a_text(0, "a"), block_delta(0, "b")],
    "text in a call": [tool_start(0), block_delta(0, SAID)],
    "arguments in a text": [block_start(0), *pieces(0, SAID)],
    "input in the start, and {} after it": [tool_start(0, input=COLOGNE), *pieces(0, "{}"), block_stop(0)],
    "two objects in one call": a_call(0, SAID, OTHER),
    "a call without its stop, not whole": a_call(0, SAID[:-1])[:-1],
}


@pytest.mark.parametrize("name", TWO_MEANINGS)
def test_what_has_two_meanings_is_a_defect_and_releases_nothing(name: str) -> None:
    odd = read(*TWO_MEANINGS[name])
    assert (odd.calls, odd.is_complete) == ([], False)
    assert odd.defect is not None
