"""The laws on a planner: whole runs in the simulator, and any snapshot that a run may hold."""

from __future__ import annotations

import copy
import importlib.util
import inspect
import zlib
from collections.abc import Iterator, Sequence
from typing import Any, cast

from attrs import evolve

from ...core.capabilities import Capabilities, ContinuationForm
from ...core.messages import TextBlock, ToolCall
from ...core.planner import RecoveryPlan
from ...core.run_rules import Planner
from ...core.snapshot import InFlightTool, InterruptSnapshot
from ...core.usage_error import UsageError
from ..law import Held, Law, LawBroken, Violation, require_draws
from ..simulator.generate import scenario_of
from ..simulator.plans import PLANS, faults_of
from ..simulator.runner import Outcome, raise_interrupt, simulate_alone, simulate_many
from ..simulator.scenario import Scenario
from ..simulator.shrink import refuted
from ..simulator.worlds import WORLDS
from .purity import another_world
from .repeatability import ROOM, Asked, AskedAgain

PLANNER_LAWS = (
    Law.ONE_STREAM,
    Law.ONE_END,
    Law.WHOLE_CALLS,
    Law.PURE,
    Law.TIME,
    Law.CANCEL,
    Law.BUDGETS,
    Law.LEDGER,
    Law.NO_LEAKS,
    Law.ANY_ORDER,
)

CHUNK = 250
"""How many scenarios are simulated before the first failure is looked for: most broken planners are refuted at once."""


def check_planner(plan: Planner, *, runs: int = 1000, seed: int = 0, level: str = "events") -> Held:
    """Prove a planner safe on `runs` simulated runs, or show the smallest run that it spoils.

    Ten of the eleven laws depend on a planner: all but "cut anywhere", which is a decoder's. In each run the real
    engine asks `plan` under the faults of the swarm (`swarm.scenario_of`), and every law is an exact oracle. Each plan
    is judged too, before the engine acts on it: it keeps the text that was shown and the calls that were released, it
    is the same when asked again, at once and when all is over, and asking changes nothing. Where Hypothesis is
    installed, `runs` snapshots beyond the simulator's (signed thoughts, server-side tools, cursors) are judged as well,
    under another clock and dice.

    Args:
        plan: a pure function of (snapshot, capabilities); what `Engine(planner=…)` takes.
        runs: how many seeds, and how many snapshots.
        seed: the first seed.
        level: "events", or "bytes" for real decoders, httpx and h11 below the engine: slower.

    Raises:
        LawBroken: with the law, and the shrunk run as a story.
        UsageError: an argument that no check can begin with, or a call inside a trio run.
    Cost: about 20 ms a run.
    """
    require_draws("check_planner", runs, seed)
    if not callable(plan):
        raise UsageError(
            f"check_planner() was given {repr(plan)[:80]}; expected a function of (snapshot, capabilities)"
        )
    if level not in WORLDS:
        raise UsageError(f"check_planner(level=) is {level!r}; expected one of {', '.join(WORLDS)}")
    again = AskedAgain(plan, _ask)
    for at in range(seed, seed + runs, CHUNK):
        scenarios = [scenario_of(one, level) for one in range(at, min(at + CHUNK, seed + runs))]
        _check_runs(plan, scenarios, again)
    _check_memory(again.faults())
    again.room = ROOM
    drawn = _check_snapshots(plan, runs, seed, again)
    _check_memory(again.faults())
    _check_memory(again.faults_of_copy())
    return Held(PLANNER_LAWS, runs, drawn)


def _check_memory(faults: Iterator[tuple[Asked, Violation]]) -> None:
    for asked, violation in faults:
        raise LawBroken(violation.law, _story(violation, *asked))


# -- whole runs ---------------------------------------------------------------------------------------------------


def _check_runs(plan: Planner, scenarios: Sequence[Scenario], again: AskedAgain) -> None:
    judge = _Judge(plan, again)
    try:
        outcomes = simulate_many(scenarios, planner=judge)
        broken = [outcome.scenario for outcome in outcomes if outcome.broken or judge.broken]
    except (Exception, BaseExceptionGroup) as error:  # a run that takes the loop down: it is found below, alone
        raise_interrupt(error)
        broken = list(scenarios)
    for scenario in broken:
        found = _simulate(scenario, plan)
        if found.broken:
            raise refuted(found, lambda one: _simulate(one, plan))
    if broken:
        said = judge.broken[0].message if judge.broken else "the same run was another when it was run again"
        seen = f"seen among {len(scenarios)} runs, and not in any of them run again alone"
        raise LawBroken(Law.PURE, f"{seen}\nBROKEN  {Law.PURE}: {said}\n")


def _simulate(scenario: Scenario, plan: Planner) -> Outcome:
    """Simulate a scenario under a judge; what the judge says comes first, for the rest follows from it."""
    judge = _Judge(plan)
    outcome = simulate_alone(scenario, judge)
    return evolve(outcome, broken=(*judge.broken, *outcome.broken))


class _Judge:
    """Stands before a planner and asks it twice; what else is wrong with a plan the simulation says (`faults_of`)."""

    def __init__(self, plan: Planner, again: AskedAgain | None = None) -> None:
        self._plan = plan
        self._again = again
        self.broken: list[Violation] = []

    def __call__(self, snapshot: InterruptSnapshot, capabilities: Capabilities) -> RecoveryPlan:
        before = copy.deepcopy(snapshot)
        plan = _ask(self._plan, snapshot, capabilities)
        if isinstance(cast("object", plan), PLANS) and self._asked_again(before, capabilities) != plan:
            self._note(Law.PURE, f"asked twice about the same snapshot, it planned {plan!r}, and then something else")
        if snapshot != before:
            self._note(Law.PURE, "it changed the snapshot that it was asked about")
        if self._again is not None:
            self._again.keep(before, capabilities, plan)
        return plan

    def _asked_again(self, before: InterruptSnapshot, capabilities: Capabilities) -> RecoveryPlan:
        return _ask(self._plan, copy.deepcopy(before), evolve(capabilities))

    def _note(self, law: Law, message: str) -> None:
        self.broken.append(Violation(law, message[:400]))


def _ask(plan: Planner, snapshot: InterruptSnapshot, capabilities: Capabilities) -> RecoveryPlan:
    """Ask a planner. One that is an async function is told by the type of its plan, and not by a warning as well."""
    planned = plan(snapshot, capabilities)
    if inspect.iscoroutine(cast("object", planned)):
        cast("Any", planned).close()
    return planned


# -- single snapshots ---------------------------------------------------------------------------------------------


def _check_snapshots(plan: Planner, runs: int, seed: int, again: AskedAgain) -> int:
    """Judge plans for snapshots that the simulator does not make; returns how many were drawn, 0 without Hypothesis."""
    drawn = _check_drawn(plan, runs, seed, again)
    for snapshot in _large_snapshots():  # last: what breaks on small ones has a smaller story
        for violation in _judge(plan, snapshot, Capabilities(forms=(ContinuationForm.PREFILL,)), again):
            raise LawBroken(violation.law, _story(violation, snapshot))
    return drawn


def _check_drawn(plan: Planner, runs: int, seed: int, again: AskedAgain) -> int:
    if importlib.util.find_spec("hypothesis") is None:
        return 0
    from hypothesis import strategies as st

    from .. import strategies
    from ..smallest import smallest

    seen: list[Violation] = []

    def breaks(pair: tuple[InterruptSnapshot, Capabilities]) -> bool:
        found = _judge(plan, *pair, again)
        seen[:] = found[:1] or seen
        return bool(found)

    found = smallest(
        st.tuples(strategies.interrupt_snapshots(), strategies.capabilities()), breaks, runs=runs, seed=seed
    )
    if found is not None:
        broken = _judge(plan, *found, again)
        violation = broken[0] if broken else Violation(Law.PURE, f"{seen[0].message}; and asked again, it did not")
        raise LawBroken(violation.law, _story(violation, *found))
    return runs


def _story(violation: Violation, *given: object) -> str:
    told = "".join(f"given     {one!r}"[:GIVEN_CHARS_MAX] + "\n" for one in given)
    return f"{told}BROKEN  {violation.law}: {violation.message}\n"


GIVEN_CHARS_MAX = 600
LARGE_CHARS = 100_000
LARGE_CALLS = 50


def _large_snapshots() -> Iterator[InterruptSnapshot]:
    """A long answer, however it ends, and one of many calls: a planner that thinks in small ones shows here."""
    words = "".join(f"word {number} " for number in range(LARGE_CHARS // 10))
    half = tuple(InFlightTool(f"half_{number}", "look", '{"n": ') for number in range(LARGE_CALLS))
    calls = tuple(ToolCall(f"call_{number}", "look", {"n": number}) for number in range(LARGE_CALLS))
    for ending in ("", "a", "\n", "\u200d", "```"):
        text = words + ending
        yield InterruptSnapshot(text=text, blocks=(TextBlock(text),))
    said = (TextBlock(words),)
    yield InterruptSnapshot(text=words, blocks=said, in_flight_tools=half)
    yield InterruptSnapshot(text=words, blocks=(*said, *calls), completed_tool_calls=calls, in_flight_tools=half)


def _judge(
    plan: Planner, snapshot: InterruptSnapshot, capabilities: Capabilities, again: AskedAgain
) -> list[Violation]:
    """Judge the plan for one snapshot, made once in one world and once in another; both differ over snapshots."""
    before = copy.deepcopy(snapshot)
    number = zlib.crc32(repr((snapshot, capabilities)).encode("utf-8", "surrogatepass"))
    try:
        with another_world(number) as asked:
            first = _ask(plan, snapshot, capabilities)
        with another_world(~number & 0xFFFFFFFF):
            second = _ask(plan, copy.deepcopy(before), capabilities)
    except (Exception, SystemExit) as error:  # whatever a stranger's function raises is the finding
        return [Violation(Law.PURE, f"it raised {type(error).__name__}: {error}"[:400])]
    found = list(faults_of(before, capabilities, first))
    if isinstance(cast("object", first), PLANS) and first != second:
        found.append(Violation(Law.PURE, f"with another clock and other dice {first!r:.150} became {second!r:.150}"))
    if snapshot != before:
        found.append(Violation(Law.PURE, "it changed the snapshot that it was asked about"))
    found += [Violation(Law.PURE, f"{what}, and a plan is a function of its arguments alone") for what in asked]
    again.keep(before, capabilities, first)
    return found
