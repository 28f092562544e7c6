"""Simulated runs in which the real engine writes to the store under test, beside the store in memory."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TypeAlias

import trio
from attrs import evolve

from ....core.policy import CheckpointPolicy
from ....stores.store import CheckpointStore
from ...law import Law, LawBroken
from ...simulator.clock import seeded_order
from ...simulator.generate import scenario_of
from ...simulator.runner import Outcome, Simulation, outcome_of_crash, raise_interrupt
from ...simulator.scenario import Scenario
from ...simulator.shrink import refuted
from ...simulator.story import tell_story
from .clock import Busy, PatientClock
from .deadline import ANSWER_S
from .reference import MirroredStore

MakeStore: TypeAlias = Callable[[], CheckpointStore]


def check_simulated(make_store: MakeStore, seed: int) -> None:
    """Simulate the scenario of a seed on a fresh store. Raises LawBroken."""
    found = simulate_on(make_store, _storing(scenario_of(seed)))
    if not found.broken:
        return
    if found.broken[0].law is Law.LIVENESS:  # each smaller run would be waited for as long
        raise LawBroken(Law.LIVENESS, tell_story(evolve(found, broken=found.broken[:1])))
    raise refuted(found, lambda scenario: simulate_on(make_store, scenario))


def _storing(scenario: Scenario) -> Scenario:
    """The same run with a store that is written to word by word."""
    checkpoint = CheckpointPolicy(lag_bytes=16, lag_s=0.25, before_delivery=scenario.policy.checkpoint.before_delivery)
    return evolve(scenario, has_store=True, policy=evolve(scenario.policy, checkpoint=checkpoint))


def simulate_on(make_store: MakeStore, scenario: Scenario) -> Outcome:
    """Simulate one scenario on a fresh store of theirs, beside one in memory."""
    simulations: list[Simulation] = []
    clock = PatientClock(lambda why: simulations[0].give_up(why), answer_s=ANSWER_S)

    async def main() -> Outcome:
        simulation = Simulation(scenario, clock, None)
        simulations.append(simulation)
        theirs = make_store()
        simulation.store = mirrored = MirroredStore(theirs, clock.busy)
        try:
            await simulation.run()
        finally:
            with trio.CancelScope() as scope:
                clock.busy[trio.lowlevel.current_task()] = Busy(scope)
                await theirs.aclose()
        outcome = simulation.outcome()
        return evolve(outcome, broken=(*mirrored.broken, *outcome.broken))

    logger = logging.getLogger("riverrun")
    before, logger.disabled = logger.disabled, True  # here the store fails on purpose
    try:
        with seeded_order(clock):
            return trio.run(main, clock=clock)
    except (Exception, BaseExceptionGroup) as error:  # a store that takes the loop down is an outcome too
        raise_interrupt(error)
        return outcome_of_crash(scenario, error)
    finally:
        logger.disabled = before
