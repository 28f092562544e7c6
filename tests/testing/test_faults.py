"""Faults as data: where they cut, what a seed draws, and that they survive JSON."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from riverrun import UsageError
from riverrun.engine.core.codec import from_json, to_json
from riverrun.engine.testing.script.faults import SERVED, SERVER_WORDS
from riverrun.testing import (
    ANSWERS,
    RIVERS,
    Fault,
    FaultKind,
    Scenario,
    ScriptedSource,
    Unit,
    WireCut,
    cut_of,
    fault_schedule,
    open_loopback,
    split_pieces,
)

events = st.lists(st.text(min_size=1).map(lambda text: text.encode("utf-8", "replace")), min_size=1, max_size=12)
places = st.integers(0, 200)
seeds = st.integers(0, 2**64)


def sent(fault: Fault, body: list[bytes]) -> bytes:
    cut = cut_of(fault, body)
    return b"".join(body[: cut.events]) + (body[cut.events][: cut.bytes] if cut.bytes else b"")


@given(places, events)
def test_a_place_in_bytes_is_exactly_so_many_bytes_or_the_end(at: int, body: list[bytes]) -> None:
    assert sent(Fault(FaultKind.RESET, at, cut=WireCut(Unit.BYTES)), body) == b"".join(body)[:at]


@given(places, events)
def test_a_place_in_events_cuts_no_event(at: int, body: list[bytes]) -> None:
    assert sent(Fault(FaultKind.STALL, at), body) == b"".join(body[:at])


@given(places, events)
def test_a_place_in_a_character_is_inside_one_if_one_follows(at: int, body: list[bytes]) -> None:
    whole = b"".join(body)
    part = sent(Fault(FaultKind.RESET, at, cut=WireCut(Unit.CHARACTER)), body)
    if any(byte >= 0xC0 for byte in whole[at:]):
        assert part[-1] >= 0xC0
        assert len(part) > at
    else:
        assert part == whole[:at]


@given(seeds)
def test_the_same_seed_draws_the_same_schedule(seed: int) -> None:
    assert fault_schedule(seed) == fault_schedule(seed)


@given(seeds, st.lists(st.sampled_from(list(SERVER_WORDS)), max_size=6))
def test_kinds_that_are_asked_for_come_in_their_order(seed: int, kinds: list[FaultKind]) -> None:
    assert [fault.kind for fault in fault_schedule(seed, kinds)] == kinds


def test_all_kinds_are_drawn_by_some_seed() -> None:
    assert {fault.kind for seed in range(100) for fault in fault_schedule(seed)} == set(SERVER_WORDS)


@given(seeds)
def test_a_schedule_survives_json(seed: int) -> None:
    for fault in fault_schedule(seed, tuple(SERVER_WORDS)):
        assert from_json(to_json(fault), Fault) == fault


@pytest.mark.parametrize("bad", [{"at": -1}, {"status": 200}, {"seconds": float("nan")}, {"count": -1}])
def test_a_number_out_of_range_is_refused_by_name(bad: dict[str, float]) -> None:
    with pytest.raises(UsageError, match=next(iter(bad))):
        Fault(FaultKind.DRIP, **bad)  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", [kind for kind in FaultKind if kind not in SERVED and kind != "none"])
def test_a_kind_that_the_server_does_not_play_is_refused(kind: FaultKind) -> None:
    with pytest.raises(UsageError, match=r"faults\[1\].kind is .*; expected one of none, reset, half-close"):
        open_loopback(RIVERS, [Fault(), Fault(kind)])


def test_a_manner_of_one_reply_is_refused_where_all_replies_have_one() -> None:
    with pytest.raises(UsageError, match=r"faults\[0\].manner is 'echo'; .*open_loopback's manner"):
        open_loopback(RIVERS, [Fault("reset", manner="echo")])


ONLY_SERVED = {
    "kind": Fault("html"),
    "status": Fault("http_error", status=418),
    "cut": Fault("reset", 9, cut=WireCut(Unit.BYTES)),
}


@pytest.mark.parametrize("name", ONLY_SERVED)
def test_what_only_the_server_plays_is_refused_where_events_are_played(name: str) -> None:
    faults = (Fault("reset", 3), ONLY_SERVED[name])
    with pytest.raises(UsageError, match=rf"^Scenario.faults\[1\].{name} is "):
        Scenario(faults=faults)
    with pytest.raises(UsageError, match=rf"^faults\[1\].{name} is "):
        ScriptedSource(RIVERS, faults)


@given(st.sampled_from(sorted(SERVER_WORDS)))
def test_a_kind_is_understood_by_the_word_of_either_player(kind: FaultKind) -> None:
    assert FaultKind(SERVER_WORDS[kind]) is FaultKind(kind.value) is kind


@given(st.text(), st.randoms())
def test_pieces_join_to_the_text(text: str, dice: random.Random) -> None:
    assert "".join(split_pieces(text, dice)) == text


@given(seeds)
def test_pieces_depend_on_the_seed_alone(seed: int) -> None:
    assert split_pieces(RIVERS.text, random.Random(seed)) == split_pieces(RIVERS.text, random.Random(seed))


def test_the_answers_hold_what_breaks_naive_streaming() -> None:
    text = "".join(answer.text for answer in ANSWERS)
    widths = {len(char.encode()) for char in text}
    assert widths == {1, 2, 3, 4}
    assert all(sample in text for sample in ("e\u0301", "\u200d", "```python", "| --- |", "漢字"))
    assert [answer.name for answer in ANSWERS if answer.calls] == ["weather"]


def test_a_fault_says_what_and_where_on_one_line() -> None:
    assert str(Fault(FaultKind.RESET, 7, cut=WireCut(Unit.CHARACTER))) == "reset inside a character after byte 7"
    assert str(Fault(FaultKind.HTTP_ERROR, status=429, retry_after_s=1.0)) == "status 429, Retry-After 1"
    assert str(Fault(FaultKind.HTML)) == "html"
