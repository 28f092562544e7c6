"""How many broken answers a minute are simulated: the real engine in virtual time, at both levels.

    python benchmarks/bench_simulator.py
    python benchmarks/bench_simulator.py --runs 20000 --jobs 2 --json

Each run is drawn from its seed by the same swarm as `riverrun simulate`, with the same oracles, and has at least one
fault. The figure is the processor's: runs divided by the seconds of processor time that the workers took, times the
processors, for a machine that others use too makes the wall clock say little; it is given beside it.
"""

from __future__ import annotations

import argparse
import json
import os

from attrs import asdict, frozen
from report import machine, table

from riverrun.engine.testing.simulator import WORLDS
from riverrun.engine.testing.sweep import SweepReport, sweep

TARGETS = {"events": 100_000, "bytes": 50_000}
"""Runs a minute on two processors: the project's own targets."""


@frozen
class Measured:
    """One level's figures."""

    level: str
    runs: int
    processors: int
    runs_a_minute: float
    by_the_wall: float
    cpu_ms_a_run: float
    events_a_run: float
    attempts_a_run: float
    faulty: float
    failed: int


def measure(level: str, runs: int, jobs: int) -> Measured:
    """Sweep once, after a short one that warms up what is imported and cached."""
    sweep(200, jobs=1, level=level)
    report: SweepReport = sweep(runs, seed=1_000_000, jobs=jobs, level=level)
    return Measured(
        level=level,
        runs=report.runs,
        processors=jobs,
        runs_a_minute=report.runs / report.cpu_s * 60 * jobs,
        by_the_wall=report.runs_a_minute,
        cpu_ms_a_run=report.cpu_s / report.runs * 1000,
        events_a_run=report.events / report.runs,
        attempts_a_run=report.attempts / report.runs,
        faulty=report.faulty / report.runs,
        failed=report.failed,
    )


def _row(one: Measured) -> list[str]:
    return [
        one.level,
        f"{one.runs_a_minute:,.0f}",
        f"{one.by_the_wall:,.0f}",
        f"{one.cpu_ms_a_run:.2f}",
        f"{one.events_a_run:.1f}",
        f"{one.attempts_a_run:.2f}",
        f"{one.faulty:.1%}",
        str(one.failed),
    ]


def _verdict(one: Measured) -> str:
    target = TARGETS[one.level] * one.processors / 2
    word = "PASS" if one.runs_a_minute >= target and not one.failed else "FAIL"
    return f"{word}  {one.level}: {one.runs_a_minute:,.0f} runs a minute, target at least {target:,.0f}"


def main() -> None:
    """Measure the levels and print a table, or JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=10_000, help="runs at each level")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    measured = [measure(level, args.runs, args.jobs) for level in WORLDS]
    if args.json:
        print(json.dumps({"machine": machine(), "levels": [asdict(one) for one in measured]}, indent=2))
        return
    head = ["level", "runs/min", "by the wall", "CPU ms/run", "events", "attempts", "with a fault", "failed"]
    print(f"{machine()}; {args.jobs} processes\n")
    print(table(head, [_row(one) for one in measured]))
    print()
    print("\n".join(_verdict(one) for one in measured))


if __name__ == "__main__":
    main()
