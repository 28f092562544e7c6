"""What any stream costs a decoder, however it grows: bytes held, and work for each byte that comes.

The extra job goes on where this ends (.ci/fuzz).
"""

from __future__ import annotations

import random

import pytest

from riverrun.engine.core.policy import Limits
from riverrun.providers.by_name import provider_classes
from tests.fuzz.costing import check_held, check_work
from tests.fuzz.decoding import provider
from tests.fuzz.growing import growths

FORMATS = ("anthropic", "openai", "openai-responses", "gemini", "gemini-interactions", "ollama")
"""One provider of each format: the others of the quick suite would say the same."""

every_format = pytest.mark.parametrize("name", FORMATS)


def test_every_provider_reads_one_of_these_formats() -> None:
    decoders = {type(provider(name).decoder(Limits())) for name in FORMATS}
    assert {type(provider(name).decoder(Limits())) for name in provider_classes()} == decoders


@every_format
@pytest.mark.parametrize("seed", range(2))
def test_what_is_held_of_a_stream_that_grows_is_bounded(name: str, seed: int) -> None:
    check_held(name, next(growths(random.Random(seed))))


@every_format
@pytest.mark.parametrize("seed", range(2))
def test_twice_as_much_of_a_stream_is_twice_the_work(name: str, seed: int) -> None:
    check_work(name, next(growths(random.Random(seed))))
