"""The codec: every value of the vocabulary comes back from JSON as it was; what is not ours is refused."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from enum import Enum
from functools import cache
from types import UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from riverrun.engine.core.causes import InterruptCause
from riverrun.engine.core.codec import SCHEMA_VERSION, CodecError, from_json, structure, to_json
from riverrun.engine.core.events import Event
from riverrun.engine.core.messages import AnswerBlock, Block, ImageBlock, Message, TextBlock, ToolCall
from riverrun.engine.core.planner import RecoveryPlan
from riverrun.engine.core.policy import Policy, RetryPolicy, StallPolicy, Throughput
from riverrun.engine.core.request import InferenceRequest
from riverrun.engine.core.result import AttemptRecord, StreamResult
from riverrun.engine.core.snapshot import InterruptSnapshot
from riverrun.engine.core.stream_events import StreamEvent, TextDelta

UNIONS: list[Any] = [AnswerBlock, Block, InterruptCause, RecoveryPlan, StreamEvent, Event]
VALUES: list[Any] = [InterruptSnapshot, StreamResult, AttemptRecord]
MEMBERS = [(union, member) for union in UNIONS for member in get_args(union)]

finite = st.floats(allow_nan=False, allow_infinity=False)
# A pair of lone surrogates that happen to be neighbours is one character in any JSON; so they come one at a time.
any_text = st.one_of(st.text(max_size=6), st.sampled_from(["\ud800", "x\udfff", "\x00", "\u2028", "🙂", "\u202e"]))
json_values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | finite | any_text,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(any_text, inner, max_size=2),
    max_leaves=4,
)
LEAVES: dict[Any, st.SearchStrategy[Any]] = {
    str: any_text,
    int: st.integers(0, 2**63 - 1),
    float: finite,
    bool: st.booleans(),
    bytes: st.binary(max_size=6),
    type(None): st.none(),
    ImageBlock: st.builds(ImageBlock, data=st.binary(max_size=6)) | st.builds(ImageBlock, url=any_text),
}


@cache
def values_of(kind: Any) -> st.SearchStrategy[Any]:
    """Any value of a declared type of the vocabulary."""
    if kind in LEAVES:
        return LEAVES[kind]
    origin, parts = get_origin(kind), get_args(kind)
    if origin in (Union, UnionType):
        return st.one_of([values_of(part) for part in parts])
    if origin is tuple:
        return st.lists(st.deferred(lambda: values_of(parts[0])), max_size=2).map(tuple)
    if origin is not None and issubclass(origin, Mapping):
        return st.dictionaries(any_text, values_of(int) if parts[1] is int else json_values, max_size=2)
    if issubclass(kind, Enum):
        return st.sampled_from(kind)
    hints = get_type_hints(kind)
    return st.builds(kind, **{field.name: values_of(hints[field.name]) for field in attrs.fields(kind)})


@pytest.mark.parametrize(("union", "member"), MEMBERS, ids=lambda kind: getattr(kind, "__name__", "-"))
@given(data=st.data())
@settings(max_examples=15)
def test_every_member_of_every_union_comes_back_as_it_was(union: Any, member: Any, data: st.DataObject) -> None:
    value = data.draw(values_of(member))
    text = to_json(value, union)
    assert text.isascii()
    back = from_json(text, union)
    assert back == value
    assert type(back) is type(value)


@pytest.mark.parametrize("kind", VALUES)
@given(data=st.data())
@settings(max_examples=30)
def test_what_holds_other_values_comes_back_as_it_was(kind: Any, data: st.DataObject) -> None:
    value = data.draw(values_of(kind))
    assert from_json(to_json(value), kind) == value


def test_requests_and_policies_come_back_as_they_were() -> None:
    request = InferenceRequest(
        [Message.user("hé", ImageBlock(data=b"\x00\xff")), Message.assistant(ToolCall("1", "t", {"a": [1.5, None]}))],
        system="s", tool_choice="auto", max_tokens=7, stop_sequences=["x"], extra={"deep": {"er": [True]}},
    )  # fmt: skip
    policy = Policy(retry=RetryPolicy.patient(), stall=StallPolicy(throughput=Throughput(bytes_min=1, window_s=2)))
    assert from_json(to_json(request), InferenceRequest) == request
    assert from_json(to_json(policy), Policy) == policy


def test_two_lone_surrogates_side_by_side_come_back_as_the_character_they_spell() -> None:
    assert from_json(to_json(TextDelta("\ud83d\ude42")), TextDelta) == TextDelta("🙂")


def test_a_number_that_json_has_no_word_for_is_refused_when_it_is_written() -> None:
    with pytest.raises(ValueError, match="JSON compliant"):
        to_json(ToolCall("1", "t", {"a": float("nan")}))


# -- what is not ours -------------------------------------------------------------------------------------------------


def with_schema(schema: object) -> str:
    return json.dumps({"schema": schema, "value": {"text": "t"}})


@pytest.mark.parametrize("schema", [SCHEMA_VERSION + 1, 0, None, "1", 1.5, [1]])
def test_another_schema_is_refused_and_both_numbers_are_said(schema: object) -> None:
    with pytest.raises(CodecError, match=f"{SCHEMA_VERSION} expected") as caught:
        from_json(with_schema(schema), TextBlock)
    assert repr(schema) in str(caught.value)


@pytest.mark.parametrize("text", ["", "{", "nul", "[" * 100_000, b"\xff\xfe", b"\x80secret"])
def test_what_is_not_json_is_refused_without_its_content(text: str | bytes) -> None:
    with pytest.raises(CodecError, match=f"{len(text)} characters that are not JSON") as caught:
        from_json(text, TextBlock)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("text", ["[]", "null", "7", '"x"', "{}"])
def test_json_that_is_no_value_of_ours_is_refused(text: str) -> None:
    with pytest.raises(CodecError, match="schema None seen"):
        from_json(text, TextBlock)


@pytest.mark.parametrize("union", UNIONS)
@pytest.mark.parametrize("body", [{"type": "Novelty"}, {}, {"type": None}, {"type": ["TextDelta"]}, None, [], "x", 7])
def test_an_unknown_type_is_refused(union: Any, body: object) -> None:
    with pytest.raises(CodecError):
        structure(body, union)


def test_an_unknown_field_is_ignored_for_a_newer_riverrun_may_have_written_it() -> None:
    assert structure({"text": "t", "mood": "new"}, TextBlock) == TextBlock("t")


def test_a_missing_field_is_refused_without_the_content() -> None:
    with pytest.raises(CodecError) as caught:
        structure({"id": "secret", "name": "secret"}, ToolCall)
    assert "ToolCall" in str(caught.value)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({}, r"^no InferenceRequest of schema 1: 'messages' is missing or unknown, at messages$"),
        ({"messages": [{"role": "r", "content": []}]}, r"expected Role, at messages\[0\].role$"),
        ({"messages": [{"role": "user", "content": [{"type": "Nix"}]}]}, r"'Nix' is missing .*\[0\].content\[0\]$"),
        ({"messages": 3, "tools": 3}, r"\(and 1 more\)$"),
        (None, "^no InferenceRequest of schema 1: of another type$"),
    ],
)
def test_a_message_names_the_first_field_that_is_wrong(body: object, says: str) -> None:
    with pytest.raises(CodecError, match=says):
        structure(body, InferenceRequest)


@given(st.text(min_size=200, max_size=300), st.text(max_size=5))
def test_no_message_quotes_more_than_a_line_of_what_was_read(long: str, short: str) -> None:
    block = {"type": f"{short} @ {long}"}
    for body in ({"messages": [{"role": "user", "content": [block]}]}, {"messages": [{"role": long, "content": []}]}):
        with pytest.raises(CodecError) as caught:
            structure(body, InferenceRequest)
        assert long not in str(caught.value)
        assert len(str(caught.value)) < 300
        assert str(caught.value).isprintable()


@given(json_values)
def test_no_json_makes_it_raise_anything_else(body: object) -> None:
    readers: list[Callable[[], object]] = [
        lambda: structure(body, StreamEvent),
        lambda: structure({"type": "ToolCallStart", "id": body}, StreamEvent),
        lambda: from_json(json.dumps({"schema": SCHEMA_VERSION, "value": body}), InterruptSnapshot),
    ]
    for read in readers:
        try:
            read()
        except CodecError:
            continue
