"""The laws on a planner: whole runs in the simulator, and any snapshot that a run may hold."""

from __future__ import annotations

import copy
import importlib.util
import logging
import random
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from attrs import evolve

from ..core.capabilities import Capabilities
from ..core.planner import (
    ContinueText,
    Reattach,
    RecoveryPlan,
    SynthesizeToolUse,
    TruncateBeforeTool,
    WholeRestart,
)
from ..core.snapshot import InterruptSnapshot
from ..core.usage_error import UsageError
from ..world import Planner
from .law_broken import (
    ANY_ORDER,
    BUDGETS,
    CANCEL,
    LEDGER,
    NO_LEAKS,
    ONE_END,
    ONE_STREAM,
    PURE,
    TIME,
    WHOLE_CALLS,
    Held,
    LawBroken,
)
from .model import Violation
from .refutation import refuted, simulate_alone
from .scenario import Scenario
from .simulator import WORLDS, Outcome, raise_interrupt, require_draws, simulate_many
from .swarm import scenario_of

PLANNER_LAWS = (ONE_STREAM, ONE_END, WHOLE_CALLS, PURE, TIME, CANCEL, BUDGETS, LEDGER, NO_LEAKS, ANY_ORDER)

CHUNK = 250
"""How many scenarios are simulated before the first failure is looked for: most broken planners are refuted at once."""


def check_planner(plan: Planner, *, runs: int = 1000, seed: int = 0, level: str = "events") -> Held:
    """Prove a planner safe on `runs` simulated runs, or show the smallest run that it spoils.

    Ten of the eleven laws depend on a planner: all but "cut anywhere", which is a decoder's. In each run the real
    engine asks `plan` under the faults of the swarm (`swarm.scenario_of`), and every law is an exact oracle. Each plan
    is judged too, before the engine acts on it: it keeps the text that was shown and the calls that were released, it
    is the same when asked again, and asking changes nothing. Where Hypothesis is installed, `runs` snapshots beyond
    the simulator's (signed thoughts, server-side tools, cursors) are judged as well, under another clock and dice.

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
    for at in range(seed, seed + runs, CHUNK):
        scenarios = [scenario_of(one, level) for one in range(at, min(at + CHUNK, seed + runs))]
        _check_runs(plan, scenarios)
    return Held(PLANNER_LAWS, runs, _check_snapshots(plan, runs, seed))


# -- whole runs ---------------------------------------------------------------------------------------------------


def _check_runs(plan: Planner, scenarios: Sequence[Scenario]) -> None:
    judge = _Judge(plan)
    try:
        broken = [outcome.scenario for outcome in simulate_many(scenarios, planner=judge) if outcome.broken]
    except (Exception, BaseExceptionGroup) as error:  # a run that takes the loop down: it is found below, alone
        raise_interrupt(error)
        broken = list(scenarios)
    for scenario in broken:
        found = _simulate(scenario, plan)
        if found.broken:
            raise refuted(found, lambda one: _simulate(one, plan))
    if broken:
        said = judge.broken[0].message if judge.broken else "the same run was another when it was run again"
        raise LawBroken(PURE, f"{said}\n(seen among {len(scenarios)} runs, and not in any of them run again alone)\n")


def _simulate(scenario: Scenario, plan: Planner) -> Outcome:
    """Simulate a scenario under a judge; what the judge says comes first, for the rest follows from it."""
    judge = _Judge(plan)
    outcome = simulate_alone(scenario, judge)
    return evolve(outcome, broken=(*judge.broken, *outcome.broken))


class _Judge:
    """Stands before a planner and judges each plan of it before the engine sees it."""

    def __init__(self, plan: Planner) -> None:
        self._plan = plan
        self.broken: list[Violation] = []

    def __call__(self, snapshot: InterruptSnapshot, capabilities: Capabilities) -> RecoveryPlan:
        before = copy.deepcopy(snapshot)
        plan = self._plan(snapshot, capabilities)
        if self._plan(copy.deepcopy(before), evolve(capabilities)) != plan:
            self._note(PURE, f"asked twice about the same snapshot, it planned {plan!r}, and then something else")
        if snapshot != before:
            self._note(PURE, "it changed the snapshot that it was asked about")
        for violation in faults_of(before, capabilities, plan):
            self._note(violation.law, violation.message)
        return plan

    def _note(self, law: str, message: str) -> None:
        self.broken.append(Violation(law, message[:400]))


def faults_of(snapshot: InterruptSnapshot, capabilities: Capabilities, plan: object) -> Iterator[Violation]:
    """Say what is wrong with a plan, looking at nothing but what the run holds."""
    shown, released = snapshot.text, snapshot.completed_tool_calls
    match plan:
        case ContinueText(prefix) | TruncateBeforeTool(prefix) if prefix != shown:
            said = (
                f"goes on after {prefix[-40:]!r} ({len(prefix)} characters); shown was {shown[-40:]!r} ({len(shown)})"
            )
            yield Violation(ONE_STREAM, f"{_kind(plan)} {said}: what lies between is lost, or said twice")
        case WholeRestart() | ContinueText() | TruncateBeforeTool() if released:
            said = f"asks again although calls were released ({', '.join(call.id for call in released)})"
            yield Violation(WHOLE_CALLS, f"{_kind(plan)} {said}: they would be made twice; expected SynthesizeToolUse")
        case SynthesizeToolUse() if not released:
            yield Violation(ONE_END, "SynthesizeToolUse ends the run although no call was released; expected to go on")
        case SynthesizeToolUse(completed) if completed != released:
            said = f"ends the run with {len(completed)} calls; released were {len(released)}"
            yield Violation(WHOLE_CALLS, f"SynthesizeToolUse {said}, and they have to be the same")
        case Reattach(cursor) if cursor != snapshot.cursor or not capabilities.can_reattach:
            said = f"reads on at {cursor!r}; the snapshot's cursor is {snapshot.cursor!r}"
            can = "can" if capabilities.can_reattach else "can not"
            yield Violation(ONE_STREAM, f"Reattach {said}, and the provider {can} re-attach")
        case Reattach() | SynthesizeToolUse() | ContinueText() | TruncateBeforeTool() | WholeRestart():
            return
        case _:
            yield Violation(ONE_END, f"the plan is a {_kind(plan)}; expected a RecoveryPlan")


def _kind(plan: object) -> str:
    return type(plan).__name__


# -- single snapshots ---------------------------------------------------------------------------------------------


def _check_snapshots(plan: Planner, runs: int, seed: int) -> int:
    """Judge plans for snapshots that the simulator does not make; returns how many, 0 without Hypothesis."""
    if importlib.util.find_spec("hypothesis") is None:
        return 0
    from hypothesis import strategies as st

    from . import strategies
    from .smallest import smallest

    pairs = st.tuples(strategies.interrupt_snapshots(), strategies.capabilities())
    found = smallest(pairs, lambda pair: bool(_judge(plan, *pair)), runs=runs, seed=seed)
    if found is not None:
        violation = _judge(plan, *found)[0]
        raise LawBroken(violation.law, f"{found[0]!r}\n{found[1]!r}\nBROKEN  {violation.law}: {violation.message}\n")
    return runs


def _judge(plan: Planner, snapshot: InterruptSnapshot, capabilities: Capabilities) -> list[Violation]:
    """Judge the plan for one snapshot, made once in this world and once in another."""
    before = copy.deepcopy(snapshot)
    try:
        first = plan(snapshot, capabilities)
        with _another_world() as logged:
            second = plan(copy.deepcopy(before), capabilities)
    except Exception as error:  # whatever a stranger's function raises is the finding
        return [Violation(PURE, f"it raised {type(error).__name__}: {error}")]
    found = list(faults_of(before, capabilities, first))
    if first != second:
        found.append(Violation(PURE, f"with another clock and other dice {first!r} became {second!r}"))
    if snapshot != before:
        found.append(Violation(PURE, "it changed the snapshot that it was asked about"))
    if logged:
        found.append(Violation(PURE, f"it wrote to a log: {logged[0].getMessage()[:80]!r}"))
    return found


def _ahead(read: Callable[[], float]) -> Callable[[], float]:
    return lambda: read() + 1_000_003


_CLOCKS = ("time", "monotonic", "perf_counter", "time_ns", "monotonic_ns", "perf_counter_ns")


@contextmanager
def _another_world() -> Generator[list[logging.LogRecord]]:
    """A world with another time and other luck, for the length of one call; gives what is logged in it."""
    logged: list[logging.LogRecord] = []
    module: Any = time
    clocks: dict[str, Callable[[], float]] = {name: getattr(module, name) for name in _CLOCKS}
    dice, make_record = random.getstate(), logging.getLogRecordFactory()

    def record(*args: Any, **kwargs: Any) -> logging.LogRecord:
        logged.append(make_record(*args, **kwargs))
        return logged[-1]

    random.seed(dice[1][0] ^ 0x5EED)
    logging.setLogRecordFactory(record)
    try:
        for name, read in clocks.items():
            setattr(module, name, _ahead(read))
        yield logged
    finally:
        for name, read in clocks.items():
            setattr(module, name, read)
        logging.setLogRecordFactory(make_record)
        random.setstate(dice)
