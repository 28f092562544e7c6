"""Odd answers are read as they were written, or not at all; .ci/fuzz goes on where this ends."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from riverrun.providers.by_name import provider_classes
from tests.fuzz.tolerance import (
    ODDITIES,
    WHOLE,
    check_tolerance,
    check_whole,
    draw_answer,
    draw_oddities,
    draw_whole_oddities,
)

NAMES = sorted(provider_classes())
FORMATS = ("anthropic", "openai", "vllm", "openrouter", "openai-responses", "gemini", "gemini-interactions", "ollama")


@pytest.mark.parametrize("oddity", ODDITIES)
@pytest.mark.parametrize("name", FORMATS)
def test_an_odd_answer_loses_doubles_and_invents_nothing(name: str, oddity: str) -> None:
    for seed in range(8):
        dice = random.Random(f"{name} {oddity} {seed}")
        check_tolerance(name, draw_answer(dice), [oddity], dice)


@pytest.mark.parametrize("oddity", WHOLE)
@pytest.mark.parametrize("name", FORMATS)
def test_nor_does_an_odd_answer_in_one_piece(name: str, oddity: str) -> None:
    for seed in range(12):
        dice = random.Random(f"whole {name} {oddity} {seed}")
        check_whole(name, draw_answer(dice), [oddity], dice)


@given(name=st.sampled_from(NAMES), dice=st.randoms(use_true_random=False))
@settings(max_examples=100, deadline=None)
def test_nor_one_in_one_piece_that_is_odd_in_several_ways(name: str, dice: random.Random) -> None:
    check_whole(name, draw_answer(dice), draw_whole_oddities(dice), dice)


@given(name=st.sampled_from(NAMES), dice=st.randoms(use_true_random=False))
@settings(max_examples=150, deadline=None)
def test_nor_does_one_that_is_odd_in_several_ways(name: str, dice: random.Random) -> None:
    check_tolerance(name, draw_answer(dice), draw_oddities(dice), dice)
