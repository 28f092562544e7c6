"""How many broken answers a minute are simulated: the real engine in virtual time, at both levels.

    python benchmarks/bench_simulator.py
    python benchmarks/bench_simulator.py --runs 20000 --jobs 2 --json

Each run is drawn from its seed by the same swarm as `riverrun simulate`, with the same oracles, and has at least one
fault. The figure is the processor's: runs divided by the seconds of processor time that the workers took, times the
processors, for a machine that others use too makes the wall clock say little; it is given beside it. For the same
reason the runs are swept in rounds: the best is what the code costs, all of them what the machine made of it today.

The floor, measured in the same run of the script, is what is left of a run without riverrun and the kit: a trio task
that opens as many cancel scopes and takes as many turns; at bytes, besides, an httpx client that reads as many answers
over the same scripted network.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
from collections.abc import Awaitable, Callable
from time import process_time

import trio
from attrs import asdict, frozen
from report import machine, table

from riverrun.engine.testing.network.http import ScriptedNetwork
from riverrun.engine.testing.network.script import Framing, SentRequest, Step, response
from riverrun.engine.testing.simulator.clock import JumpingClock, seeded_order
from riverrun.engine.testing.simulator.sweep import SweepReport, sweep
from riverrun.engine.testing.simulator.worlds import WORLDS

TARGETS = {"events": 100_000, "bytes": 50_000}
"""Runs a minute on two processors: the project's own targets."""

SCOPES, TURNS = 13, 25
"""How many cancel scopes a run opens, and how often the scheduler runs one of its tasks: means of a sweep at events."""

ROUNDS = 5
"""In how many rounds the runs are swept."""

FLOOR_RUNS = 512
FLOOR_ROUNDS = 5
EVENT = b'data: {"id":"x","choices":[{"index":0,"delta":{"content":"brook "},"finish_reason":null}]}\n\n'


@frozen
class Measured:
    """One level's figures."""

    level: str
    runs: int
    processors: int
    runs_a_minute: float
    in_all_rounds: float
    by_the_wall: float
    cpu_ms_a_run: float
    floor_ms: float
    events_a_run: float
    attempts_a_run: float
    faulty: float
    failed: int


async def _bare_run() -> None:
    """Do what trio is asked to do for a run."""
    async with trio.open_nursery() as nursery:
        over = trio.Event()
        nursery.start_soon(over.wait)
        for _ in range(SCOPES):
            with trio.CancelScope(deadline=trio.current_time() + 60):
                await trio.lowlevel.checkpoint()
        for _ in range(TURNS - SCOPES):
            await trio.lowlevel.checkpoint()
        over.set()


def _answer(_: SentRequest) -> list[Step]:
    return list(response([EVENT * 8] * 2, headers={"content-type": "text/event-stream"}, framing=Framing.CHUNKED))


async def _bare_request() -> None:
    """Read an answer of 16 events as httpx alone does."""
    headers = {"authorization": "x", "content-type": "application/json", "accept": "text/event-stream"}
    async with ScriptedNetwork(_answer, hesitate=lambda: 0).client() as client:
        request = client.build_request("POST", "http://127.0.0.1:9/v1/x", content=b"x" * 300, headers=headers)
        opened = await client.send(request, stream=True)
        async for _ in opened.aiter_raw():
            pass
        await opened.aclose()


def _cpu_ms(one: Callable[[], Awaitable[None]]) -> float:
    """Return the processor's time for one of many that run at once in virtual time, in the best round."""

    async def many() -> None:
        async with trio.open_nursery() as nursery:
            for _ in range(FLOOR_RUNS):
                nursery.start_soon(one)

    rounds = list[float]()
    clock = JumpingClock(lambda _: None)  # the loop's own first and last turn have nothing to wait for
    for _ in range(FLOOR_ROUNDS):
        gc.collect()
        gc.disable()
        began = process_time()
        with seeded_order(clock):
            trio.run(many, clock=clock)
        rounds.append((process_time() - began) * 1000 / FLOOR_RUNS)
        gc.enable()
    return min(rounds)


def floor_of(level: str, attempts_a_run: float) -> float:
    """Measure the floor under a level's runs, in ms of a run."""
    return _cpu_ms(_bare_run) + (attempts_a_run * _cpu_ms(_bare_request) if level == "bytes" else 0.0)


def measure(level: str, runs: int, jobs: int) -> Measured:
    """Sweep in rounds, after a short one that warms up what is imported and cached."""
    sweep(200, jobs=1, level=level)
    size = max(runs // ROUNDS, 1)
    rounds = [sweep(size, seed=1_000_000 + at * size, jobs=jobs, level=level) for at in range(ROUNDS)]
    best = min(rounds, key=lambda one: one.cpu_s)
    made, cpu_s = size * ROUNDS, sum(one.cpu_s for one in rounds)
    attempts_a_run = sum(one.attempts for one in rounds) / made
    return Measured(
        level=level,
        runs=made,
        processors=jobs,
        runs_a_minute=_rate(best, jobs),
        in_all_rounds=made / cpu_s * 60 * jobs,
        by_the_wall=max(one.runs_a_minute for one in rounds),
        cpu_ms_a_run=best.cpu_s / size * 1000,
        floor_ms=floor_of(level, attempts_a_run),
        events_a_run=sum(one.events for one in rounds) / made,
        attempts_a_run=attempts_a_run,
        faulty=sum(one.faulty for one in rounds) / made,
        failed=sum(one.failed for one in rounds),
    )


def _rate(swept: SweepReport, jobs: int) -> float:
    return swept.runs / swept.cpu_s * 60 * jobs


def _row(one: Measured) -> list[str]:
    return [
        one.level,
        f"{one.runs_a_minute:,.0f}",
        f"{one.in_all_rounds:,.0f}",
        f"{one.by_the_wall:,.0f}",
        f"{one.cpu_ms_a_run:.2f}",
        f"{one.floor_ms:.2f}",
        f"{one.cpu_ms_a_run / one.floor_ms:.1f}",
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
    parser.add_argument("--runs", type=int, default=10_000, help=f"runs at each level, in {ROUNDS} rounds")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    measured = [measure(level, args.runs, args.jobs) for level in WORLDS]
    if args.json:
        print(json.dumps({"machine": machine(), "levels": [asdict(one) for one in measured]}, indent=2))
        return
    head = [
        "level",
        "runs/min",
        "all rounds",
        "by the wall",
        "CPU ms/run",
        "floor",
        "x floor",
        "events",
        "attempts",
        "with a fault",
        "failed",
    ]
    print(f"{machine()}; {args.jobs} processes\n")
    print(table(head, [_row(one) for one in measured]))
    print()
    print("\n".join(_verdict(one) for one in measured))


if __name__ == "__main__":
    main()
