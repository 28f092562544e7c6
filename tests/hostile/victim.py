"""The process under attack: one run of one provider against a server on this machine, and what it cost.

python -m tests.hostile.victim PROVIDER PORT [OPTION=JSON …]   prints a line of JSON
"""

from __future__ import annotations

import json
import resource
import sys
from pathlib import Path
from time import perf_counter, thread_time
from typing import Any

import trio

import riverrun as rr
from riverrun.providers.by_name import provider_classes

CEILING_BYTES = 3 * 2**30
"""Nothing here comes near it; a bound that is missing ends in `MemoryError` and not in a machine without memory."""

TICK_S = 0.005
GIVE_UP_S = 60.0


async def tick(seen: dict[str, float]) -> None:
    """Note how late a task is that only sleeps: what holds the loop is late for every run of the process.

    No later than this thread has worked meanwhile: the rest is the machine's doing, which has other work too.
    """
    while True:
        due, worked_s = perf_counter() + TICK_S, thread_time()
        await trio.sleep(TICK_S)
        seen["late_s"] = max(seen["late_s"], min(perf_counter() - due, thread_time() - worked_s))


def resident_bytes(field: str) -> int:
    """Read "VmRSS" or "VmHWM" (the peak) of this process."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{field}:"))


def forget_peak() -> None:
    """Let "VmHWM" begin anew."""
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")


async def ask(name: str, port: int, options: dict[str, Any], extra: dict[str, Any]) -> dict[str, Any]:
    """Run once under the default limits; say how it ended, and how much was given."""
    provider = provider_classes()[name]("some-model", base_url=f"http://127.0.0.1:{port}", api_key="k" * 20, **options)
    engine = rr.Engine(provider, policy=rr.Policy(retry=rr.RetryPolicy(attempts_max=1)))
    request = rr.InferenceRequest(rr.Message.user("Tell me of rivers."), max_tokens=100_000, extra=extra)
    given = 0
    try:
        async with engine.open_stream(request) as run:
            async for event in run:
                given += len(event.text) if isinstance(event, rr.TextDelta | rr.ReasoningDelta) else 0
    except rr.InferenceError as error:
        return {"end": type(error).__name__, "said": str(error)[:600], "given": given}
    return {"end": str(run.result.stop_reason), "said": "", "given": given}


async def main(name: str, port: int, options: dict[str, Any]) -> None:
    """Warm up on the first connection, then stand the attack on the second, and print what it cost."""
    resource.setrlimit(resource.RLIMIT_AS, (CEILING_BYTES, CEILING_BYTES))
    extra = options.pop("extra", {})
    await ask(name, port, options, extra)
    forget_peak()
    before, seen = resident_bytes("VmRSS"), {"late_s": 0.0}
    began = perf_counter()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(tick, seen)
        outcome: dict[str, Any] = {"end": "did not end", "said": "", "given": 0}
        with trio.move_on_after(GIVE_UP_S):
            outcome = await ask(name, port, options, extra)
        nursery.cancel_scope.cancel(reason="the attack is over")
    grown = resident_bytes("VmHWM") - before
    print(json.dumps({**outcome, **seen, "grown_bytes": grown, "took_s": perf_counter() - began}))


if __name__ == "__main__":
    given = dict(argument.split("=", 1) for argument in sys.argv[3:])
    trio.run(main, sys.argv[1], int(sys.argv[2]), {name: json.loads(value) for name, value in given.items()})
