"""Every decoder on any bytes and on damaged answers; atheris goes on where this ends (.ci/fuzz)."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from riverrun.providers.by_name import provider_classes
from tests.fuzz.decoding import SEEDS, WHOLE_SEEDS, check

every_provider = pytest.mark.parametrize("name", sorted(provider_classes()))
cuts = st.lists(st.integers(0, 3000), max_size=6)
PIECES = (
    b"\0",
    b"\xff",
    b'"',
    b"{",
    b"}",
    b"[",
    b"\n\n",
    b"\r",
    b"null",
    b"1e999",
    b"-1",
    b"\\ud83d",
    b"[DONE]",
    b"data: ",
)


def damaged(data: bytes, dice: random.Random) -> bytes:
    """Take out, double, replace and insert pieces."""
    made = bytearray(data)
    for _ in range(dice.randint(1, 8)):
        at = dice.randrange(len(made) + 1)
        end = min(at + dice.choice((0, 1, 1, 2, 40)), len(made))
        made[at:end] = dice.choice((b"", bytes(made[at:end]) * 2, dice.choice(PIECES)))
    return bytes(made)


@every_provider
@given(data=st.binary(max_size=400), cuts=cuts)
@settings(max_examples=60, deadline=None)
def test_any_bytes_decode_to_something_however_they_are_cut(name: str, data: bytes, cuts: list[int]) -> None:
    check(name, data, cuts)


@every_provider
@given(seed=st.sampled_from(SEEDS), dice=st.randoms(use_true_random=False), cuts=cuts)
@settings(max_examples=150, deadline=None)
def test_a_damaged_answer_decodes_to_something_however_it_is_cut(
    name: str, seed: bytes, dice: random.Random, cuts: list[int]
) -> None:
    check(name, damaged(seed, dice), cuts)


@every_provider
@given(seed=st.sampled_from(WHOLE_SEEDS), dice=st.randoms(use_true_random=False), cuts=cuts)
@settings(max_examples=100, deadline=None)
def test_so_does_a_damaged_answer_in_one_piece(name: str, seed: bytes, dice: random.Random, cuts: list[int]) -> None:
    check(name, damaged(seed, dice), cuts, is_whole=True)
