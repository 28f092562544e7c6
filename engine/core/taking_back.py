"""Taking back what was said: the calls under way, the place to read on from, or all of it. Each as effects."""

from __future__ import annotations

from collections.abc import Iterator

from .accumulator import Accumulator
from .effects import Deliver, Record
from .events import StreamReset
from .journal import AnswerReset, CallsCancelled
from .stream_events import CursorMoved


def forget_cursor(accumulator: Accumulator) -> Iterator[Record]:
    """Give up the place in a generation that is no more, or that can not be read on."""
    if accumulator.cursor is not None:
        moved = CursorMoved(None)
        accumulator.fold(moved)
        yield Record(moved)


def cancel_calls(accumulator: Accumulator, reason: str, *, lives_on: bool = False) -> Iterator[Record | Deliver]:
    """Cancel the calls under way and tell the consumer.

    Where their generation `lives_on`, they are cancelled for this consumer only: the journal keeps them under way and
    the cursor, so whoever opens the run next is told them from their start, and reads them on.
    """
    cancelled = accumulator.cancel_open_calls(reason)
    if cancelled and not lives_on:
        yield from forget_cursor(accumulator)  # it may stand inside one of them
        yield Record(CallsCancelled())
    yield from map(Deliver, cancelled)


def take_back(accumulator: Accumulator, reason: str) -> Iterator[Record | Deliver]:
    """Drop everything said, here and at the consumer's."""
    accumulator.reset()
    yield Record(AnswerReset())
    yield Deliver(StreamReset(reason))
