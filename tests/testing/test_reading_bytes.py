"""Generations that are read on at the level of bytes: the scenarios of events, over the real HTTP client."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from attrs import evolve

from riverrun.engine.core.capabilities import ContinuationForm
from riverrun.engine.testing.script.faults import SERVED_ALONE, Fault, FaultKind, Item
from riverrun.engine.testing.simulator.generate import READING, scenario_of
from riverrun.engine.testing.simulator.reading_bytes import ReadingByteWorld
from riverrun.engine.testing.simulator.runner import Outcome, simulate, simulate_many
from riverrun.engine.testing.simulator.scenario import Scenario
from riverrun.engine.testing.simulator.story import tell_story

ANSWER = (Item("reasoning", 2), Item("text", 9), Item("calls", 2))
CUT = Scenario(level="bytes", provider="reads_on", answer=ANSWER, faults=(Fault("reset", 9),))


def reading_scenarios(seeds: int) -> Iterator[Scenario]:
    """Those of the first seeds in which generations can be read on."""
    drawn = map(scenario_of, range(seeds))
    return (evolve(scenario, level="bytes") for scenario in drawn if scenario.provider in READING)


def reads_on(outcome: Outcome) -> int:
    return sum(attempt.form is ContinuationForm.CURSOR for attempt in outcome.attempts)


def holds(seeds: int, reads_min: int) -> None:
    outcomes = simulate_many(reading_scenarios(seeds))
    assert [tell_story(outcome) for outcome in outcomes if outcome.broken] == []
    assert sum(map(reads_on, outcomes)) > reads_min


def test_the_scenarios_of_reading_hold_over_a_real_client() -> None:
    holds(3000, 250)


@pytest.mark.deep
def test_many_scenarios_of_reading_hold_over_a_real_client() -> None:
    holds(60_000, 5000)


@pytest.mark.parametrize("provider", READING)
@pytest.mark.parametrize("kind", [kind for kind in FaultKind if kind not in SERVED_ALONE])
def test_every_fault_of_a_request_that_reads_on_breaks_no_law(kind: FaultKind, provider: str) -> None:
    seconds = [Fault(kind, at, seconds=61.0, count=30, burst=2) for at in (0, 3, 7)]
    cut = evolve(CUT, provider=provider)
    outcomes = simulate_many(evolve(cut, faults=(*cut.faults, second)) for second in seconds)
    assert [tell_story(outcome) for outcome in outcomes if outcome.broken] == []
    assert all(map(reads_on, outcomes))


def test_a_run_is_the_same_run_every_time() -> None:
    assert simulate(CUT).log == simulate(CUT).log


def test_a_request_that_reads_on_crosses_the_wire_as_a_get(monkeypatch: pytest.MonkeyPatch) -> None:
    methods: list[str] = []
    script_for = ReadingByteWorld._script_for
    monkeypatch.setattr(
        ReadingByteWorld,
        "_script_for",
        lambda world, sent: methods.append(sent.method) or script_for(world, sent),
    )
    simulate(CUT)
    assert methods[:2] == ["POST", "GET"]
