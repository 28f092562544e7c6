"""Runs the trials of the fault benchmark: clients by faults by formats by seeds, many at a time, each judged alone.

Most of a trial is silence, so many run at once; each of them in a process of its own, which is asked one thing at a
time, and killed when it hangs. All start only when the clients of all are imported, as many at a time as there are
processors: an import takes one for seconds, and would be taken for a stall.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Any

import httpx
import trio
from attrs import define, field, frozen

from ...testing.wire.formats import Wire
from .. import server as server_package
from ..faults.catalog import WELL_BEHAVED, drawn_by
from ..faults.fault import BenchFault
from ..judging.judge import Cell, Given, judge
from ..judging.server_log import log_of, truth_of
from ..profile import Profile
from ..result import Moment, PeerRow, Side, Trial
from ..server.trial import Trial as ServedTrial
from .conversation import Called, Turn, ask_of
from .environments import Prepared
from .peers import ATTEMPTS, Peer
from .worker_process import Reply, Worker, WorkerBroken, end_process

KEY = "sk-riverrun-bench"
"""The key that every client sends: nobody's."""

SERVER_START_S, WARM_S, LOG_S = 30.0, 120.0, 60.0

STARTS_MAX = 3
"""How often a client's process is started before the client is given up: a busy machine may take too long once."""


@frozen
class Planned:
    """One trial that is to be run."""

    peer: Peer
    fault: BenchFault
    wire: Wire
    seed: int

    @property
    def cell(self) -> Cell:
        """How it stands in the result."""
        return Cell(self.peer.name, self.fault.name, self.wire.value, self.seed)


def plan(
    peers: Sequence[Peer], faults: Sequence[BenchFault], wires: Sequence[Wire], seeds: Sequence[int]
) -> list[Planned]:
    """Return the trials of a run: every client in every format that it and the fault have."""
    return [
        Planned(peer, fault, wire, seed)
        for peer in peers
        for fault in faults
        for wire in wires
        if wire in peer.wires and wire in fault.wires
        for seed in seeds
    ]


@asynccontextmanager
async def open_server(profile: Profile, *, port: int = 0) -> AsyncGenerator[str, None]:
    """Start the fault server in a process of its own, and give its address; it ends with the block."""
    command = [sys.executable, "-P", "-m", server_package.__name__, "--profile", profile.name]
    process = await trio.lowlevel.open_process(
        command + (["--port", str(port)] if port else []), stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    try:
        yield f"http://127.0.0.1:{await _port_of(process)}"
    finally:
        await end_process(process)


async def _port_of(process: trio.Process) -> int:
    line = b""
    with trio.fail_after(SERVER_START_S):
        while not line.endswith(b"\n"):
            data = b"" if process.stdout is None else await process.stdout.receive_some()
            if not data:
                raise RuntimeError("the fault server ended before it said its port")
            line += data
    port: int = json.loads(line)["port"]
    return port


@define(eq=False)
class Runner:
    """Runs planned trials against a server that is there.

    Args:
        server: the fault server's address.
        jobs: how many trials at once.
        on_trial: called with each trial as it is judged.
        endpoint: a gateway in front of the server, or "". It can not be given a path for each trial, so they run one
            after the other, and the server forgets what it was asked before each.
        key: what is sent as the key.
    """

    server: str
    profile: Profile
    jobs: int
    on_trial: Callable[[Trial], None] = lambda trial: None
    endpoint: str = ""
    key: str = KEY
    trials: list[Trial] = field(factory=list[Trial], init=False)
    rows: dict[str, PeerRow] = field(factory=dict[str, PeerRow], init=False)
    _queues: dict[str, list[Planned]] = field(factory=dict[str, list[Planned]], init=False)
    _count: int = field(default=0, init=False)
    _starts: trio.CapacityLimiter = field(factory=lambda: trio.CapacityLimiter(os.cpu_count() or 1), init=False)

    async def run(self, prepared: Sequence[Prepared], planned: Sequence[Planned]) -> None:
        """Run all trials. If cancelled: every process is killed and gone; what was judged stands in `trials`."""
        ready = [one for one in prepared if not one.missing]
        self.rows = {one.peer.name: PeerRow(one.peer.name, "", one.peer.title, one.missing) for one in prepared}
        longest_first = sorted(planned, key=_weight)  # taken from the end
        for one in ready:
            self._queues[one.peer.name] = [trial for trial in longest_first if trial.peer is one.peer]
        async with httpx.AsyncClient(base_url=self.server, trust_env=False, timeout=LOG_S) as client:
            workers = [Worker(one) for one in _shares(ready, self._queues, 1 if self.endpoint else self.jobs)]
            await self._start(workers)
            async with trio.open_nursery() as nursery:
                for worker in workers:
                    nursery.start_soon(self._work, worker, client, ready)

    async def _start(self, workers: Sequence[Worker]) -> None:
        try:
            async with trio.open_nursery() as nursery:
                for worker in workers:
                    nursery.start_soon(self._start_one, worker)
        except BaseException:
            for worker in workers:
                await worker.aclose()
            raise

    async def _start_one(self, worker: Worker) -> None:
        peer = worker.prepared.peer
        why = ""
        for _ in range(STARTS_MAX):
            await worker.aclose()
            try:
                async with self._starts:
                    await worker.start()
                    await self._warm(worker)
            except WorkerBroken as error:
                worker.kill()
                why = f"can not be run: {error}"
            else:
                if not self.rows[peer.name].missing:
                    self.rows[peer.name] = PeerRow(peer.name, worker.version, peer.title)
                return
        self._drop(peer, why)

    async def _warm(self, worker: Worker) -> None:
        """Ask for an answer that nothing is wrong with: the first use of a client may take longer than its patience.

        Raises WorkerBroken: the client can not take even that.
        """
        peer = worker.prepared.peer
        ask = ask_of(
            base_url=self.endpoint or f"{self.server}/t/warm", wire=peer.wires[0],
            model=WELL_BEHAVED.name, turns=(), limits={"patience_s": WARM_S, "delay_s_max": 1.0},
            attempts=ATTEMPTS, key=self.key,
        )  # fmt: skip
        reply = await worker.ask(ask, seconds=WARM_S)
        if not reply.given.whole:
            raise WorkerBroken(f"it can not take an answer that nothing is wrong with: {reply.given.said}")

    def _drop(self, peer: Peer, why: str) -> None:
        self._queues[peer.name] = []
        self.rows[peer.name] = PeerRow(peer.name, self.rows[peer.name].version, peer.title, why[:300])

    async def _work(self, worker: Worker, client: httpx.AsyncClient, ready: Sequence[Prepared]) -> None:
        """Run trials until there are none: those of the worker's own client first, then of whoever has most left."""
        try:
            while True:
                if not self._queues[worker.prepared.peer.name]:
                    await worker.aclose()
                    worker = Worker(max(ready, key=lambda one: len(self._queues[one.peer.name])))
                if not (queue := self._queues[worker.prepared.peer.name]):
                    return
                await self._run_one(worker, client, queue.pop())
        finally:
            await worker.aclose()

    async def _run_one(self, worker: Worker, client: httpx.AsyncClient, planned: Planned) -> None:
        if not worker.is_running:
            await self._start_one(worker)
            if not worker.is_running:
                return
        self._count += 1
        path = "" if self.endpoint else f"/t/{self._count}"
        if self.endpoint:
            await client.delete("/log")
        trial = await self._trial(worker, client, planned, path)
        self.trials.append(trial)
        self.on_trial(trial)

    async def _trial(self, worker: Worker, client: httpx.AsyncClient, planned: Planned, path: str) -> Trial:
        asked_s = time.monotonic()
        turns: list[Turn] = []
        replies: list[Reply] = []
        while True:
            ask = self._ask(planned, path, turns)
            try:
                replies.append(await worker.ask(ask, seconds=self.profile.trial_s))
            except WorkerBroken as error:
                now_s = time.monotonic()
                said = Moment(now_s, Side.CALLER, "error", f"the client's process {error}")
                replies.append(Reply(Given(said=said.words, moments=(said,)), now_s))
            told = await self._told(client, planned, path)
            truth = truth_of(told)
            turn = _turn(replies[-1])
            made = sum(len(reply.given.calls) for reply in replies)
            if turn is None or made >= len(truth.calls) or len(replies) >= planned.fault.turns:
                break
            turns.append(turn)
        await client.delete(f"{path}/log")  # the server keeps a few hundred, and a hang outlives more
        given, last = _joined(replies), replies[-1]
        return judge(
            planned.cell, truth, given, log_of(told), asked_s=asked_s, ended_s=last.ended_s, timed_out=last.timed_out
        )

    async def _told(self, client: httpx.AsyncClient, planned: Planned, path: str) -> Mapping[str, Any]:
        """Return the server's log; where the client never asked, what it would have been answered."""
        response = await client.get(f"{path}/log")
        if response.status_code == HTTPStatus.NOT_FOUND:
            return ServedTrial(drawn_by(_model(planned))).told()
        told: Mapping[str, Any] = response.json()
        return told

    def _ask(self, planned: Planned, path: str, turns: Sequence[Turn]) -> dict[str, object]:
        limits = {"patience_s": self.profile.patience_s, "delay_s_max": self.profile.delay_s_max}
        return ask_of(
            base_url=self.endpoint or self.server + path, wire=planned.wire, model=_model(planned),
            turns=turns, limits=limits, attempts=ATTEMPTS, key=self.key,
        )  # fmt: skip


def _model(planned: Planned) -> str:
    return f"{planned.fault.name}@{planned.seed}"


def _weight(planned: Planned) -> tuple[int, str, str]:
    """Order by how long a trial may take: what repeats, then what is silent."""
    return (2 if planned.fault.repeats else 1 if planned.fault.group == "Silence" else 0, planned.fault.name, "")


def _shares(ready: Sequence[Prepared], queues: Mapping[str, Sequence[Planned]], jobs: int) -> Iterator[Prepared]:
    """Share out the workers: one for each client, then one more for whoever has most trials for each of its workers."""
    shares = {one.peer.name: 1 for one in ready}
    yield from ready
    for _ in range(min(jobs, sum(map(len, queues.values()))) - len(ready)):
        neediest = max(ready, key=lambda one: len(queues[one.peer.name]) / shares[one.peer.name])
        shares[neediest.peer.name] += 1
        yield neediest


def _turn(reply: Reply) -> Turn | None:
    """Return what was said and called, to go on from; None where there is nothing to go on from."""
    given = reply.given
    if not given.whole or not given.calls or not all(_is_object(call.arguments) for call in given.calls):
        return None
    calls = zip(given.calls, reply.ids, strict=True)
    return Turn(
        given.text, tuple(Called(id or f"call_{at}", call.name, call.arguments) for at, (call, id) in enumerate(calls))
    )


def _is_object(arguments: str) -> bool:
    try:
        return isinstance(json.loads(arguments), dict)
    except ValueError:
        return False


def _joined(replies: Sequence[Reply]) -> Given:
    """Return what a caller was given over its turns."""
    last = replies[-1].given
    return Given(
        "".join(reply.given.text for reply in replies),
        tuple(call for reply in replies for call in reply.given.calls),
        whole=last.whole,
        said=last.said,
        moments=tuple(moment for reply in replies for moment in reply.given.moments),
    )
