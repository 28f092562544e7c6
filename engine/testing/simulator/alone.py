"""One scenario by itself, whatever it does: what takes the loop of its run down is an outcome too."""

from __future__ import annotations

import trio

from ...core.run_rules import Planner
from ...error_groups import single_error
from ..law import Law, Violation
from .runner import Outcome, raise_interrupt, simulate
from .scenario import Scenario


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
    return Outcome(scenario, (), broken=(Violation(Law.LIVENESS, said),), reached=frozenset())
