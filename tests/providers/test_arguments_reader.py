"""Arguments in whichever way they are sent: what was meant is read, and what has two meanings is told."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from riverrun.engine.core.held_bytes import HeldBytes
from riverrun.engine.core.ignored import Ignored
from riverrun.providers.wire.arguments import ArgumentsReader

BYTES_MAX = 1 << 20
TWICE_NESTED = '{"a":{"a":{"a":null}}}'
keys = st.sampled_from(["a", "b", "ab", "", '{"a":', "é🌍"])
values: Any = st.recursive(
    st.none() | st.booleans() | st.integers(0, 9) | keys,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3),
    max_leaves=8,
)
texts = st.dictionaries(keys, values, min_size=1, max_size=3).map(json.dumps)
places = st.lists(st.integers(1, 40), max_size=12)


def read(*fragments: str, **options: Any) -> tuple[str, ArgumentsReader]:
    reader = ArgumentsReader(BYTES_MAX, HeldBytes(BYTES_MAX), **options)
    said = "".join(map(reader.take, fragments))
    return said + reader.close(), reader


def cut(text: str, at: list[int]) -> list[str]:
    edges = [0, *sorted({min(place, len(text)) for place in at}), len(text)]
    return [text[a:b] for a, b in itertools.pairwise(edges)]


@given(texts, places)
@example(TWICE_NESTED, [5, 10, 15])
@example('[{"a":[{"a":1}]}]'[1:-1], [5, 6, 12])
def test_pieces_are_what_they_join_to_and_nothing_is_odd(text: str, at: list[int]) -> None:
    said, reader = read(*cut(text, at))
    assert (said, reader.is_whole, reader.has_two, +reader.ignored) == (text, True, False, {})


@given(texts, places, st.integers(1, 3))
@example(TWICE_NESTED, [5, 10, 15], 1)
def test_each_fragment_may_hold_all_there_is_so_far(text: str, at: list[int], times: int) -> None:
    edges = [place for place in sorted({min(place, len(text)) for place in at}) for _ in range(times)]
    said, reader = read(*[text[:edge] for edge in edges], *[text] * times)
    assert (json.loads(said), reader.is_whole, reader.has_two) == (json.loads(text), True, False)


@given(texts, places)
def test_arguments_that_are_told_once_more_are_told_once(text: str, at: list[int]) -> None:
    said, reader = read(*cut(text, at), text)
    assert (said, reader.is_whole, +reader.ignored) == (text, True, {Ignored.TOLD_AGAIN: 1})


@pytest.mark.parametrize("nothing", ["{}", "null", " {} "])
def test_empty_arguments_may_come_before_the_real_ones(nothing: str) -> None:
    said, reader = read(nothing, '{"a":', "1}")
    assert (said, reader.is_whole, +reader.ignored) == ('{"a":1}', True, {Ignored.ARGUMENTS_LATE: 1})


@pytest.mark.parametrize(("nothing", "odd"), [("{}", {}), ("null", {Ignored.NULL_ARGUMENTS: 1})])
def test_what_says_nothing_is_an_empty_object_and_bare(nothing: str, odd: dict[str, int]) -> None:
    said, reader = read(nothing)
    assert (said, reader.is_bare, reader.is_whole, +reader.ignored) == ("{}", True, False, odd)


@pytest.mark.parametrize("fragments", [[], [""], [" ", "\n"], ["{", "}"]])
def test_no_arguments_are_bare(fragments: list[str]) -> None:
    said, reader = read(*fragments)
    assert (said.strip() in ("", "{}"), reader.is_bare, reader.is_whole) == (True, True, False)


@pytest.mark.parametrize("other", ['{"a":2}', '{"a":1}{"b"', '{"b"', "{}"])
def test_an_object_after_an_object_has_two_meanings(other: str) -> None:
    _, reader = read('{"a":', "1}", other)
    assert (reader.has_two, reader.is_whole) == (True, False)


def test_what_is_no_object_is_said_as_it_came() -> None:
    said, reader = read('{"a":1}', "}")
    assert (said, reader.is_whole, reader.has_two) == ('{"a":1}}', False, False)


def test_where_the_beginning_is_not_known_fragments_are_pieces() -> None:
    assert read('"x":1}', '"x":1}', is_resumed=True)[0] == '"x":1}"x":1}'


def test_what_waits_is_counted_and_let_go() -> None:
    held = HeldBytes(12)
    reader = ArgumentsReader(BYTES_MAX, held)
    assert (reader.take('{"a":'), reader.take('{"a":'), reader.take("1}}")) == ('{"a":', "", '{"a":1}}')
    assert (reader.is_whole, held.defect) == (True, None)
    assert held.hold(12)


def test_the_work_is_linear_in_what_comes() -> None:
    text = json.dumps({"a": "x" * 20_000})
    said, reader = read(*[text[:edge] for edge in range(1, len(text), 500)], text)
    assert (said, reader.is_whole) == (text, True)
