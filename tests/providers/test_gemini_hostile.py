"""Arbitrary and mutated bytes into both Gemini decoders: never an exception, the same for every cut, within bounds."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from riverrun.engine.core.accumulator import Accumulator
from riverrun.engine.core.policy import Limits
from riverrun.engine.core.usage_error import UsageError
from riverrun.providers.gemini.provider import Gemini
from riverrun.providers.gemini_interactions.decode import InteractionCursor
from riverrun.providers.gemini_interactions.provider import GeminiInteractions
from tests.providers.fold import decode
from tests.providers.gemini_samples import ANSWER, CHUNKS, INTERACTION, KEY, array, interactions_sse, numbered

SAMPLES = (ANSWER, array(*CHUNKS), interactions_sse(*numbered(INTERACTION)))
PROVIDERS = (Gemini, GeminiInteractions)
WORDS = [b"{", b"}", b"[", b"]", b'"', b"\\", b"\r", b"\n\n", b":", b"null", b"1e999", b"NaN", b"\xff", b"\\udc00"]

mutations = st.lists(st.tuples(st.integers(0, 2**16), st.integers(0, 40), st.sampled_from([*WORDS, b""])), max_size=6)
limits = st.builds(
    Limits,
    line_bytes_max=st.sampled_from([64, 4096, 2**24]),
    event_bytes_max=st.sampled_from([64, 4096, 2**24]),
    calls_max=st.integers(1, 4),
    blocks_max=st.integers(1, 20),
    arguments_bytes_max=st.sampled_from([8, 10**6]),
)


def mutate(data: bytes, changes: list[tuple[int, int, bytes]]) -> bytes:
    for place, size, word in changes:
        at = place % (len(data) + 1)
        data = data[:at] + word + data[at + size :]
    return data


def run(provider: Any, data: bytes, bounds: Limits, size: int) -> tuple[list[Any], bool, str | None]:
    decoder = provider("gemini-test", api_key=KEY).decoder(bounds)
    events = decode(decoder, [data[at : at + size] for at in range(0, len(data), size)] if size else [data])
    return events, decoder.is_complete, decoder.defect


@pytest.mark.parametrize("provider", PROVIDERS)
@given(sample=st.sampled_from(SAMPLES), changes=mutations, bounds=limits, size=st.integers(1, 97))
def test_mutated_streams_never_raise_and_are_the_same_for_every_cut(
    provider: Any, sample: bytes, changes: list[Any], bounds: Limits, size: int
) -> None:
    data = mutate(sample, changes)
    whole = run(provider, data, bounds, 0)
    assert run(provider, data, bounds, size) == whole
    assert not (whole[1] and whole[2])


@pytest.mark.parametrize("provider", PROVIDERS)
@given(data=st.binary(max_size=400) | st.text(max_size=200).map(lambda text: b"data: " + text.encode() + b"\n\n"))
def test_arbitrary_bytes_never_raise(provider: Any, data: bytes) -> None:
    assert run(provider, data, Limits(), 3) == run(provider, data, Limits(), 0)


@pytest.mark.parametrize("provider", PROVIDERS)
@given(sample=st.sampled_from(SAMPLES), changes=mutations)
def test_what_is_decoded_can_always_be_folded_and_stored(provider: Any, sample: bytes, changes: list[Any]) -> None:
    accumulator = Accumulator(origin="x")
    for event in run(provider, mutate(sample, changes), Limits(), 0)[0]:
        accumulator.fold(event)
    accumulator.snapshot().text.encode()


json_values: Any = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["type", "index", "text", "parts", "content", "name", "args", "id"]), inner)
    ),
    max_leaves=12,
)


@pytest.mark.parametrize("provider", PROVIDERS)
@given(values=st.lists(json_values, max_size=4), place=st.integers(0, 30), key=st.integers(0, 8))
def test_fields_of_any_type_never_raise(provider: Any, values: list[Any], place: int, key: int) -> None:
    base = CHUNKS if provider is Gemini else numbered(INTERACTION)
    mixed = [dict(one) for one in base]
    for offset, value in enumerate(values):
        target = mixed[(place + offset) % len(mixed)]
        target[sorted(target)[key % len(target)]] = value
    run(provider, b"".join(b"data: " + json.dumps(one).encode() + b"\n\n" for one in mixed), Limits(), 0)


def cursor_of(value: Any) -> str:
    carried = {"kind": value, "held": value, "arguments": value, "argued": value, "id": value}
    return InteractionCursor("a", "b", ((0, carried),)).to_text()


known_kinds = st.sampled_from(["thought", "model_output", "function_call", "user_input"])


@given(st.text(max_size=60) | json_values.map(cursor_of) | known_kinds.map(cursor_of))
def test_a_cursor_of_any_content_is_read_or_refused(cursor: str) -> None:
    try:
        _, decoder = GeminiInteractions("m", api_key=KEY).reattach(cursor, Limits())
    except UsageError:
        return
    decode(decoder, [interactions_sse(*numbered(INTERACTION))])
