"""The process under attack: a model signs one letter again and again into a store, which is opened then.

python -m tests.hostile.stored PATH SIGNATURES SIZE   prints a line of JSON
"""

from __future__ import annotations

import json
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from time import perf_counter

import trio

import riverrun as rr
from riverrun.engine.core.stream_events import ReasoningDelta, ReasoningSignature
from riverrun.engine.core.usage import UsageReport
from tests.engine.own_source import ASK, ONCE, OwnSource, engine_of
from tests.hostile.ticker import tick
from tests.hostile.victim import resident_bytes


class Signing(OwnSource):
    """Thinks one letter, and signs and counts it anew for as long as it is asked to."""

    def __init__(self, signatures: int, size: int) -> None:
        super().__init__([ReasoningDelta("x"), *self._again(signatures, size)])

    @staticmethod
    def _again(signatures: int, size: int) -> list[ReasoningSignature | UsageReport]:
        return [ReasoningSignature(f"{n:0{size}}") if n % 2 else UsageReport(output=n) for n in range(2 * signatures)]


def begin_peak_anew() -> None:
    """Let VmHWM be the peak from here on."""
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")


def bytes_of(path: str) -> int:
    """How large a store in a file is, with what is not in its main file yet."""
    return sum(Path(path + suffix).stat().st_size for suffix in ("", "-wal"))


async def measured(work: Callable[[], Awaitable[object]]) -> dict[str, float]:
    """Say what some work costs: memory at its peak, and the lateness of a task beside it."""
    begin_peak_anew()
    before, seen = resident_bytes("VmRSS"), {"late_s": 0.0}
    async with trio.open_nursery() as nursery:
        nursery.start_soon(tick, seen)
        await work()
        nursery.cancel_scope.cancel(reason="the work is done")
    return {**seen, "grown_bytes": resident_bytes("VmHWM") - before}


async def main(path: str, signatures: int, size: int) -> None:
    """Store, and open what was stored."""
    async with rr.SQLiteStore(path) as store:

        async def attack() -> None:
            engine = engine_of(Signing(signatures, size), store=store, policy=ONCE)
            try:
                await engine.complete(ASK, run_id="run")
            except rr.InferenceError:
                return

        async def read() -> None:
            async with engine_of(OwnSource([]), store=store, policy=ONCE).open_stream(ASK, run_id="run"):
                return

        began = perf_counter()
        await attack()
        stored = bytes_of(path)
        opening = await measured(read)
    print(json.dumps({**opening, "stored_bytes": stored, "took_s": perf_counter() - began}))


if __name__ == "__main__":
    trio.run(main, sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
