"""Runs scenarios in virtual time: the real engine, a simulated provider, a store in memory, a consumer, exact oracles.

    outcome = simulate(scenario)
    assert not outcome.broken, tell_story(outcome)

Rules:
- A scenario alone and among thousands is the same run, event for event: `log_hash` says so. Scenarios that share a trio
  run go in groups that begin at second 0 together; their tasks are ordered by dice of their own.
- A crash is a process that stops: nothing it does afterwards reaches the store, the model or the consumer. The next
  process opens the same run from the store.
"""

from __future__ import annotations

import gc
import logging
import random
import warnings
import zlib
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from json import dumps
from typing import Any, cast

import trio
from attrs import evolve, frozen

from ...core.capabilities import Capabilities
from ...core.errors import StreamInterrupted
from ...core.journal import restore
from ...core.planner import RecoveryPlan, plan_recovery
from ...core.printable import printable
from ...core.run_rules import Planner
from ...core.snapshot import InterruptSnapshot
from ...core.usage_error import UsageError
from ...engine import Engine
from ...error_groups import single_error
from ...run.run import Run, inside_of
from ..law import Law, Violation, require_no_run, require_planner
from ..script.speech import Attempt
from .clock import JumpingClock, order_tasks_by, seeded_order
from .consumer import consume
from .generation import ReadingModel
from .model import World
from .observer import Observer
from .oracles import check_process, check_run
from .planners import planner_of
from .plans import faults_of, message_of, place_of, told_plan
from .scenario import Act, Scenario
from .state import REQUEST, RUN_ID, Book, Entry, Process
from .store import StoreHandle, StoreListener
from .worlds import world_of

GROUP = 64
"""How many scenarios run at once: what a tick of trio costs is shared, and a stuck loop is looked for among these."""
CHANCES = 8
"""In how many steps the engine's dice fall, for the delays of retries: all of its own arithmetic is the same."""
PROCESSES_MAX = 4
GROUPS_A_COLLECTION = 8
"""How often garbage is collected: left to itself the collector took a fifth of the time, looking at every library."""


@frozen
class Outcome:
    """What came of a scenario. `log` holds entries (second, what, …); `attempts` what the model gave in each."""

    scenario: Scenario
    log: tuple[Entry, ...]
    broken: tuple[Violation, ...]
    reached: frozenset[str]
    attempts: tuple[Attempt, ...] = ()

    @property
    def faults_unmet(self) -> int:
        """How many faults of the scenario were for requests that were never made."""
        return max(len(self.scenario.faults) - len(self.attempts), 0)

    @property
    def log_hash(self) -> int:
        """A mark of the log: equal in every process, for the same run."""
        return zlib.crc32(dumps(self.log, separators=(",", ":")).encode())


# -- one scenario -------------------------------------------------------------------------------------------------


class Simulation(Book):
    """One scenario under way."""

    def __init__(self, scenario: Scenario, clock: JumpingClock, planner: Planner | None) -> None:
        super().__init__(scenario, clock)
        self.world: World = world_of(scenario.level)(self.model, REQUEST, self.dice)
        self._planner = planner if planner is not None else planner_of(scenario.planner)
        self._is_ours = self._planner is plan_recovery
        if isinstance(self.model, ReadingModel):
            self.model.is_held = self._is_ours
        self._stuck: str | None = None
        self._done = False

    async def run(self) -> None:
        """Run it to its end, over all of its processes."""
        order_tasks_by(random.Random(self.scenario.seed ^ 0x5EED).random)  # noqa: S311
        while len(self.processes) < PROCESSES_MAX:
            process = await self._run_process(len(self.processes))
            if self._stuck is not None:
                self.tell(Law.LIVENESS, self._stuck)
                break
            check_process(self, process)
            if not self._goes_on(process):
                break
        check_run(self)
        if self.world.open_answers:
            self.tell(Law.NO_LEAKS, f"{self.world.open_answers} answers are still open")
        self._done = True

    def _chance(self) -> float:
        """Draw for the engine, in steps: runs that wait equally long wake up together, and share a turn of the loop."""
        return int(self.dice() * CHANCES) / CHANCES

    def _plan(self, snapshot: InterruptSnapshot, capabilities: Capabilities) -> RecoveryPlan:
        """Ask the planner and note what it plans; of a user's plan also what is wrong with it by itself."""
        before = snapshot if self._is_ours else evolve(snapshot)
        try:
            plan = self._planner(snapshot, capabilities)
        except BaseException as error:  # a SystemExit would take the loop of all runs down, and its story with it
            raise_interrupt(error)
            said = message_of(error)
            raised = f"it raised {type(error).__name__}: {printable(said or '')},"
            self.log("planned", "nothing:", raised, place_of(error))
            if isinstance(error, Exception) and said is not None:
                raise
            raise RuntimeError(f"the planner raised {type(error).__name__}: {said or ''}") from error
        self.log("planned", told_plan(plan))
        if not self._is_ours:
            self.model.broken += faults_of(before, capabilities, plan)
        return plan

    def give_up(self, why: str) -> None:
        """End it as a user's cancel would: the loop can not go on."""
        if not self._done:
            self._stuck = why
            if self.processes:
                self.processes[-1].scope.cancel()

    def _goes_on(self, process: Process) -> bool:
        if process.end == "crashed":
            return True
        reopens = self.scenario.consumer.reopens and self.scenario.has_store and process.number == 0
        if isinstance(self.model, ReadingModel) and isinstance(process.error, StreamInterrupted):
            return reopens  # what it gave up lives on
        return reopens and process.act is not Act.NONE and process.end in ("partial", "left", "cancelled")

    async def _run_process(self, number: int) -> Process:
        scenario, handle = self.scenario, None
        if scenario.has_store:
            faults = [fault for fault in scenario.store if fault.process == number]
            handle = StoreHandle(self.store, self.stored, faults)
        engine = Engine(
            cast("Any", self.world.source),
            policy=scenario.policy,
            store=handle,
            transport=self.world.transport,
            planner=self._plan,
            chance=self._chance,
            wall_clock=_noon,
        )
        process = self._begin(number, handle)
        with process.scope:
            try:
                async with engine.open_stream(REQUEST, run_id=RUN_ID, deliver_from=process.kept) as run:
                    self._opened(process, run)
                    await consume(self, process, run)
            except Exception as error:
                process.error = error
        self._end(process)
        return process

    def _begin(self, number: int, handle: StoreHandle | None) -> Process:
        text = self.processes[-1].observer.text if number and self._keeps_text(self.processes[-1]) else ""
        observer = Observer(text, again=number > 0, tell=self.tell)
        if isinstance(self.model, ReadingModel):
            self.model.has_kept = number > 0 and _is_all_stored(self.processes[-1])
        requests = len(self.model.attempts)
        process = Process(number, observer, handle, trio.CancelScope(), len(text), requests, self.clock.now)
        if handle is not None:
            handle.listener = StoreListener(self.log, lambda: self._crash(process), self._fence)
            if number:
                process.restored = restore(self.stored, self.scenario.policy.limits)
            if isinstance(self.model, ReadingModel):
                self.model.is_stop_stored = (
                    process.restored is not None and process.restored.accumulator.stop is not None
                )
        self.processes.append(process)
        self.model.process, self.model.closed_because, self.model.shown = number, None, str
        self.log("opened", number, len(text))
        return process

    def _keeps_text(self, before: Process) -> bool:
        """Whether the next process is told how much text its consumer has; not where a reset could not be stored.

        What is stored may be the version that was taken back, then: the documentation says so.
        """
        handle = before.handle
        lost_reset = handle is not None and handle.failed and handle.is_behind and before.observer.resets > 0
        return self.scenario.consumer.keeps_text and not lost_reset

    def _opened(self, process: Process, run: Run) -> None:
        process.run = run
        self.model.shown = lambda: inside_of(run).text
        limit = self.scenario.consumer.mailbox_max
        if limit is not None:
            inside_of(run).mailbox.resize(limit)  # its size is no policy: see mailbox.EVENTS_MAX

    def _crash(self, process: Process) -> None:
        process.end = "crashed"
        self.model.closed_because = "its process was killed"
        self.log("crashed", process.number)
        process.scope.cancel()

    def _fence(self) -> None:
        self.model.closed_because = "another process owns its run"

    def _end(self, process: Process) -> None:
        process.ended_s = self.clock.now
        if process.end == "crashed":
            return
        result = process.observer.result
        if result is not None and not result.is_partial and process.error is None:
            process.end = "finished"  # whatever its consumer did afterwards
        elif process.scope.cancelled_caught:
            process.end = "cancelled"
        elif process.error is not None:
            process.end = "error"
        elif result is not None:
            process.end = "partial"
        else:
            process.end = "left"
        self.log("ended", process.end, "" if process.error is None else type(process.error).__name__)

    def outcome(self) -> Outcome:
        """Say what came of it, and let go of everything else: the collector need not look for it."""
        model, broken, reached = self.model, tuple(self.model.broken), frozenset(self.reached)
        for process in self.processes:
            process.let_go()
        self.model.let_go()
        self.world.let_go()
        return Outcome(self.scenario, tuple(self.entries), broken, reached, tuple(model.attempts))


def _is_all_stored(process: Process) -> bool:
    """Whether the next process finds all that this one was given."""
    handle = process.handle
    if handle is None or handle.is_dead or not handle.is_open:
        return False
    return not (handle.troubled or handle.lost or handle.is_behind)


def _noon() -> float:
    return 1_000_000_000.0


# -- many ---------------------------------------------------------------------------------------------------------


def simulate(scenario: Scenario, *, planner: Planner | None = None) -> Outcome:
    """Run one scenario in a trio run of its own.

    Raises:
        UsageError: a planner or level that is not known, or a call inside a trio run.
    """
    if not isinstance(cast("object", scenario), Scenario):
        raise UsageError(f"simulate() was given a {type(scenario).__name__}; expected a Scenario")
    return simulate_many([scenario], planner=planner)[0]


def simulate_many(
    scenarios: Iterable[Scenario], *, planner: Planner | None = None, group: int = GROUP
) -> list[Outcome]:
    """Run scenarios in one trio run, in groups; the outcomes are in their order. Cost: about 2 ms each."""
    outcomes: list[Outcome] = []
    simulate_each(scenarios, outcomes.append, planner=planner, group=group)
    return outcomes


def simulate_each(
    scenarios: Iterable[Scenario],
    take: Callable[[Outcome], object],
    *,
    planner: Planner | None = None,
    group: int = GROUP,
) -> None:
    """Run scenarios as `simulate_many` does, and give each outcome to `take`: nothing of it has to be kept."""
    require_no_run("simulate")
    require_planner("simulate", planner)
    loop = _Loop(planner)
    with seeded_order(loop.clock), _silenced_log(), _rare_collections():
        trio.run(loop.run, iter(scenarios), take, group, clock=loop.clock)


class _Loop:
    """One trio run, and the group of scenarios that is under way in it."""

    def __init__(self, planner: Planner | None) -> None:
        self.clock = JumpingClock(self._give_up)
        self._planner = planner
        self._group: list[Simulation] = []
        self._groups = 0

    def _give_up(self, why: str) -> None:
        for simulation in self._group:
            simulation.give_up(why)

    async def run(self, scenarios: Iterator[Scenario], take: Callable[[Outcome], object], group: int) -> None:
        """Run them, group by group."""
        while batch := list(islice(scenarios, group)):
            for outcome in await self._run_group(batch):
                take(outcome)
            self._groups += 1
            if not self._groups % GROUPS_A_COLLECTION:
                gc.collect()

    async def _run_group(self, batch: list[Scenario]) -> list[Outcome]:
        self.clock.restart()
        self._group = [Simulation(scenario, self.clock, self._planner) for scenario in batch]
        with warnings.catch_warnings(record=True) as seen:
            warnings.simplefilter("always")
            async with trio.open_nursery() as nursery:
                for simulation in self._group:
                    nursery.start_soon(simulation.run)
        outcomes = [simulation.outcome() for simulation in self._group]
        if seen:
            said = Violation(Law.NO_LEAKS, f"a warning: {seen[0].message}")
            outcomes = [evolve(outcome, broken=(*outcome.broken, said)) for outcome in outcomes]
        return outcomes


def raise_interrupt(error: BaseException) -> None:
    """Raise the Ctrl-C that a loop which was taken down may hold: it is the caller's, not a finding."""
    if isinstance(error, KeyboardInterrupt):
        raise error
    held = cast("BaseExceptionGroup[BaseException]", error) if isinstance(error, BaseExceptionGroup) else None
    if held is not None and held.subgroup(KeyboardInterrupt) is not None:
        raise KeyboardInterrupt from None


def simulate_alone(scenario: Scenario, planner: Planner | None = None) -> Outcome:
    """Run one scenario by itself; a crash of the loop is an outcome."""
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


@contextmanager
def _silenced_log() -> Generator[None, None, None]:
    """Keep the engine's warnings about its store quiet: here the store fails on purpose."""
    logger = logging.getLogger("riverrun")
    before, logger.disabled = logger.disabled, True
    try:
        yield
    finally:
        logger.disabled = before


@contextmanager
def _rare_collections() -> Generator[None, None, None]:
    """Collect garbage only between groups, and never look at what was there before."""
    was_on = gc.isenabled()
    gc.disable()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()
        if was_on:
            gc.enable()
