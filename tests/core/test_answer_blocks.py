"""What an accumulator holds: where a generation began, what was kept since, and going back to there."""

from __future__ import annotations

import pytest

from riverrun.engine.core.answer_blocks import (
    PARTS_MAX,
    AnswerBlocks,
    CallParts,
    Held,
    Parts,
    ReasoningParts,
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


def held(*blocks: Held) -> AnswerBlocks:
    made = AnswerBlocks()
    for block in blocks:
        made.append(block)
    return made


def test_parts_are_joined_once() -> None:
    parts = Parts()
    assert parts.read() == ""
    parts.parts += ["a", "b"]
    assert (parts.read(), parts.parts) == ("ab", ["ab"])


def begun(*before: Held, reattaches: bool = False) -> AnswerBlocks:
    """What is held as an attempt begins."""
    made = held(*before)
    made.begin_attempt(reattaches=reattaches)
    return made


def test_nothing_was_kept_where_nothing_came() -> None:
    for blocks in ((), (text("a"),), (text("a"), READY), (READY, text("abc"))):
        made = begun(*blocks)
        assert (made.has_kept, made.has_begun) == (False, False)


@pytest.mark.parametrize("block", [text("x"), READY, ReasoningBlock("hm"), OpaqueBlock("web_search", {}, "p/m")])
def test_a_block_that_came_since_was_kept(block: Held) -> None:
    made = begun(text("before"))
    made.append(CallParts("c9", "look"))
    assert not made.has_kept
    made.append(block)
    assert made.has_kept


@pytest.mark.parametrize("before", [(), (READY,), (READY, text("x"), READY)])
def test_text_that_grew_in_the_block_of_the_border_was_kept(before: tuple[Held, ...]) -> None:
    last = text("abc")
    made = begun(*before, last)
    made.append(CallParts("c9", "look"))
    assert not made.has_kept
    last.parts.append("d")
    assert made.has_kept


def test_a_thought_that_grew_was_kept() -> None:
    thought = ReasoningParts("p/m")
    made = begun(thought, reattaches=True)
    thought.parts.append("hm")
    assert made.has_kept


def test_what_grew_before_the_last_block_is_not_looked_at() -> None:
    first = text("a")
    made = begun(first, READY)
    first.parts.append("b")
    assert not made.has_kept


def test_a_call_that_another_attempt_completes_was_kept_by_that_one() -> None:
    made, call = begun(text("a")), CallParts("c2", "look")
    made.append(call)
    made.begin_attempt(reattaches=True)
    assert not made.has_kept
    made.complete(call, READY)
    assert made.has_kept
    assert made.read() == (TextBlock("a"), READY)


@pytest.mark.parametrize("reattaches", [False, True])
@pytest.mark.parametrize("place", range(3))
def test_a_call_can_be_removed_whenever_it_began(place: int, reattaches: bool) -> None:
    """An index of the border stood past a call that was removed: an IndexError, and no end of the run."""
    call = CallParts("c2", "look")
    made = begun(*(call if at == place else text("x") for at in range(3)), reattaches=reattaches)
    assert made.remove(call) == call.held_bytes
    assert (made.has_kept, made.read()) == (False, (TextBlock("x"), TextBlock("x")))


def test_cutting_back_after_a_call_was_removed_leaves_the_text_before_it() -> None:
    """The text before the call was cut to nothing."""
    call = CallParts("c2", "look")
    made = begun(text("abc"), call)
    made.remove(call)
    made.append(text("d"))
    assert made.cut_back() is None
    assert made.read() == (TextBlock("abc"),)


def test_cutting_back_leaves_what_there_was_and_the_open_text() -> None:
    open_text = text("ab", "c")
    made = begun(READY, open_text)
    open_text.parts.append("d")
    made.append(text("e"))
    parts = made.cut_back()
    assert made.read() == (READY, TextBlock("abc"))
    assert parts is open_text.parts


def test_cutting_back_goes_to_where_the_generation_began_however_often_it_was_read_on() -> None:
    made = begun(text("a"), READY)
    for piece in "bc":
        made.append(text(piece))
        made.begin_attempt(reattaches=True)
    assert (made.has_kept, made.has_begun) == (False, True)
    made.cut_back()
    assert (made.has_kept, made.has_begun, made.read()) == (False, False, (TextBlock("a"), READY))


def test_cutting_back_to_what_is_no_text_gives_no_parts() -> None:
    for blocks in ((), (READY,), (text("a"), READY)):
        made = begun(*blocks)
        made.append(text("e"))
        assert made.cut_back() is None
        assert made.read() == held(*blocks).read()


def test_a_call_without_arguments_has_none_and_one_that_was_cut_is_none() -> None:
    call = CallParts("c1", "look")
    assert call.close(None, VALUES_MAX, is_cut=False) == READY
    assert call.close(None, VALUES_MAX, is_cut=True) == "the answer ended inside it"
    assert call.close("{}", VALUES_MAX, is_cut=True) == "the answer ended inside it"  # it may be all that came
    assert call.close("{}", VALUES_MAX, is_cut=False) == READY
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
