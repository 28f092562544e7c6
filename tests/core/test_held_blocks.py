"""What an accumulator holds: marks, what was kept since one, and going back to it."""

from __future__ import annotations

import pytest

from riverrun.engine.core.held_blocks import (
    PARTS_MAX,
    CallParts,
    Held,
    HeldBlocks,
    Mark,
    Parts,
    TextParts,
    opaque_bytes,
)
from riverrun.engine.core.json_bounds import VALUE_BYTES, VALUES_MAX
from riverrun.engine.core.messages import OpaqueBlock, ReasoningBlock, TextBlock, ToolCall

READY = ToolCall("c1", "look", {})


def text(*parts: str) -> TextParts:
    made = TextParts()
    made.parts += parts
    return made


def held(*blocks: Held) -> HeldBlocks:
    made = HeldBlocks()
    for block in blocks:
        made.append(block)
    return made


def test_parts_are_joined_once() -> None:
    parts = Parts()
    assert parts.read() == ""
    parts.parts += ["a", "b"]
    assert (parts.read(), parts.parts) == ("ab", ["ab"])


@pytest.mark.parametrize(
    ("blocks", "mark"),
    [
        ((), Mark(0, 0)),
        ((text("ab", "c"),), Mark(1, 3)),
        ((text("abc"), READY), Mark(2, 0)),
        ((READY, text("é")), Mark(2, 1)),
    ],
)
def test_a_mark_counts_the_blocks_and_the_characters_of_the_last(blocks: tuple[Held, ...], mark: Mark) -> None:
    assert held(*blocks).mark() == mark


def test_nothing_was_kept_since_a_mark_where_nothing_came() -> None:
    for blocks in ((), (text("a"),), (text("a"), READY), (READY, text("abc"))):
        made = held(*blocks)
        assert not made.has_kept_since(made.mark())


@pytest.mark.parametrize("block", [text("x"), READY, ReasoningBlock("hm"), OpaqueBlock("web_search", {}, "p/m")])
def test_a_block_that_came_since_was_kept(block: Held) -> None:
    made = held(text("before"))
    mark = made.mark()
    made.append(CallParts("c9", "look"))
    assert not made.has_kept_since(mark)
    made.append(block)
    assert made.has_kept_since(mark)


@pytest.mark.parametrize("before", [(), (READY,), (READY, text("x"), READY)])
def test_text_that_grew_in_the_block_of_the_mark_was_kept(before: tuple[Held, ...]) -> None:
    last = text("abc")
    made = held(*before, last)
    mark = made.mark()
    made.append(CallParts("c9", "look"))
    assert not made.has_kept_since(mark)
    last.parts.append("d")
    assert made.has_kept_since(mark)


def test_what_grew_in_a_block_before_the_mark_s_is_not_looked_at() -> None:
    first = text("a")
    made = held(first, READY)
    mark = made.mark()
    first.parts.append("b")
    assert not made.has_kept_since(mark)


def test_only_a_whole_call_was_released() -> None:
    made = held(READY)
    mark = made.mark()
    call = CallParts("c2", "look")
    made.append(call)
    made.append(text("x"))
    assert not made.has_released_since(mark)
    made.complete(call, ToolCall("c2", "look", {}))
    assert made.has_released_since(mark)
    assert made.read() == (READY, ToolCall("c2", "look", {}), TextBlock("x"))


def test_cutting_back_leaves_what_there_was_at_the_mark_and_the_open_text() -> None:
    open_text = text("ab", "c")
    made = held(READY, open_text)
    mark = made.mark()
    open_text.parts.append("d")
    made.append(text("e"))
    parts = made.cut_back(mark)
    assert made.read() == (READY, TextBlock("abc"))
    assert parts is open_text.parts


def test_cutting_back_to_what_is_no_text_gives_no_parts() -> None:
    for blocks in ((), (READY,), (text("a"), READY)):
        made = held(*blocks)
        mark = made.mark()
        made.append(text("e"))
        assert made.cut_back(mark) is None
        assert made.read() == held(*blocks).read()


def test_cutting_back_looks_at_the_last_block_alone() -> None:
    last = text("abc")
    made = held(last, READY, text("xyz"))
    assert made.cut_back(Mark(3, 1)) == ["x"]
    assert made.read() == (TextBlock("abc"), READY, TextBlock("x"))


def test_a_call_without_arguments_has_none_and_one_that_was_cut_is_none() -> None:
    call = CallParts("c1", "look")
    assert call.close(None, VALUES_MAX, is_cut=False) == READY
    assert call.close(None, VALUES_MAX, is_cut=True) == "the answer ended inside it"
    assert call.close("{}", VALUES_MAX, is_cut=True) == READY
    assert call.close("7", VALUES_MAX, is_cut=False) == "saw a number; expected a JSON object"


def test_an_opaque_block_counts_for_its_json_in_utf_8_and_its_values_whatever_stands_in_it() -> None:
    assert opaque_bytes(OpaqueBlock("x", {"a": "é,"}, "p/m")) == len('{"a": "é,"}'.encode()) + VALUE_BYTES
    assert opaque_bytes(OpaqueBlock("x", {"a": [1, 2]}, "p/m")) == len('{"a": [1, 2]}') + 3 * VALUE_BYTES
    strange: dict[str, object] = {"a": {1, 2}}
    assert opaque_bytes(OpaqueBlock("x", strange, "p/m")) > len('{"a": ""}')  # type: ignore[arg-type]


def test_text_that_comes_a_character_at_a_time_is_held_in_few_parts_and_copied_once() -> None:
    parts = Parts()
    for _ in range(100_000):
        parts.append("aé")
    assert len(parts.parts) < PARTS_MAX + 100_000 / PARTS_MAX + 1
    assert parts.read() == "aé" * 100_000
    parts.append("b")
    assert parts.read()[-1] == "b"
