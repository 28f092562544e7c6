"""From a run that breaks a law to the smallest run that does, told as a story."""

from __future__ import annotations

from collections.abc import Callable

from attrs import evolve

from ..law import LawBroken
from .runner import Outcome
from .scenario import Scenario
from .shrink import shrink
from .story import tell_story


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
