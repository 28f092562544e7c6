"""A small measurement of stalls: two clients and three policies on two traces, a few answers each."""

from __future__ import annotations

from functools import cache

from riverrun import Policy, StallPolicy
from riverrun.engine.testing.stalls.report import StallReport
from riverrun.testing import PlainClient, measure_stalls

CLIENTS = {
    "plain": PlainClient(),
    "no clock": PlainClient(read_timeout_s=4000.0),
    "5 s": Policy(stall=StallPolicy(idle_s=5)),
    "default": Policy(),
}
TRACES = ("heavy-tail", "thinking")


@cache
def made_stalls() -> tuple[StallReport, ...]:
    """Measure."""
    return tuple(
        measure_stalls(client, gaps=trace, answers=60, words=120, name=name)
        for trace in TRACES
        for name, client in CLIENTS.items()
    )
