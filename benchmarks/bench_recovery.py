"""What recovery costs of itself, and what an idle stream weighs.

    python benchmarks/bench_recovery.py
    python benchmarks/bench_recovery.py --repeats 10 --json

Recovery: a server in a process of its own says a part of an answer and closes the connection before its end: 1 KB, 100
KB, 512 KB (128,000 tokens, about as much as any model gives in one answer today), or 1 MB, told without a target.
Measured is what lies between the moment at which the HTTP client learns of it and the moment at which the next request
has been written to its new connection, with a policy that adds no delay: processor time of this process, and wall clock
(which holds the server's time to accept, too). The next request holds what was said; "to send alone" is what httpx
takes for a request of that size, without us.

Idle memory: streams that were opened, gave one event and then fell silent; how much more Python memory each holds
through riverrun than through a bare task that reads the same with httpx. Measured by tracemalloc, which sees what
Python allocates; sockets and TLS belong to the kernel and to httpx, alike for both.
"""

from __future__ import annotations

import argparse
import gc
import json
import time
import tracemalloc
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import httpx
import trio
import trio.testing
from attrs import define
from report import best_and_median, machine, table, verdict
from serve_stream import served
from stream_bytes import WIRES

import riverrun as rr
from riverrun.engine.core.provider import WireRequest
from riverrun.engine.core.secret import Secret

RECOVERY_MS_MAX = 5.0
IDLE_BYTES_MAX = 16 * 1024
PREFIX_CHARS = {"1 KB": 1_000, "100 KB": 100_000, "512 KB": 512_000, "1 MB": 1_000_000}
ANSWER_CHARS_MAX = 512_000
MODEL = {"openai": "gpt-4o-mini", "anthropic": "claude-sonnet-4-5"}
QUESTION = rr.InferenceRequest([rr.Message.user("Go on.")], max_tokens=2_000_000)
AT_ONCE = rr.Policy(retry=rr.RetryPolicy(base_delay_s=0.0, jitter=rr.Jitter.NONE))


@define
class Stopwatch:
    """Listens to the HTTP client: when a body broke, and when the next request was on the wire."""

    broken_at: tuple[float, float] | None = None
    taken: tuple[float, float] | None = None

    async def hook(self, request: httpx.Request) -> None:
        """Trace a request; an event hook of httpx."""
        request.extensions = {**request.extensions, "trace": self.trace}

    async def trace(self, name: str, _info: Mapping[str, Any]) -> None:
        """Take a step of httpcore's."""
        now = (time.process_time(), time.perf_counter())
        if name == "http11.receive_response_body.failed":
            self.broken_at = now
        elif name == "http11.send_request_body.complete" and self.broken_at is not None and self.taken is None:
            self.taken = (now[0] - self.broken_at[0], now[1] - self.broken_at[1])


def provider(wire: str, base_url: str, client: httpx.AsyncClient) -> rr.OpenAIChat | rr.Anthropic:
    """Make the provider of a wire format at the server."""
    if wire == "openai":
        return rr.OpenAIChat(MODEL[wire], api_key="none", base_url=base_url + "/v1", client=client)
    return rr.Anthropic(MODEL[wire], api_key="none", base_url=base_url, client=client)


async def send_alone(base_url: str, size_bytes: int) -> float:
    """Return the seconds of processor time that httpx takes to write a request of a size to a new connection."""
    watch = Stopwatch()
    async with httpx.AsyncClient(event_hooks={"request": [watch.hook]}, timeout=None) as client:
        watch.broken_at = (time.process_time(), time.perf_counter())
        async with client.stream("POST", f"{base_url}/v1/messages", content=b"a" * size_bytes):
            pass
    assert watch.taken is not None
    return watch.taken[0]


async def recover(wire: str, base_url: str) -> tuple[float, float]:
    """Read an answer that breaks once; return the seconds of processor time and of the clock that recovery took."""
    watch = Stopwatch()
    async with httpx.AsyncClient(event_hooks={"request": [watch.hook]}, timeout=None) as client:
        engine = rr.Engine(provider(wire, base_url, client), policy=AT_ONCE)
        async with engine.open_stream(QUESTION) as run:
            while not isinstance((await run.receive_many())[-1], rr.Finished):
                pass
        assert len(run.result.attempts) == 2, run.result.attempts
    assert watch.taken is not None
    return watch.taken


def measure_recovery(server: str, repeats: int) -> dict[str, list[tuple[float, float, float]]]:
    """Return what each recovery took, in milliseconds of (processor, clock, to send alone), by format and prefix."""
    figures: dict[str, list[tuple[float, float, float]]] = {}
    for number in range(repeats + 1):  # the first is not counted
        for wire in WIRES:
            for prefix, chars in PREFIX_CHARS.items():
                gc.collect()
                cpu_s, wall_s = trio.run(recover, wire, f"{server}/cut-{chars}")
                alone_s = trio.run(send_alone, f"{server}/cut-5", chars)
                if number:
                    figures.setdefault(f"{wire}, {prefix}", []).append((cpu_s * 1000, wall_s * 1000, alone_s * 1000))
    return figures


# -- idle streams ---------------------------------------------------------------------------------------------------


@asynccontextmanager
async def _wide_client() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(limits=httpx.Limits(max_connections=None), timeout=None) as client:
        yield client


async def hold_raw(client: httpx.AsyncClient, wire: WireRequest, task_status: trio.TaskStatus[None]) -> None:
    """Hold a stream open as a bare client would that sends the same request."""
    headers = {name: value.reveal() if isinstance(value, Secret) else value for name, value in wire.headers.items()}
    async with client.stream(wire.method, wire.url, headers=headers, content=wire.body) as response:
        async for _ in response.aiter_raw():
            if task_status is not trio.TASK_STATUS_IGNORED:
                task_status.started()
                task_status = trio.TASK_STATUS_IGNORED


async def hold_run(engine: rr.Engine, task_status: trio.TaskStatus[None]) -> None:
    """Hold a stream open through riverrun."""
    async with engine.open_stream(QUESTION) as run:
        async for _ in run:
            if task_status is not trio.TASK_STATUS_IGNORED:
                task_status.started()
                task_status = trio.TASK_STATUS_IGNORED


async def weigh(streams: int, hold: Callable[..., Awaitable[None]], shared: object, *rest: object) -> float:
    """Return the bytes of each stream held open, after two that were not counted."""
    async with trio.open_nursery() as nursery:

        async def start() -> None:
            async def held(task_status: trio.TaskStatus[None]) -> None:
                await hold(shared, *rest, task_status)

            await nursery.start(held)

        for _ in range(2):
            await start()
        await trio.testing.wait_all_tasks_blocked(0.05)
        gc.collect()
        before = tracemalloc.get_traced_memory()[0]
        for _ in range(streams):
            await start()
        await trio.testing.wait_all_tasks_blocked(0.05)
        gc.collect()
        taken = tracemalloc.get_traced_memory()[0] - before
        nursery.cancel_scope.cancel(reason="weighed")
    return taken / streams


async def measure_idle(wire: str, base_url: str, streams: int) -> tuple[float, float]:
    """Return the bytes of an idle stream through riverrun and through httpx alone."""
    tracemalloc.start()
    async with _wide_client() as client:
        raw = await weigh(streams, hold_raw, client, provider(wire, base_url, client).encode(QUESTION))
    async with _wide_client() as client:
        ours = await weigh(streams, hold_run, rr.Engine(provider(wire, base_url, client)))
    tracemalloc.stop()
    return ours, raw


# -- saying it ------------------------------------------------------------------------------------------------------


def _print_recovery(figures: dict[str, list[tuple[float, float, float]]]) -> None:
    rows: list[list[str]] = []
    for name, taken in figures.items():
        cpu, wall, alone = (best_and_median([figure[column] for figure in taken]) for column in range(3))
        rows.append([name, f"{cpu[0]:.2f}", f"{cpu[1]:.2f}", f"{wall[1]:.2f}", f"{alone[1]:.2f}"])
    head = ["from the fault to the next request", "CPU ms, best", "median", "wall ms, median", "CPU ms to send alone"]
    print(table(head, rows), "", sep="\n")
    for name, taken in figures.items():
        if PREFIX_CHARS[name.partition(", ")[2]] > ANSWER_CHARS_MAX:
            continue
        own = best_and_median([cpu - alone for cpu, _, alone in taken])[1]
        print(verdict(f"recovery less the sending, {name}", own, RECOVERY_MS_MAX, " ms of CPU"))


def _print_idle(weights: dict[str, tuple[float, float]], streams: int) -> None:
    rows = [[wire, f"{ours:,.0f}", f"{raw:,.0f}", f"{ours - raw:,.0f}"] for wire, (ours, raw) in weights.items()]
    print("", table([f"bytes an idle stream, {streams} open", "riverrun", "httpx", "difference"], rows), "", sep="\n")
    for wire, (ours, raw) in weights.items():
        print(verdict(f"an idle stream beyond httpx, {wire}", ours - raw, IDLE_BYTES_MAX, " bytes"))


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, prog="bench_recovery.py"
    )
    parser.add_argument("--repeats", type=int, default=30, help="recoveries of each kind (30)")
    parser.add_argument("--streams", type=int, default=200, help="idle streams (200)")
    parser.add_argument("--json", action="store_true", help="print all figures as JSON")
    options = parser.parse_args(arguments)
    with served() as server:
        figures = measure_recovery(server, options.repeats)
        weights = {wire: trio.run(measure_idle, wire, f"{server}/idle", options.streams) for wire in WIRES}
    if options.json:
        print(json.dumps({"machine": machine(), "recovery_ms": figures, "idle_bytes": weights}))
        return
    _print_recovery(figures)
    _print_idle(weights, options.streams)
    print("", machine(), sep="\n")


if __name__ == "__main__":
    main()
