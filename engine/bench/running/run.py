"""One run of the fault benchmark, from what is asked for to a `BenchResult`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from attrs import frozen

from ...testing.wire.formats import Wire
from ..faults.fault import BenchFault
from ..judging.judge import Cell
from ..machine import environment
from ..profile import Profile
from ..result import SCHEMA, BenchResult, FaultRow, PeerRow, Trial
from .environments import Prepared, needs_making, prepare
from .peers import Peer
from .runner import KEY, Planned, Runner, open_server, plan


@frozen
class Asked:
    """What is to be run.

    Attributes:
        environments: the folder of the clients' environments.
        command: the command line, for readers.
        endpoint: the address of a gateway that is judged, or "": then each trial has an address of its own.
        port: where the fault server listens, so that a gateway can be pointed at it; 0 is any.
        key: what an endpoint is sent as its key.
    """

    profile: Profile
    peers: tuple[Peer, ...]
    faults: tuple[BenchFault, ...]
    wires: tuple[Wire, ...]
    seeds: tuple[int, ...]
    jobs: int
    environments: Path
    command: str = ""
    endpoint: str = ""
    port: int = 0
    key: str = ""

    @property
    def planned(self) -> list[Planned]:
        """The trials, if every client can be run."""
        return plan(self.peers, self.faults, self.wires, self.seeds)


@frozen
class Watcher:
    """Is told how a run goes; does nothing by itself."""

    on_environment: Callable[[Peer], None] = lambda peer: None
    on_trial: Callable[[Trial], None] = lambda trial: None


async def run_faults(asked: Asked, watcher: Watcher) -> BenchResult:
    """Run all trials. If cancelled: nothing that was started is left running."""
    started = datetime.now(UTC).isoformat(timespec="seconds")
    prepared = await _prepare(asked, watcher)
    async with open_server(asked.profile, port=asked.port) as server:
        runner = Runner(
            server, asked.profile, asked.jobs, watcher.on_trial, endpoint=asked.endpoint, key=asked.key or KEY
        )
        await runner.run(prepared, asked.planned)
    return _result(asked, started, runner.rows, runner.trials)


async def _prepare(asked: Asked, watcher: Watcher) -> list[Prepared]:
    """Make what is missing, one after the other: pip takes all processors it can get."""
    missing = needs_making(asked.peers, asked.environments)
    prepared: list[Prepared] = []
    for peer in asked.peers:
        if peer in missing:
            watcher.on_environment(peer)
        prepared.append(await prepare(peer, asked.environments))
    return prepared


def _result(asked: Asked, started: str, rows: dict[str, PeerRow], trials: Sequence[Trial]) -> BenchResult:
    order = {planned.cell: number for number, planned in enumerate(asked.planned)}

    def place(trial: Trial) -> int:
        return order[Cell(trial.peer, trial.fault, trial.wire, trial.seed)]

    return BenchResult(
        schema=SCHEMA,
        profile=asked.profile.name,
        command=asked.command,
        environment=environment(),
        started_at=started,
        seeds=asked.seeds,
        faults=tuple(FaultRow(each.name, each.group, each.title, each.cannot_win) for each in asked.faults),
        peers=tuple(rows[peer.name] for peer in asked.peers),
        trials=tuple(sorted(trials, key=place)),
    )
