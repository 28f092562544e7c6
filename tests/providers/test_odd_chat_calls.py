"""Calls of Chat Completions said in odd ways: what has one meaning is taken and counted, what has two is a defect."""

from __future__ import annotations

from typing import Any

import pytest

from riverrun import OpenAIChat, OpenRouter
from riverrun.engine.core.ignored import Ignored
from tests.providers.odd import Odd, read_odd
from tests.providers.samples import call, chunk, sse

KEY = "sk-canary-key"
COLOGNE, BONN = {"city": "Köln"}, {"city": "Bonn"}
SAID = '{"city":"Köln"}'
LOOK = ("call_1", "look", COLOGNE)


def read(*deltas: Any, finish: str | None = "tool_calls") -> Odd:
    end = [] if finish is None else [chunk({}, finish)]
    return read_odd(OpenRouter("m/m", api_key=KEY), sse(*map(chunk, deltas), *end, "[DONE]"))


def begun(arguments: Any = "", *, index: int | None = 0, name: str = "look", call_id: str = "call_1") -> Any:
    return call(arguments, index=index, call_id=call_id, name=name)


ONE_CALL: dict[str, tuple[list[Any], dict[str, int]]] = {
    "empty arguments first": ([begun("{}"), call('{"city":'), call('"Köln"}')], {Ignored.ARGUMENTS_LATE: 1}),
    "null as text first": ([begun("null"), call('{"city":"Köln"}')], {Ignored.ARGUMENTS_LATE: 1}),
    "an empty object first": ([begun({}), call('{"city":"Köln"}')], {Ignored.ARGUMENTS_LATE: 1}),
    "all there is so far each time": (
        [begun('{"ci'), call('{"city":'), call('{"city":"Kö'), call(SAID), call(SAID)], {Ignored.TOLD_AGAIN: 4},
    ),
    "the whole once more at the end": ([begun('{"city":'), call('"Köln"}'), call(SAID)], {Ignored.TOLD_AGAIN: 1}),
    "the whole once more with id and name": ([begun(SAID), begun(SAID)], {Ignored.TOLD_AGAIN: 1}),
    "the whole once more without an index": (
        [begun(SAID, index=None), begun(SAID, index=None)], {Ignored.TOLD_AGAIN: 1},
    ),
    "a name in parts": (
        [begun(name="lo"), {"tool_calls": [{"index": 0, "function": {"name": "ok"}}]}, call(SAID)],
        {Ignored.NAME_IN_PARTS: 1},
    ),
    "a name repeated on each fragment": ([begun('{"city":'), call('"Köln"}', name="look")], {}),
    "a name repeated after the arguments": ([begun(SAID), call("", name="look")], {}),
}  # fmt: skip


@pytest.mark.parametrize("name", ONE_CALL)
def test_one_call_is_one_call_however_it_is_told(name: str) -> None:
    deltas, ignored = ONE_CALL[name]
    odd = read(*deltas)
    assert (odd.calls, odd.ignored, odd.defect, odd.is_complete) == ([LOOK], ignored, None, True)


@pytest.mark.parametrize("arguments", [None, "null", "", "{}", {}])
def test_no_arguments_are_an_empty_object_where_the_finish_says_that_the_call_is_whole(arguments: Any) -> None:
    odd = read(begun(arguments, name="time"))
    assert (odd.calls, odd.ignored.get(Ignored.NULL_ARGUMENTS, 0)) == ([("call_1", "time", {})], arguments == "null")


@pytest.mark.parametrize("arguments", ["", "{}", "null"])
@pytest.mark.parametrize("finish", ["length", "network_error", "word_nobody_knows", None])
def test_no_arguments_are_no_call_without_a_word_that_says_so(arguments: str, finish: str | None) -> None:
    assert not read(begun(arguments), finish=finish).calls


SECOND = ("call_chatcmpl-1_1", "look", BONN)
TWO_CALLS: dict[str, tuple[list[Any], Any, dict[str, int]]] = {
    "one id at two indexes": (
        [begun(SAID), begun('{"city":"Bonn"}', index=1)], SECOND, {Ignored.CALL_ID_AGAIN: 1},
    ),
    "one id at two indexes, in pieces": (
        [begun('{"city":'), call('"Köln"}'), begun(index=1), call('{"city":', index=1), call('"Bonn"}', index=1)],
        SECOND, {Ignored.CALL_ID_AGAIN: 1},
    ),
    "one id without an index": (
        [begun(SAID, index=None), begun('{"city":"Bonn"}', index=None)], SECOND, {Ignored.CALL_ID_AGAIN: 1},
    ),
    "one id, two tools": (
        [begun(SAID), begun("{}", index=1, name="time")], ("call_chatcmpl-1_1", "time", {}), {Ignored.CALL_ID_AGAIN: 1},
    ),
    "one index, no second id": ([begun(SAID), call('{"city":"Bonn"}', name="look")], SECOND, {}),
    "one index, no second id, another name": (
        [begun(SAID), call("{}", name="time")], ("call_chatcmpl-1_1", "time", {}), {},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", TWO_CALLS)
def test_two_calls_are_two_and_the_second_has_an_id_of_its_own(name: str) -> None:
    deltas, second, ignored = TWO_CALLS[name]
    odd = read(*deltas)
    assert (odd.calls, odd.ignored, odd.defect) == ([LOOK, second], ignored, None)


def test_a_call_told_twice_under_one_id_is_released_once_and_the_answer_goes_on() -> None:
    odd = read(begun(SAID), begun('{ "city": "K\\u00f6ln" }', index=1), {"content": "hello"})
    assert (odd.calls, odd.text, odd.ignored) == ([LOOK], "hello", {Ignored.CALL_ID_AGAIN: 1})


def test_an_id_of_ours_is_never_one_that_was_given() -> None:
    odd = read(begun(SAID, call_id="call_chatcmpl-1_1"), *[begun(f'{{"n":{n}}}', index=n) for n in (1, 2)])
    assert [call_id for call_id, _, _ in odd.calls] == ["call_chatcmpl-1_1", "call_1", "call_chatcmpl-1_2"]


TWO_MEANINGS: dict[str, list[Any]] = {
    "a second name under the same id": [begun(), begun(name="time"), call(SAID)],
    "a second name with its arguments": [begun(), call(SAID, name="time")],
    "a second name inside the arguments": [begun('{"city":'), call('"Köln"}', name="time")],
    "a second name that begins with the first": [begun(), call("", name="lookup"), call(SAID)],
    "other arguments after the arguments": [begun(SAID), call('{"city":"Bonn"}')],
    "other arguments under the same id and index": [begun(SAID), begun('{"city":"Bonn"}')],
    "one id at two indexes, the first not whole": [begun('{"city":'), begun('"Köln"}', index=1)],
    "one id at two indexes, the first without arguments": [begun(), begun(SAID, index=1)],
    "more of a call after the next began": [begun(SAID), begun(SAID, index=1, call_id="b"), call('{"city":"Bonn"}')],
}


@pytest.mark.parametrize("name", TWO_MEANINGS)
def test_what_has_two_meanings_is_a_defect_and_releases_nothing_that_is_in_doubt(name: str) -> None:
    odd = read(*TWO_MEANINGS[name])
    assert odd.defect is not None
    assert (odd.is_complete, odd.calls) == (False, [LOOK] if "after the next" in name else [])


def test_the_whole_told_again_after_the_next_call_began_is_told_again() -> None:
    odd = read(begun(SAID), begun('{"city":"Bonn"}', index=1, call_id="b"), call(SAID))
    assert ([call_id for call_id, _, _ in odd.calls], odd.ignored) == (["call_1", "b"], {Ignored.TOLD_AGAIN: 1})


@pytest.mark.parametrize("provider", [OpenRouter("m/m", api_key=KEY), OpenAIChat("m", api_key=KEY)])
def test_calls_come_in_the_order_of_their_indexes(provider: Any) -> None:
    deltas = (
        begun('{"n":1}', index=1, call_id="b"),
        begun('{"n":0}', call_id="a"),
        begun('{"n":2}', index=2, call_id="c"),
    )
    odd = read_odd(provider, sse(*map(chunk, deltas), chunk({}, "tool_calls"), "[DONE]"))
    assert [call_id for call_id, _, _ in odd.calls] == ["a", "b", "c"]


def test_indexes_may_have_gaps() -> None:
    odd = read(begun(SAID, index=3), begun("{}", index=7, call_id="b"))
    assert [call_id for call_id, _, _ in odd.calls] == ["call_1", "b"]
