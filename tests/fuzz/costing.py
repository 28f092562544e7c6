"""What decoding costs: lines run and bytes allocated, and what the decoder holds when the events are gone.

Allocations are told line by line, as the peak that each left behind: that is how a copy made inside of one line, of all
that came before, is seen. What only looks (a search from the start again) is not.
"""

from __future__ import annotations

import sys
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from attrs import frozen

from riverrun.engine.core.policy import Limits
from tests.fuzz.decoding import provider
from tests.fuzz.growing import Growth

READ_BYTES = 4096

HELD_LIMITS = Limits(
    line_bytes_max=16 * 1024, event_bytes_max=16 * 1024, arguments_bytes_max=16 * 1024, held_bytes_max=16 * 1024,
    calls_max=64, blocks_max=64, cursor_bytes_max=4096,
)  # fmt: skip
"""Bounds that a stream of 100 KB passes, whatever of it is held."""

HELD_BYTES_MAX = 256 * 1024
"""What a decoder may hold under these: a line, an event, the 16 KiB and 64 things of each kind, as Python objects."""

LINES_A_FRAME_MAX = 600
"""How many lines may run for a frame, however long it is: 250 are seen."""

BYTES_A_FRAME_MAX, BYTES_A_BYTE_MAX = 100_000, 40
"""What may be allocated: 100 bytes by each of these lines, and some copies of what came."""


@frozen
class Cost:
    """What a stream cost."""

    received_bytes: int
    lines: int
    allocated_bytes: int
    held_bytes_max: int
    defect: str | None


def measure(name: str, data: bytes, limits: Limits) -> Cost:
    """Decode a stream in reads of 4 KiB, and measure what it costs; the body does not end."""
    decoder, held_bytes_max = provider(name).decoder(limits), 0
    with tracing() as counts:
        before = tracemalloc.get_traced_memory()[0]
        for at in range(0, len(data), READ_BYTES):
            counts.run(decoder.feed, data[at : at + READ_BYTES])
            held_bytes_max = max(held_bytes_max, tracemalloc.get_traced_memory()[0] - before)
    return Cost(len(data), counts.lines, counts.allocated_bytes, held_bytes_max, decoder.defect)


class Counts:
    """Counts the lines that run inside the library, and what each allocates."""

    def __init__(self) -> None:
        self.lines = self.allocated_bytes = 0
        self._before = 0

    def run(self, feed: Any, data: bytes) -> None:
        """Feed a decoder, and forget the events."""
        tracemalloc.reset_peak()
        self._before = tracemalloc.get_traced_memory()[0]
        sys.settrace(self._enter)
        try:
            feed(data)
        finally:
            sys.settrace(None)
        self._count()

    def _enter(self, frame: FrameType, _event: str, _argument: Any) -> Any:
        return self._line if "/tests/" not in frame.f_code.co_filename else None

    def _line(self, _frame: FrameType, event: str, _argument: Any) -> Any:
        self.lines += event == "line"
        self._count()
        return self._line

    def _count(self) -> None:
        now, peak = tracemalloc.get_traced_memory()
        self.allocated_bytes += max(peak - self._before, 0)
        self._before = now
        tracemalloc.reset_peak()


@contextmanager
def tracing() -> Iterator[Counts]:
    """Trace memory, and whoever traced before goes on after it."""
    traced = sys.gettrace()
    tracemalloc.start(1)
    try:
        yield Counts()
    finally:
        tracemalloc.stop()
        sys.settrace(traced)


def check_held(name: str, growth: Growth) -> None:
    """However long a stream goes on, what is held of it is bounded."""
    cost = measure(name, growth.stream(128 * 1024), HELD_LIMITS)
    assert cost.held_bytes_max <= HELD_BYTES_MAX, (cost, growth)


def check_work(name: str, growth: Growth, size: int = 8192) -> None:
    """Twice as much more takes no more than double, and a byte and a frame cost no more than they may."""
    costs = [measure(name, growth.stream(size * times), Limits()) for times in (1, 2, 4)]
    some, more, most = (cost.lines for cost in costs)
    assert most - more <= 2.5 * (more - some) + 500, (costs, growth)
    some, more, most = (cost.allocated_bytes for cost in costs)
    assert most - more <= 2.5 * (more - some) + 4 * size, (costs, growth)
    frames = 4 * size // growth.frame_bytes + 20
    assert costs[2].lines <= LINES_A_FRAME_MAX * frames, (costs[2], growth)
    assert costs[2].allocated_bytes <= BYTES_A_FRAME_MAX * frames + BYTES_A_BYTE_MAX * costs[2].received_bytes, growth
