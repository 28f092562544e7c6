"""The framings of Gemini: events, an array that grows, bare objects; each cut of the bytes gives the same chunks."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from riverrun.engine.core.policy import Limits
from riverrun.providers.gemini.frames import GeminiFrames, JSONValueReader

json_objects = st.dictionaries(
    st.text(max_size=5),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=9),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
        max_leaves=8,
    ),
    max_size=4,
)


def read(data: bytes, *, cut: int | None = None, **limits: int) -> tuple[list[str], str | None, Any]:
    frames = GeminiFrames(Limits(**limits))
    pieces = [data] if cut is None else [data[at : at + cut] for at in range(0, len(data), cut)]
    texts = [text for one in pieces for text in frames.feed(one)]
    return texts, frames.close(), frames


@given(st.lists(json_objects, max_size=4), st.integers(1, 9), st.sampled_from([None, 1, 4]), st.booleans())
def test_an_array_gives_its_elements(values: list[Any], cut: int, indent: int | None, escape: bool) -> None:
    data = json.dumps(values, indent=indent, ensure_ascii=escape).encode("utf-8", "surrogatepass")
    texts, rest, frames = read(data, cut=cut)
    assert [json.loads(text) for text in texts] == [value for value in values if value]
    assert (rest, frames.defect, frames.is_ended) == (None, None, True)


@given(st.lists(json_objects, max_size=3), json_objects, st.integers(1, 9), st.sampled_from(["\n", "\r\n", "\r"]))
def test_an_object_after_events_is_read_bare(events: list[Any], last: Any, cut: int, end: str) -> None:
    body = "".join(f"data: {json.dumps(value)}{end}{end}" for value in events) + json.dumps(last, indent=2)
    texts, rest, frames = read(body.encode(), cut=cut)
    assert [json.loads(text) for text in texts] == [*events, *([last] if last else [])]
    assert (rest, frames.defect, frames.is_ended) == (None, None, False)


def test_an_event_whose_blank_line_is_missing_counts_before_a_bare_object() -> None:
    assert read(b'data: {"a": 1}\n{"b": 2}')[0] == ['{"a": 1}', '{"b": 2}']


def test_brackets_inside_of_strings_and_fields_are_none() -> None:
    data = b'event: {x\ndata: {"a": "\\n{ ] \\" }"}\n: {comment\nid: [1\n\n'
    assert read(data)[0] == ['{"a": "\\n{ ] \\" }"}']


@pytest.mark.parametrize("cut", [None, 1, 2])
def test_an_object_without_a_field_is_left_out_however_it_is_cut(cut: int | None) -> None:
    assert read(b'[{},{"a": 1},{},{}\n]', cut=cut)[:2] == (['{"a": 1}'], None)


def test_objects_may_follow_each_other() -> None:
    assert read(b'{"a": 1}\n{"b": 2}, {"c": 3}')[0] == ['{"a": 1}', '{"b": 2}', '{"c": 3}']


@pytest.mark.parametrize("data", [b"[1", b"[{}{}", b"[{}, ]", b"{}x", b"[,", b"[[{}]]", b"{} ]"])
def test_anything_else_between_chunks_is_a_defect(data: bytes) -> None:
    assert "expected one of" in read(data)[2].defect


def test_an_object_that_was_cut_is_given_at_the_end() -> None:
    assert read(b'[{"a": 1},\n{"b": "x')[1] == '{"b": "x'


def test_invalid_utf8_is_replaced() -> None:
    assert read(b'[{"a": "\xff"}]')[0] == ['{"a": "\ufffd"}']


@pytest.mark.parametrize("cut", [None, 1, 3, 64])
def test_a_chunk_is_bounded_whatever_the_cut(cut: int | None) -> None:
    data = b'[{"a": "' + b"x" * 20 + b'"}, {"b": "' + b"x" * 100 + b'"}, {"c": 1}]'
    texts, rest, frames = read(data, cut=cut, event_bytes_max=50)
    assert (len(texts), rest) == (1, None)
    assert "event_bytes_max" in frames.defect


@pytest.mark.parametrize("cut", [None, 1, 7])
def test_nothing_is_read_after_a_bound_was_exceeded(cut: int | None) -> None:
    data = b'data: {"a": 1}\n\ndata: "' + b"x" * 100 + b'"\n\n{"late": 1}'
    texts, _, frames = read(data, cut=cut, line_bytes_max=50)
    assert texts == ['{"a": 1}']
    assert "line_bytes_max" in frames.defect


def test_deep_nesting_costs_no_stack() -> None:
    reader = JSONValueReader(value_bytes_max=10**6)
    assert reader.feed(b"[" + b'{"a":' * 100_000) == []
    assert reader.defect is None
