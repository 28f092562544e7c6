"""From a run that breaks a law to the smallest run that does, told as a story."""

from __future__ import annotations

from collections.abc import Callable

import trio
from attrs import evolve

from ..single_error import single_error
from ..world import Planner
from .law_broken import LIVENESS, LawBroken
from .model import Violation
from .scenario import Scenario
from .shrink import shrink
from .simulator import Outcome, raise_interrupt, simulate
from .story import tell_story


def simulate_alone(scenario: Scenario, planner: Planner | None = None) -> Outcome:
    """Simulate a scenario; one that takes the loop down with it is an outcome too."""
    try:
        return simulate(scenario, planner=planner)
    except (Exception, BaseExceptionGroup) as error:
        raise_interrupt(error)
        return outcome_of_crash(scenario, error)


def outcome_of_crash(scenario: Scenario, error: BaseException) -> Outcome:
    """Say of a simulation that it raised."""
    inner = single_error(error)
    while isinstance(inner, trio.TrioInternalError) and inner.__cause__ is not None:
        inner = single_error(inner.__cause__)
    said = f"the simulation itself raised {type(inner).__name__}: {inner}"[:400]
    return Outcome(scenario, (), broken=(Violation(LIVENESS, said),), reached=frozenset())


def refuted(found: Outcome, run: Callable[[Scenario], Outcome]) -> LawBroken:
    """Shrink a run that breaks a law, and tell it; of what broke its first law only, for the rest follows from it."""
    law, least = found.broken[0].law, found

    def run_and_keep(scenario: Scenario) -> Outcome:
        nonlocal least
        outcome = run(scenario)
        if any(violation.law == law for violation in outcome.broken):
            least = outcome  # what is shrunk only ever gets smaller; a planner with dice may not do it again
        return outcome

    shrink(found.scenario, law, run=run_and_keep)
    broken = tuple(violation for violation in least.broken if violation.law == law)[:1]
    return LawBroken(law, tell_story(evolve(least, broken=broken)))
