"""The laws on a planner: whole runs in the simulator, and any snapshot that a run may hold."""

from __future__ import annotations

import copy
import importlib.util
import inspect
import zlib
from collections.abc import Iterator, Sequence
from typing import Any, TypeAlias, cast

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
from .purity import asked_twice

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
    judge, fresh = _Judge(plan), _copy_of(plan)
    for at in range(seed, seed + runs, CHUNK):
        scenarios = [scenario_of(one, level) for one in range(at, min(at + CHUNK, seed + runs))]
        _check_runs(judge, scenarios)
    judge.room = ROOM
    drawn = _check_snapshots(judge, runs, seed)
    judge.repeat("asked again after all else, it", plan)
    if fresh is not None:  # a cache that gives the same wrong plan again shows here
        judge.repeat("a copy of it, taken before the first question,", fresh)
    return Held(PLANNER_LAWS, runs, drawn)


# -- one plan -----------------------------------------------------------------------------------------------------

ROOM = 100
"""How many questions of the runs are repeated, and as many single snapshots: the first, for a memory is empty then."""

_Asked: TypeAlias = tuple[InterruptSnapshot, Capabilities]


class _Judge:
    """Asks a planner everything twice. Repeats earlier questions at the end: one that keeps state answers differently.

    What else is wrong with a plan the simulation says (`faults_of`).

    Attributes:
        plan: the planner.
        broken: what was not pure in it.
        room: how many more questions are kept.
    """

    def __init__(self, plan: Planner) -> None:
        self.plan = plan
        self.broken: list[Violation] = []
        self.room = ROOM
        self._kept: list[tuple[_Asked, RecoveryPlan]] = []

    def __call__(self, snapshot: InterruptSnapshot, capabilities: Capabilities) -> RecoveryPlan:
        before = copy.deepcopy(snapshot)
        number = zlib.crc32(repr((snapshot, capabilities)).encode("utf-8", "surrogatepass"))
        first, second, called = asked_twice(lambda: _ask(self.plan, snapshot, capabilities), number)
        if isinstance(cast("object", first), PLANS) and first != second:
            self._note(f"with another clock and other dice {first!r:.150} became {second!r:.150}")
        if snapshot != before:
            self._note("it changed the snapshot that it was asked about")
        for what in called:
            self._note(f"{what}, and a plan is a function of its arguments alone")
        if self.room:
            self.room -= 1
            self._kept.append(((before, capabilities), first))
        return first

    def _note(self, message: str) -> None:
        self.broken.append(Violation(Law.PURE, message[:400]))

    def repeat(self, who: str, plan: Planner) -> None:
        """Ask this planner all that was kept, the last first. Raises LawBroken for what it plans otherwise now."""
        for asked, before in reversed(self._kept):
            if (said := _said_otherwise(plan, asked, before)) is not None:
                message = f"{who} {said}; before it was {before!r:.150}"
                violation = Violation(Law.PURE, f"{message}, and a plan is a function of its arguments alone")
                raise LawBroken(Law.PURE, _story(violation, *asked))


def _said_otherwise(plan: Planner, asked: _Asked, before: RecoveryPlan) -> str | None:
    try:
        planned = _ask(plan, *asked)
    except (Exception, SystemExit) as error:  # whatever a planner raises is the finding
        return f"raised {type(error).__name__}: {error}"[:200]
    return None if planned == before else f"planned {planned!r:.150}"


def _copy_of(plan: Planner) -> Planner | None:
    """A copy of an object that plans, with whatever it remembers; None where there is none: of a function, say."""
    try:
        copied = copy.deepcopy(plan)
    except Exception:  # it may hold what can not be copied
        return None
    return None if copied is plan else copied


def _ask(plan: Planner, snapshot: InterruptSnapshot, capabilities: Capabilities) -> RecoveryPlan:
    """Ask a planner. One that is an async function is told by the type of its plan, and not by a warning as well."""
    planned = plan(snapshot, capabilities)
    if inspect.iscoroutine(cast("object", planned)):
        cast("Any", planned).close()
    return planned


# -- whole runs ---------------------------------------------------------------------------------------------------


def _check_runs(judge: _Judge, scenarios: Sequence[Scenario]) -> None:
    try:
        outcomes = simulate_many(scenarios, planner=judge)
        broken = [outcome.scenario for outcome in outcomes if outcome.broken or judge.broken]
    except (Exception, BaseExceptionGroup) as error:  # a run that takes the loop down: it is found below, alone
        raise_interrupt(error)
        broken = list(scenarios)
    for scenario in broken:
        found = _simulate(scenario, judge.plan)
        if found.broken:
            raise refuted(found, lambda one: _simulate(one, judge.plan))
    if broken:
        said = judge.broken[0].message if judge.broken else "the same run was another when it was run again"
        seen = f"seen among {len(scenarios)} runs, and not in any of them run again alone"
        raise LawBroken(Law.PURE, f"{seen}\nBROKEN  {Law.PURE}: {said}\n")


def _simulate(scenario: Scenario, plan: Planner) -> Outcome:
    """Simulate a scenario under a judge; what the judge says comes first, for the rest follows from it."""
    judge = _Judge(plan)
    outcome = simulate_alone(scenario, judge)
    return evolve(outcome, broken=(*judge.broken, *outcome.broken))


# -- single snapshots ---------------------------------------------------------------------------------------------


def _check_snapshots(judge: _Judge, runs: int, seed: int) -> int:
    """Judge plans for snapshots that the simulator does not make; returns how many were drawn, 0 without Hypothesis."""
    drawn = _check_drawn(judge, runs, seed)
    for snapshot in _large_snapshots():  # last: what breaks on small ones has a smaller story
        for violation in _faults(judge, snapshot, Capabilities(forms=(ContinuationForm.PREFILL,))):
            raise LawBroken(violation.law, _story(violation, snapshot))
    return drawn


def _check_drawn(judge: _Judge, runs: int, seed: int) -> int:
    if importlib.util.find_spec("hypothesis") is None:
        return 0
    from hypothesis import strategies as st

    from .. import strategies
    from ..find_smallest import find_smallest

    seen: list[Violation] = []

    def breaks(pair: tuple[InterruptSnapshot, Capabilities]) -> bool:
        found = _faults(judge, *pair)
        seen[:] = found[:1] or seen
        return bool(found)

    found = find_smallest(
        st.tuples(strategies.interrupt_snapshots(), strategies.capabilities()), breaks, runs=runs, seed=seed
    )
    if found is not None:
        broken = _faults(judge, *found)
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


def _faults(judge: _Judge, snapshot: InterruptSnapshot, capabilities: Capabilities) -> list[Violation]:
    """Judge the plan for one snapshot."""
    judge.broken.clear()
    before = copy.deepcopy(snapshot)
    try:
        plan = judge(snapshot, capabilities)
    except (Exception, SystemExit) as error:  # whatever a planner raises is the finding
        return [Violation(Law.PURE, f"it raised {type(error).__name__}: {error}"[:400])]
    return [*faults_of(before, capabilities, plan), *judge.broken]
