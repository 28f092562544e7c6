"""8,000 simulated runs, 20,000 under `deep`: no seed breaks a law, and each rare state bugs live in is reached."""

from __future__ import annotations

import pytest
from attrs import evolve

from riverrun.engine.testing.simulator.coverage import RARE_STATES
from riverrun.engine.testing.simulator.generate import scenario_of
from riverrun.engine.testing.simulator.runner import simulate_alone, simulate_many
from riverrun.engine.testing.simulator.story import tell_story
from riverrun.engine.testing.simulator.sweep import REQUIRED_RUNS, SweepReport, sweep

pytestmark = pytest.mark.laws

JOBS = 2
QUICK_RUNS = 8_000
"""No rare state is reached fewer than four times in three quarters of these."""


@pytest.fixture(scope="module", params=[QUICK_RUNS, pytest.param(REQUIRED_RUNS, marks=pytest.mark.deep)])
def report(request: pytest.FixtureRequest) -> SweepReport:
    return sweep(request.param, jobs=JOBS)


def test_no_seed_breaks_a_law(report: SweepReport) -> None:
    stories = [tell_story(simulate_alone(scenario_of(failure.seed))) for failure in report.failures[:3]]
    assert not report.failures, "\n".join(stories)


def test_every_rare_state_is_reached(report: SweepReport) -> None:
    assert report.runs == report.asked
    assert [state for state in RARE_STATES if not report.reached.get(state)] == []
    assert report.missing == ()


def test_nearly_every_run_has_a_fault(report: SweepReport) -> None:
    assert report.faulty >= 0.95 * report.runs
    assert report.events >= 15 * report.runs


def test_a_sweep_finds_a_planner_that_loses_calls() -> None:
    found = sweep(300, jobs=1, planner="careless")
    assert found.failed
    assert not found.is_clean


def test_a_sweep_that_stops_early_has_counted_what_it_ran() -> None:
    found = sweep(5000, jobs=1, planner="careless", failures_max=1)
    assert found.failed >= 1
    assert found.runs < 5000


def test_progress_is_told_up_to_the_last_run() -> None:
    seen: list[tuple[int, int]] = []
    sweep(620, jobs=1, on_progress=lambda done, failed: seen.append((done, failed)))
    assert seen[-1] == (620, 0)


def test_a_small_sweep_misses_nothing_and_a_large_one_has_to_have_been_everywhere() -> None:
    report = sweep(1, jobs=1)
    assert report.missing == ()
    assert evolve(report, runs=REQUIRED_RUNS, reached={}).missing == RARE_STATES


@pytest.mark.parametrize(
    "provider", ["prefill", "prefill_trim", "quote", "native_echo_trim", "restart", "thinking", "reads_on"]
)
def test_the_laws_hold_for_every_kind_of_provider(provider: str) -> None:
    scenarios = (evolve(scenario_of(seed), provider=provider) for seed in range(400))
    broken = [outcome for outcome in simulate_many(scenarios) if outcome.broken]
    assert not broken, tell_story(broken[0])
