"""What a JSON text may hold is told from the text, before it is parsed: values, depth, and what stands in strings."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from riverrun.engine.core import json_bounds
from riverrun.engine.core.json_bounds import DEPTH_MAX, VALUE_BYTES, explain_excess, objects_bytes
from riverrun.engine.core.policy import Limits
from riverrun.engine.core.tool_json import explain_arguments, parse_arguments
from riverrun.providers.wire.json import held_bytes_of, read_object, read_value

VALUES = "values_max"
DEPTH = "nested deeper"

strings = st.text(st.sampled_from(['"', "\\", ",", "[", "{", "]", "}", "a", "é", "\ud83c", "\n"]), max_size=12)
values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.integers() | strings,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(strings, inner, max_size=5),
    max_leaves=30,
)


def counted(value: Any) -> int:
    """Count by walking: the values inside, and one for each that is empty and so holds none."""
    if not isinstance(value, dict | list):
        return 0
    inside = list(value.values()) if isinstance(value, dict) else value
    return max(len(inside), 1) + sum(map(counted, inside))


def nested(depth: int) -> str:
    return '{"a":' * depth + "1" + "}" * depth


@given(values, st.booleans())
@example(['\\"', [',[{"'], "\\\\"], False)
def test_what_is_counted_on_the_text_is_what_stands_in_it(value: Any, is_ascii: bool) -> None:
    text = json.dumps(value, ensure_ascii=is_ascii)
    count = counted(value)
    assert objects_bytes(text) == count * VALUE_BYTES
    assert explain_excess(text, max(count, 1)) is None
    assert count < 2 or VALUES in (explain_excess(text, count - 1) or "")


@pytest.mark.parametrize("read", [read_object, read_value, parse_arguments, explain_arguments])
def test_a_text_of_too_many_values_is_never_parsed(read: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json.JSONDecoder, "decode", lambda *_: pytest.fail("parsed"))
    monkeypatch.setattr(json.JSONDecoder, "raw_decode", lambda *_: pytest.fail("parsed"))
    read('{"a":[' + ",".join(["[]"] * 40_000) + "]}")


@pytest.mark.parametrize("piece", ["[],", "{},", '{"a":1},', "1,", '"",', "[[", '{"a":{"a":'])
def test_values_beyond_the_bound_are_told_with_the_number(piece: str) -> None:
    text = '{"a":[' + piece * 70_000
    assert read_object(text) == "saw more than 65536 values; expected at most that (values_max)"
    assert explain_arguments(text) == read_object(text)


@pytest.mark.parametrize("inside", ['\\",', "\\\\,", "[{,", "é,[", "\\n,", "\\ud83c\\udf0d,"])
def test_what_stands_in_a_string_is_no_value_however_much_it_is(inside: str) -> None:
    text = '{"a":"' + inside * 100_000 + '"}'
    assert read_value(text) == json.loads(text) == parse_arguments(text)


def test_depth_is_bounded_and_told_however_it_is_written() -> None:
    assert isinstance(read_object(nested(DEPTH_MAX)), dict)
    assert DEPTH in str(read_object(nested(DEPTH_MAX + 1)))
    assert DEPTH in str(read_object('{"a":"]]]]",' + nested(DEPTH_MAX + 1)[1:]))
    assert isinstance(read_object('{"a":"' + "[" * 1000 + '"}'), dict)
    assert isinstance(read_object('{"a":[' + ",".join(["[[]]"] * 1000) + "]}"), dict)


@pytest.mark.parametrize(
    "text", ["[" * 60_000, '{"a":' * 60_000, "[]" + "]" * 60_000, '"' * 300_000, '"' + "[" * 99_999]
)
def test_what_is_no_json_ends_without_an_exception(text: str) -> None:
    assert read_value(text) is None
    assert isinstance(read_object(text), str)
    assert isinstance(explain_arguments(text), str)


def test_an_integer_of_thousands_of_digits_is_read_only_where_there_can_not_be_many() -> None:
    assert read_value("9" * 4000) == int("9" * 4000)
    assert read_value('{"a":[' + ",".join(["9" * 4000] * 5) + "]}") is None
    assert read_value('{"a":[' + ",".join(["9" * 640] * 50) + "]}") is not None


def test_the_default_is_that_of_the_limits_and_another_can_be_given() -> None:
    assert Limits().values_max == json_bounds.VALUES_MAX
    text = '{"a":[' + "1," * 99_999 + "1]}"
    assert isinstance(read_object(text), str)
    assert isinstance(read_object(text, 100_001), dict)
    assert parse_arguments(text, 100_001) is not None


def test_what_a_value_takes_while_it_is_held_is_its_text_and_its_values() -> None:
    assert held_bytes_of({"a": "é,"}) == len('{"a":"\\u00e9,"}') + VALUE_BYTES
    assert held_bytes_of({"a": [1, 2]}) == len('{"a":[1,2]}') + 3 * VALUE_BYTES
