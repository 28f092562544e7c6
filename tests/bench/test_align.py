"""Two texts are compared exactly: the fewest characters lost and added, and what the added ones are."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from riverrun.engine.bench.judging import align
from riverrun.engine.bench.judging.align import Difference, difference

RIVER = "The river goes on; 川 and 🌊 and é, 12,345 litres a second, and the mouth is the end of it."


def kept_by_table(one: str, other: str) -> int:
    """The textbook's longest common subsequence, by a table of all places."""
    row = [0] * (len(other) + 1)
    for a in one:
        before, row = row, [0]
        for at, b in enumerate(other):
            row.append(before[at] + 1 if a == b else max(row[at], before[at + 1]))
    return row[-1]


@given(st.text("abc", max_size=20), st.text("abc", max_size=20))
def test_no_reading_of_two_texts_loses_or_adds_fewer_characters(truth: str, given_text: str) -> None:
    found = difference(truth, given_text)
    kept = kept_by_table(truth, given_text)
    assert found.lost == len(truth) - kept
    assert found.doubled + found.invented == len(given_text) - kept


@given(st.text("ab", max_size=24), st.text("ab", max_size=24))
def test_a_text_too_long_for_memory_is_split_and_compared_as_exactly(truth: str, given_text: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(align, "ROWS_BITS_MAX", 8)
        found = difference(truth, given_text)
    assert found.lost == len(truth) - kept_by_table(truth, given_text)


@pytest.mark.parametrize(
    ("given_text", "expected"),
    [
        (RIVER, Difference()),
        ("", Difference(lost=len(RIVER))),
        (RIVER[:40], Difference(lost=len(RIVER) - 40)),
        (RIVER.replace("12,345", "12,35"), Difference(lost=1)),
        (RIVER.replace("the mouth", "the the mouth"), Difference(doubled=4)),
        (RIVER[:30] + RIVER[22:], Difference(doubled=8)),
        (RIVER[:30] + RIVER, Difference(doubled=30)),
        (RIVER.replace("🌊", "\ufffd"), Difference(lost=1, invented=1)),
        ("Sure! " + RIVER, Difference(invented=6)),
        (RIVER[:30] + RIVER[34:60] + RIVER[50:], Difference(lost=4, doubled=10)),
    ],
)
def test_what_was_lost_doubled_and_invented_is_told_apart(given_text: str, expected: Difference) -> None:
    assert difference(RIVER, given_text) == expected


def test_a_long_text_with_one_wrong_place_costs_no_square_of_its_length() -> None:
    text = "".join(f"{number} litres. " for number in range(60_000))
    began_s = time.perf_counter()
    assert difference(text, text[:300_000] + text[250_000:]).doubled == 50_000
    assert time.perf_counter() - began_s < 5
