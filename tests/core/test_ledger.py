"""The ledger: lines are kept or taken back as if each had been rewritten at once, and each is rewritten once."""

from __future__ import annotations

from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from riverrun.engine.core.ledger import Ledger
from riverrun.engine.core.result import AttemptRecord
from riverrun.engine.core.usage import NO_USAGE, TokenUsage


def line(number: int) -> AttemptRecord:
    return AttemptRecord(number, "p", "m", None, 0.0, 1.0, NO_USAGE)


@given(st.lists(st.sampled_from(["append", "take back", "amend", "read"]), max_size=40))
def test_a_line_is_kept_until_what_was_said_by_then_is_taken_back(acts: list[str]) -> None:
    ledger, plain = Ledger(), list[AttemptRecord]()
    for number, act in enumerate(acts):
        if act == "append":
            ledger.append(line(number))
            plain.append(line(number))
        elif act == "take back":
            ledger.take_back()
            plain = [evolve(one, kept=False) for one in plain]
        elif act == "amend" and ledger.last is not None:
            ledger.amend(evolve(ledger.last, usage=TokenUsage(output=number)))
            plain[-1] = evolve(plain[-1], usage=TokenUsage(output=number))
        else:
            assert ledger.read() == tuple(plain)
    assert (ledger.read(), len(ledger)) == (tuple(plain), len(plain))


def test_a_line_that_is_void_is_rewritten_once_however_often_it_is_read() -> None:
    ledger = Ledger(map(line, range(100)))
    ledger.take_back()
    before = ledger.read()
    ledger.append(line(100))
    ledger.take_back()
    assert all(one is other for one, other in zip(before, ledger.read(), strict=False))


def test_what_was_restored_stays_as_it_was() -> None:
    void = evolve(line(1), kept=False)
    assert Ledger([void, line(2)]).read() == (void, line(2))
    assert Ledger().last is None
