"""What an event costs: the whole engine beside the bare HTTP client and the providers' own libraries, in one run.

    python benchmarks/bench_overhead.py
    python benchmarks/bench_overhead.py --events 5000 --rounds 3 --json

A server in a process of its own writes the same bytes to everybody: text deltas of five characters, one HTTP chunk an
event. Measured is the processor time of this process, from sending the request to the end of the answer, divided by the
events; the rounds of the contestants are interleaved, so that whatever else the machine does falls on all alike.

`burst` lets the server write as fast as the client reads, so that a network read brings hundreds of events. `paced`
leaves 0.2 ms between two events, so that each is a network read of its own. Everybody runs on trio.
"""

from __future__ import annotations

import argparse
import gc
import json
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import suppress
from types import ModuleType
from typing import Any, TypeAlias

import httpx
import trio
from report import best_and_median, machine, table, verdict
from serve_stream import served
from stream_bytes import WIRES

import riverrun as rr

try:
    import httpx2
except ImportError:
    httpx2 = None

FLOOR = "httpx aiter_raw"
MANY = "riverrun receive_many"
EACH = "riverrun async for"
PEERS = {"openai": "AsyncOpenAI", "anthropic": "AsyncAnthropic"}
FLOOR_RATIO_MAX = 1.6
PEER_RATIO_MAX = {"openai": 1 / 7, "anthropic": 1 / 2}
PACED_EVENTS_MAX = 4000
MODEL = {"openai": "gpt-4o-mini", "anthropic": "claude-sonnet-4-5"}
QUESTION = rr.InferenceRequest([rr.Message.user("Go on.")], max_tokens=100_000)

Contestant: TypeAlias = Callable[[], Awaitable[float]]
"""Reads one answer; returns the seconds of processor time it took. What can be made beforehand is not counted."""


def _raw(client_of: ModuleType, url: str) -> Contestant:
    """Read the body and look at nothing: what any library on this client pays."""

    async def read() -> float:
        async with client_of.AsyncClient(timeout=None) as client:
            began = time.process_time()
            async with client.stream("POST", url, json={"stream": True}) as response:
                async for _ in response.aiter_raw():
                    pass
            return time.process_time() - began

    return read


def _riverrun(wire: str, base_url: str, *, many: bool) -> Contestant:
    async def read() -> float:
        async with httpx.AsyncClient() as client:
            engine = rr.Engine(_provider(wire, base_url, client))
            began = time.process_time()
            async with engine.open_stream(QUESTION) as run:
                if many:
                    while not isinstance((await run.receive_many())[-1], rr.Finished):
                        pass
                else:
                    async for _ in run:
                        pass
            return time.process_time() - began

    return read


def _provider(wire: str, base_url: str, client: object) -> rr.OpenAIChat | rr.Anthropic:
    if wire == "openai":
        return rr.OpenAIChat(MODEL[wire], api_key="none", base_url=base_url + "/v1", client=client)
    return rr.Anthropic(MODEL[wire], api_key="none", base_url=base_url, client=client)


def _peer(wire: str, base_url: str) -> Contestant:
    messages: Any = [{"role": "user", "content": "Go on."}]

    async def read_openai() -> float:
        async with openai.AsyncOpenAI(api_key="none", base_url=base_url + "/v1") as client:
            began = time.process_time()
            async for _ in await client.chat.completions.create(model=MODEL[wire], messages=messages, stream=True):
                pass
            return time.process_time() - began

    async def read_anthropic() -> float:
        async with anthropic.AsyncAnthropic(api_key="none", base_url=base_url) as client:
            began = time.process_time()
            stream = await client.messages.create(model=MODEL[wire], max_tokens=100, messages=messages, stream=True)
            async for _ in stream:
                pass
            return time.process_time() - began

    if wire == "openai":
        import openai

        return read_openai
    import anthropic

    return read_anthropic


def contestants(wire: str, base_url: str) -> Iterator[tuple[str, Contestant]]:
    """Name everybody who can run here."""
    url = base_url + ("/v1/chat/completions" if wire == "openai" else "/v1/messages")
    yield FLOOR, _raw(httpx, url)
    if httpx2 is not None:
        yield "httpx2 aiter_raw", _raw(httpx2, url)
    yield MANY, _riverrun(wire, base_url, many=True)
    yield EACH, _riverrun(wire, base_url, many=False)
    with suppress(ImportError):
        yield PEERS[wire], _peer(wire, base_url)


def measure(base_url: str, wire: str, *, events: int, rounds: int) -> dict[str, list[float]]:
    """Return the microseconds an event of each contestant, one number a round, after a round that is not counted."""
    figures: dict[str, list[float]] = {}
    for number in range(rounds + 1):
        for name, contestant in contestants(wire, base_url):
            gc.collect()
            taken_s = trio.run(contestant)
            if number:
                figures.setdefault(name, []).append(taken_s / events * 1e6)
    return figures


def rows_of(wire: str, figures: dict[str, list[float]]) -> list[list[str]]:
    """Write what was measured as the rows of a table."""
    floor = best_and_median(figures[FLOOR])
    peer = best_and_median(figures[PEERS[wire]]) if PEERS[wire] in figures else None
    rows: list[list[str]] = []
    for name, values in figures.items():
        best, middle = best_and_median(values)
        ratios = [f"{best / floor[0]:.2f}", f"{middle / floor[1]:.2f}"]
        beside = ["", ""] if peer is None else [f"1/{peer[0] / best:.1f}", f"1/{peer[1] / middle:.1f}"]
        rows.append([name, f"{best:.1f}", f"{middle:.1f}", *ratios, *beside])
    return rows


def verdicts(wire: str, figures: dict[str, list[float]]) -> Iterator[str]:
    """Hold the best rounds, the least disturbed ones, against the targets."""
    floor = min(figures[FLOOR])
    for name in (MANY, EACH):
        best = min(figures[name])
        yield verdict(f"{name} / {FLOOR}", best / floor, FLOOR_RATIO_MAX)
        if PEERS[wire] in figures:
            yield verdict(f"{name} / {PEERS[wire]}", best / min(figures[PEERS[wire]]), round(PEER_RATIO_MAX[wire], 3))


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, prog="bench_overhead.py"
    )
    parser.add_argument("--events", type=int, default=20_000, help="text deltas of an answer (20000)")
    parser.add_argument("--rounds", type=int, default=7, help="rounds, interleaved (7)")
    parser.add_argument("--wire", choices=WIRES, action="append", help="one wire format only (both)")
    parser.add_argument("--variant", choices=("burst", "paced"), action="append", help="one variant only (both)")
    parser.add_argument("--obfuscation", action="store_true", help="add `obfuscation` to chunks of Chat Completions")
    parser.add_argument("--json", action="store_true", help="print all figures as JSON")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, and print."""
    options = _options(arguments)
    out: dict[str, Any] = {"machine": machine(), "unit": "microseconds of processor time an event", "figures": {}}
    with served() as server:
        for variant in options.variant or ("burst", "paced"):
            events = options.events if variant == "burst" else min(options.events, PACED_EVENTS_MAX)
            rounds = options.rounds if variant == "burst" else min(options.rounds, 3)
            for wire in options.wire or WIRES:
                path = f"{server}/{variant}-{events}{'-o' if options.obfuscation else ''}"
                figures = measure(path, wire, events=events, rounds=rounds)
                out["figures"][f"{variant} {wire}"] = figures
                if not options.json:
                    _print(f"{variant}, {wire}, {events} events, {rounds} rounds", wire, figures)
    print(json.dumps(out) if options.json else out["machine"])


def _print(title: str, wire: str, figures: dict[str, list[float]]) -> None:
    head = [title, "best µs", "median µs", "best / floor", "median / floor", "of peer, best", "of peer, median"]
    print(table(head, rows_of(wire, figures)))
    print()
    if title.startswith("burst"):
        print(*verdicts(wire, figures), "", sep="\n", flush=True)


if __name__ == "__main__":
    main()
