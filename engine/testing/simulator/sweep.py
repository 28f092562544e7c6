"""Sweeps: many seeds in several processes, with throughput, the rare states that were reached, and what failed.

report = sweep(100_000, seed=0, jobs=2)
assert report.is_clean, report.failures
"""

from __future__ import annotations

import gc
import os
import time
from collections import Counter
from collections.abc import Callable, Mapping

import trio
from attrs import define, evolve, field, frozen

from ..law import Law, Violation, require_no_run
from ..processes import in_processes
from ..script.faults import FaultKind
from .coverage import RARE_STATES
from .generate import scenario_of
from .planners import planner_of
from .runner import Outcome, raise_interrupt, simulate_alone, simulate_each
from .scenario import Scenario

CHUNK = 500
"""How many seeds one task of a process takes: a second or two, so that progress is seen and all end together."""

CHUNKS_A_COLLECTION = 8
"""How often a process collects what whole trio runs leave behind: the collector itself never comes to it."""

REQUIRED_RUNS = 20_000
"""From how many runs on a rare state that was never reached is a failure."""

ALONE_EVERY = 500
"""One in so many runs is run once more, alone: it has to be the same run."""

FAILURES_KEPT = 100


@frozen
class SeedFailure:
    """A seed whose scenario broke laws."""

    seed: int
    broken: tuple[Violation, ...]


@frozen
class SweepReport:
    """What came of a sweep: of the `runs` seeds from `seed` on, and of no others.

    `reached` counts in how many runs each rare state was; `failed` counts runs.
    """

    runs: int
    seed: int
    jobs: int
    seconds: float
    events: int
    attempts: int
    faulty: int
    failed: int
    cpu_s: float = 0.0
    """Processor time of the runs themselves, over all processes: what a busy machine leaves comparable."""
    failures: tuple[SeedFailure, ...] = ()
    reached: Mapping[str, int] = field(factory=dict[str, int])
    asked: int = 0
    """How many runs were asked for."""

    @property
    def has_stopped(self) -> bool:
        """Whether it stopped before the last seed that was asked for, because so many had failed."""
        return self.runs < self.asked

    @property
    def runs_a_minute(self) -> float:
        """The throughput."""
        return self.runs / self.seconds * 60 if self.seconds else 0.0

    @property
    def missing(self) -> tuple[str, ...]:
        """The rare states that a sweep of this size should have reached, and did not."""
        if self.runs < REQUIRED_RUNS:
            return ()
        return tuple(state for state in RARE_STATES if not self.reached.get(state))

    @property
    def is_clean(self) -> bool:
        """Whether no law was broken and no rare state is missing."""
        return not self.failed and not self.missing


@define
class _Part:
    """What came of some seeds."""

    runs: int = 0
    events: int = 0
    attempts: int = 0
    faulty: int = 0
    cpu_s: float = 0.0
    failures: list[SeedFailure] = field(factory=list[SeedFailure])
    reached: Counter[str] = field(factory=Counter[str])

    def add(self, other: _Part) -> None:
        """Count another part's seeds too."""
        self.runs += other.runs
        self.events += other.events
        self.attempts += other.attempts
        self.faulty += other.faulty
        self.cpu_s += other.cpu_s
        self.failures += other.failures
        self.reached.update(other.reached)

    def report(self, *, seed: int, jobs: int, seconds: float, asked: int) -> SweepReport:
        """Say what came of all of it."""
        failures = sorted(self.failures, key=lambda one: one.seed)
        return SweepReport(
            runs=self.runs,
            seed=seed,
            jobs=jobs,
            seconds=seconds,
            events=self.events,
            attempts=self.attempts,
            faulty=self.faulty,
            failed=len(failures),
            cpu_s=self.cpu_s,
            failures=tuple(failures[:FAILURES_KEPT]),
            reached=dict(self.reached),
            asked=asked,
        )


NOT_THE_SAME = Violation(Law.DETERMINISM, "the same scenario, run again alone, was another run")
"""What is said of a run that does not repeat."""


def sweep(
    runs: int,
    *,
    seed: int = 0,
    jobs: int | None = None,
    level: str = "events",
    planner: str = "default",
    on_progress: Callable[[int, int], None] | None = None,
    failures_max: int | None = None,
) -> SweepReport:
    """Simulate the seeds from `seed` on. Cost: about 2 ms of one processor for each run, 5 at bytes.

    Args:
        runs: how many seeds.
        seed: the first.
        jobs: processes; None is one for each processor. With 1 everything runs in this process.
        level: "events", or another level that the simulator knows.
        planner: the planner of all scenarios, by its name.
        on_progress: called with how many runs are done and how many failed.
        failures_max: stop early once so many of the lowest seeds have failed, `CHUNK` seeds at a time.
    """
    require_no_run("sweep")
    planner_of(planner)
    began, workers = time.monotonic(), jobs or os.cpu_count() or 1
    chunks = [(at, min(CHUNK, seed + runs - at), level, planner) for at in range(seed, seed + runs, CHUNK)]
    total = _Part()
    for part in in_processes(_run_chunk, chunks, min(workers, len(chunks) or 1)):
        total.add(part)
        if on_progress is not None:
            on_progress(total.runs, len(total.failures))
        if failures_max is not None and len(total.failures) >= failures_max:
            break
    return total.report(seed=seed, jobs=workers, seconds=time.monotonic() - began, asked=runs)


_Chunk = tuple[int, int, str, str]


@define
class _Tally:
    """What is kept of the outcomes of a chunk; `marked` are those that are run once more, alone."""

    part: _Part = field(factory=_Part)
    marked: list[tuple[Scenario, int]] = field(factory=list[tuple[Scenario, int]])
    suspects: list[Scenario] = field(factory=list[Scenario])

    def take(self, outcome: Outcome) -> None:
        """Count an outcome. One that hangs takes its company down with it: who it was is found out later."""
        part, scenario = self.part, outcome.scenario
        if any(violation.law is Law.LIVENESS for violation in outcome.broken):
            self.suspects.append(scenario)
        elif outcome.broken:
            part.failures.append(SeedFailure(scenario.seed, outcome.broken))
        part.runs += 1
        part.reached.update(outcome.reached)
        part.events += sum(entry[1] == "got" for entry in outcome.log)
        part.attempts += len(outcome.attempts)
        part.faulty += any(attempt.fault.kind is not FaultKind.NONE for attempt in outcome.attempts)
        if not scenario.seed % ALONE_EVERY:
            self.marked.append((scenario, outcome.log_hash))

    def check_alone(self) -> None:
        """Run some again, alone: the same scenario is the same run."""
        for scenario in self.suspects:
            if broken := simulate_alone(scenario).broken:
                self.part.failures.append(SeedFailure(scenario.seed, broken))
        for scenario, mark in self.marked:
            if simulate_alone(scenario).log_hash != mark:
                self.part.failures.append(SeedFailure(scenario.seed, (NOT_THE_SAME,)))


def _run_chunk(chunk: _Chunk) -> _Part:
    at, count, level, planner = chunk
    began = time.process_time()
    tally = _Tally()
    drawn = (scenario_of(seed, level) for seed in range(at, at + count))
    scenarios = drawn if planner == "default" else (evolve(scenario, planner=planner) for scenario in drawn)
    try:
        simulate_each(scenarios, tally.take)
    except (Exception, trio.Cancelled, BaseExceptionGroup) as error:  # one took the loop down: one by one it is found
        raise_interrupt(error)
        tally = _Tally()
        for seed in range(at, at + count):
            tally.take(simulate_alone(evolve(scenario_of(seed, level), planner=planner)))
    tally.check_alone()
    if not at // CHUNK % CHUNKS_A_COLLECTION:
        gc.collect()
    tally.part.cpu_s = time.process_time() - began
    return tally.part


def simulate_twice(scenario: Scenario) -> Outcome:
    """Simulate a scenario safely, and once more: one that is another run then breaks a law too."""
    first, second = simulate_alone(scenario), simulate_alone(scenario)
    if first.log_hash == second.log_hash:
        return first
    told = first if first.broken else second
    return evolve(told, broken=(*told.broken, NOT_THE_SAME))
